//! `wss` with certificates made here; what the handshake carries both ways.
#![cfg(feature = "rustls-tls")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use heartline_driver_testing::Authority;
use heartline_tokio::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use heartline_tokio::{Client, Tls};
use support::next_text;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// An echo server for `localhost` that tells who it was asked by, and who vouches for it.
async fn server() -> (SocketAddr, Authority) {
    let authority = Authority::new();
    let config = authority.server(&["localhost"], false);
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, answer).await else { return };
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_text() && socket.send(message).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, authority)
}

#[expect(clippy::result_large_err)] // The type is tungstenite's.
fn answer(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let asked = request.headers().get("x-token").cloned().expect("the client's header");
    assert_eq!(request.headers()["sec-websocket-protocol"], "chat, news");
    response.headers_mut().insert("x-asked-by", asked);
    response.headers_mut().insert("sec-websocket-protocol", "news".parse().expect("a header"));
    Ok(response)
}

fn builder(address: SocketAddr) -> support::Plain {
    Client::builder(format!("wss://localhost:{}/", address.port())).request(|dial| async move {
        Ok(dial.request()?.header("X-Token", "t0ken")?.protocol("chat").protocol("news"))
    })
}

#[tokio::test]
async fn own_roots_and_an_own_configuration_are_used_and_the_response_reaches_the_application() {
    let (address, authority) = server().await;
    for tls in [Tls::roots([authority.root()]).expect("valid"), Tls::rustls(authority.client(None))] {
        let (client, mut incoming) = builder(address).tls(tls).spawn().expect("valid");
        client.send("hello").await.expect("accepted");
        client.send("x".repeat(1_000_000)).await.expect("accepted");
        assert_eq!(next_text(&mut incoming).await.as_deref(), Some("hello"));
        assert_eq!(next_text(&mut incoming).await.map(|text| text.len()), Some(1_000_000));
        let response = client.status().borrow().response.clone().expect("an open connection");
        assert_eq!((response.status(), response.protocol()), (101, Some("news")));
        assert_eq!(response.header("x-asked-by"), Some("t0ken"));
        assert!(client.close(support::SECOND).await.is_clean());
    }
}

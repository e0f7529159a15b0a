//! `wss` with certificates made here; what the handshake carries both ways.
#![cfg(feature = "rustls-tls")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use heartline_tokio::heartline::Loss;
use heartline_tokio::heartline::event::Cause;
use heartline_tokio::heartline::loss::TransportError;
use heartline_tokio::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use heartline_tokio::{Client, State, Tls};
use support::{next_text, until};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

/// An echo server for `localhost` that tells who it was asked by, and its certificate.
async fn server() -> (SocketAddr, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".into()]).expect("a certificate");
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("a certificate and its key");
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
    (address, certificate)
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
    let (address, certificate) = server().await;
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    for tls in [Tls::roots([certificate]).expect("valid"), Tls::rustls(config)] {
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

#[tokio::test]
async fn a_certificate_of_nobody_known_is_a_failure_of_tls() {
    let (address, _) = server().await;
    let (_, other) = server().await;
    let tls = Tls::roots([other]).expect("valid");
    let (client, _incoming) = builder(address).tls(tls).spawn().expect("valid");
    until(&client, State::Waiting).await;
    assert_eq!(client.status().borrow().cause, Cause::Lost(Loss::Transport(TransportError::Tls)));
    let ended = client.status().borrow().last_ended.clone().expect("an end");
    assert!(ended.error.as_ref().expect("an error").to_string().contains("certificate"), "{ended:?}");
}

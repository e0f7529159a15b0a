//! TLS by an acceptor that is handed in.

use std::sync::Arc;

use heartline_axum::serve::{Limits, Serve};
use heartline_driver_testing::{Authority, PATIENCE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::support::{HEAD, SOON, Server, patient};

fn by(authority: &Authority) -> impl FnOnce(Serve) -> Serve + use<> {
    let acceptor = TlsAcceptor::from(Arc::new(authority.server(&["localhost"], false)));
    move |serve| serve.tls(move |tcp| acceptor.accept(tcp))
}

#[tokio::test]
async fn requests_are_served_behind_a_handshake_and_their_scheme_is_https() {
    let authority = Authority::new();
    let server = Server::with(patient(), by(&authority)).await;
    let connector = TlsConnector::from(Arc::new(authority.client(None)));
    let name = "localhost".try_into().expect("a name");
    let mut tls = connector.connect(name, server.client().await.0).await.expect("a handshake");
    tls.write_all(b"GET /host HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
        .await
        .expect("an open connection");
    let mut answer = String::new();
    timeout(PATIENCE, tls.read_to_string(&mut answer)).await.expect("an end").expect("a clean end");
    assert!(answer.ends_with("Https a.example 443!"), "{answer}");
    server.counts(|counts| counts.open == 0 && counts.broken == 0).await;
}

#[tokio::test]
async fn a_handshake_that_stalls_is_closed() {
    let limits = Limits { handshake_timeout: SOON, ..patient() };
    let server = Server::with(limits, by(&Authority::new())).await;
    let (mut silent, mut half) = (server.client().await, server.client().await);
    half.send(&[22, 3, 1, 1, 0, 1]).await; // The beginning of a ClientHello of 256 bytes.
    assert_eq!((silent.read_all().await.as_str(), half.read_all().await.as_str()), ("", ""));
    server.counts(|counts| counts.late_handshakes == 2 && counts.open == 0).await;
}

#[tokio::test]
async fn what_is_not_tls_is_closed() {
    let server = Server::with(patient(), by(&Authority::new())).await;
    let mut client = server.client().await;
    client.send(HEAD).await;
    assert!(!client.read_all().await.contains("HTTP"));
    server.counts(|counts| counts.failed_handshakes == 1 && counts.open == 0).await;
}

#[tokio::test]
async fn silence_behind_the_handshake_is_closed() {
    let authority = Authority::new();
    let server = Server::with(Limits { header_timeout: SOON, ..patient() }, by(&authority)).await;
    let connector = TlsConnector::from(Arc::new(authority.client(None)));
    let name = "localhost".try_into().expect("a name");
    let mut tls = connector.connect(name, server.client().await.0).await.expect("a handshake");
    // Without close_notify, which is an error to TLS.
    _ = timeout(PATIENCE, tls.read_to_end(&mut Vec::new())).await.expect("the server to close");
    server.counts(|counts| counts.late_heads == 1 && counts.open == 0).await;
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_handshakes() {
    let mut server = Server::with(patient(), by(&Authority::new())).await;
    let mut silent = server.client().await;
    server.counts(|counts| counts.accepted == 1).await;
    server.stop();
    assert_eq!(silent.read_all().await, "");
    assert_eq!(server.ended().await, Ok(()));
}

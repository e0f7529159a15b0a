//! The end, in whatever the clients are about.

use heartline_axum::serve::{Limits, Unfinished};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::support::{EVER, HEAD, SOON, Server, patient};

#[tokio::test]
async fn it_accepts_no_more_and_returns() {
    let mut server = Server::start(patient()).await;
    let address = server.address;
    server.stop();
    assert_eq!(server.ended().await, Ok(()));
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn silent_and_idle_connections_end_at_once() {
    let mut server = Server::start(patient()).await;
    let (mut silent, mut idle) = (server.client().await, server.client().await);
    idle.get("/").await;
    server.counts(|counts| counts.accepted == 2).await;
    server.stop();
    assert_eq!((silent.read_all().await.as_str(), idle.read_all().await.as_str()), ("", ""));
    assert_eq!(server.ended().await, Ok(()));
}

#[tokio::test]
async fn a_request_under_way_is_answered() {
    let mut server = Server::start(patient()).await;
    let mut client = server.client().await;
    client.send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    server.asked.recv().await.expect("a question");
    server.stop();
    server.refuses().await;
    server.answer.send(()).expect("a server that runs");
    let answer = client.read_all().await;
    assert!(answer.ends_with("waited!") && answer.contains("connection: close\r\n"), "{answer}");
    assert_eq!(server.ended().await, Ok(()));
}

#[tokio::test]
async fn half_a_request_may_still_be_finished() {
    let mut server = Server::start(patient()).await;
    let mut client = server.client().await;
    client.send(b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n").await;
    client.read_until("100 Continue\r\n\r\n").await;
    client.send(b"abc").await;
    server.stop();
    server.refuses().await;
    client.send(b"def").await;
    assert!(client.read_all().await.ends_with("6!"));
    assert_eq!(server.ended().await, Ok(()));
}

#[tokio::test]
async fn half_a_head_has_its_time_and_no_more() {
    let mut server = Server::start(Limits { header_timeout: SOON, ..patient() }).await;
    let mut client = server.client().await;
    client.send(&HEAD[..9]).await;
    server.counts(|counts| counts.accepted == 1).await;
    server.stop();
    assert_eq!(client.read_all().await, "");
    assert_eq!(server.ended().await, Ok(()));
}

#[tokio::test]
async fn what_does_not_end_is_cut_off_and_counted() {
    let mut server = Server::start(Limits { shutdown_timeout: SOON, ..patient() }).await;
    let (mut streaming, mut waiting) = (server.client().await, server.client().await);
    streaming.send(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await;
    waiting.send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    streaming.read_until("\r\n\r\n").await;
    server.asked.recv().await.expect("a question");
    server.stop();
    let error = server.ended().await.expect_err("two that do not end");
    assert_eq!(error.open, 2);
    assert_eq!(waiting.read_all().await, "");
}

#[tokio::test]
async fn upgraded_sockets_are_drained() {
    let (told, within) = oneshot::channel();
    let (drained, drain) = oneshot::channel::<()>();
    let hook = |within| async move {
        told.send(within).expect("a test that listens");
        drain.await.expect("a test that drains");
    };
    let mut server = Server::with(patient(), |serve| serve.drain(hook)).await;
    let mut client = server.client().await;
    client.send(b"GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\n").await;
    let (socket, _) = server.upgraded.recv().await.expect("an upgrade");
    client.read_until("\r\n\r\n").await;
    server.stop();
    assert_eq!(within.await, Ok(EVER));
    assert_eq!(server.monitor.stats().open, 1);
    drop(socket);
    assert_eq!(client.read_all().await, "");
    drained.send(()).expect("a server that waits");
    assert_eq!(server.ended().await, Ok(()));
}

#[tokio::test]
async fn an_upgraded_socket_that_stays_open_is_waited_for_and_then_reported() {
    let mut server = Server::start(Limits { shutdown_timeout: SOON, ..patient() }).await;
    let mut client = server.client().await;
    client.send(b"GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\n").await;
    let (_socket, _) = server.upgraded.recv().await.expect("an upgrade");
    server.stop();
    assert!(matches!(server.ended().await, Err(Unfinished { open: 1, .. })));
}

#[tokio::test]
async fn a_drain_that_does_not_end_is_not_waited_for() {
    let limits = Limits { shutdown_timeout: SOON, ..patient() };
    let mut server = Server::with(limits, |serve| serve.drain(|_| std::future::pending())).await;
    server.stop();
    let error = server.ended().await.expect_err("one that does not end");
    assert_eq!(error.to_string(), "the shutdown took longer than its limit; 0 sockets were still open");
}

/// Nothing but the listener and the connections in HTTP is closed by it.
#[tokio::test]
async fn a_server_that_is_dropped_closes_its_connections() {
    let server = Server::start(patient()).await;
    let mut client = server.client().await;
    client.get("/").await;
    server.abort();
    assert_eq!(client.read_all().await, "");
}

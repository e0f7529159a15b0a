//! Clients that take their time.

use std::time::Duration;

use heartline_axum::serve::Limits;
use tokio::io::AsyncWriteExt;

use crate::support::{HEAD, SOON, Server, patient};

#[tokio::test]
async fn a_silent_socket_is_closed() {
    let server = Server::start(Limits { header_timeout: SOON, ..patient() }).await;
    assert_eq!(server.client().await.read_all().await, "");
    server.counts(|counts| counts.late_heads == 1 && counts.open == 0).await;
}

#[tokio::test]
async fn half_a_request_is_closed() {
    let server = Server::start(Limits { header_timeout: SOON, ..patient() }).await;
    let mut client = server.client().await;
    client.send(&HEAD[..HEAD.len() - 2]).await;
    assert_eq!(client.read_all().await, "");
    server.counts(|counts| counts.late_heads == 1 && counts.open == 0).await;
}

#[tokio::test]
async fn a_head_that_drips_is_closed() {
    let server = Server::start(Limits { header_timeout: SOON, ..patient() }).await;
    let mut client = server.client().await;
    client.send(b"GET / HTTP/1.1\r\nX: ").await;
    let drip = async {
        // At this pace the limit on bytes is minutes away.
        while client.0.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(heartline_driver_testing::PATIENCE, drip).await.expect("the server to close");
    server.counts(|counts| counts.late_heads == 1 && counts.open == 0).await;
}

/// The other way round hyper's own timeout would have closed it.
#[tokio::test]
async fn an_idle_connection_outlives_the_time_for_a_head_which_then_begins_anew() {
    let server = Server::start(Limits { header_timeout: SOON, ..patient() }).await;
    let mut idle = server.client().await;
    idle.get("/").await;
    assert_eq!(server.client().await.read_all().await, "", "that time is over");
    assert!(idle.get("/").await.ends_with("hello!"));
    idle.send(&HEAD[..9]).await;
    assert_eq!(idle.read_all().await, "");
    server.counts(|counts| counts.late_heads == 2 && counts.idle == 0 && counts.open == 0).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let server = Server::start(Limits { keep_alive_timeout: SOON, ..patient() }).await;
    let mut client = server.client().await;
    client.get("/").await;
    assert_eq!(client.read_all().await, "");
    server.counts(|counts| counts.idle == 1 && counts.open == 0).await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let server = Server::start(Limits { body_timeout: SOON, ..patient() }).await;
    let mut client = server.client().await;
    client.send(b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").await;
    assert_eq!(client.read_all().await, "");
    server.counts(|counts| counts.late_bodies == 1 && counts.open == 0).await;
}

/// Whether the handler holds what it read of the body, drops it, or never asked for it.
#[tokio::test]
async fn a_handler_has_its_time_when_the_body_is_no_more_waited_for() {
    let limits = Limits { header_timeout: SOON, body_timeout: SOON, keep_alive_timeout: SOON, ..patient() };
    let mut server = Server::start(limits).await;
    for request in ["GET /wait", "POST /held", "POST /wait"] {
        let mut client = server.client().await;
        client.send(format!("{request} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").as_bytes()).await;
        server.asked.recv().await.expect("a question");
        assert_eq!(server.client().await.read_all().await, "", "all limits are over");
        server.answer.send(()).expect("a server that runs");
        client.read_until("waited!").await;
    }
}

#[tokio::test]
async fn a_connection_is_idle_behind_an_answer_without_body_too() {
    let server = Server::start(Limits { keep_alive_timeout: SOON, ..patient() }).await;
    let mut client = server.client().await;
    client.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(client.read_all().await.ends_with("\r\n\r\n"));
    server.counts(|counts| counts.idle == 1 && counts.open == 0).await;
}

/// Neither read nor counted as late, and nothing that keeps the connection.
#[tokio::test]
async fn a_body_that_nobody_reads_does_not_matter() {
    let server = Server::start(Limits { keep_alive_timeout: SOON, ..patient() }).await;
    let mut client = server.client().await;
    client.send(b"POST /ignored HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").await;
    client.read_until("ignored!").await;
    client.read_all().await;
    server.counts(|counts| counts.open == 0 && counts.late_bodies == 0).await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_closed() {
    let server = Server::start(Limits { write_timeout: SOON, ..patient() }).await;
    let mut client = server.client().await;
    client.send(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await;
    server.counts(|counts| counts.late_readers == 1 && counts.open == 0).await;
}

#[tokio::test]
async fn a_client_that_reads_is_not() {
    let server = Server::start(Limits { header_timeout: SOON, write_timeout: SOON, ..patient() }).await;
    let mut client = server.client().await;
    client.send(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let (mut reading, mut sink) = (client.0, tokio::io::sink());
    let over = async { server.client().await.read_all().await };
    tokio::select! {
        read = tokio::io::copy(&mut reading, &mut sink) => panic!("closed: {read:?}"),
        _ = over => {}
    }
    assert_eq!(server.monitor.stats().late_readers, 0);
}

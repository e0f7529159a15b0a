//! What is answered, and with what.

use heartline_axum::serve::Limits;
use heartline_axum::{Hosts, Proxies};

use crate::support::{Client, HEAD, SOON, Server, patient};

fn head(lines: usize, padding: usize) -> Vec<u8> {
    let mut head = b"GET / HTTP/1.1\r\nHost: a.example\r\n".to_vec();
    for _ in 1..lines - 1 {
        head.extend(b"X: y\r\n");
    }
    head.extend(b"Y: ");
    head.resize(head.len() + padding, b'y');
    head.extend(b"\r\n\r\n");
    head
}

async fn status(client: &mut Client, head: &[u8]) -> String {
    client.send(head).await;
    client.read_until("\r\n").await
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    let server = Server::start(patient()).await;
    let mut client = server.client().await;
    for _ in 0..3 {
        assert!(client.get("/").await.ends_with("hello!"));
    }
    assert_eq!(server.monitor.stats().accepted, 1);
}

#[tokio::test]
async fn at_most_so_many_headers_are_read() {
    let server = Server::start(patient()).await;
    assert_eq!(status(&mut server.client().await, &head(64, 1)).await, "HTTP/1.1 200 OK\r\n");
    let mut client = server.client().await;
    assert!(status(&mut client, &head(65, 1)).await.starts_with("HTTP/1.1 431 "));
    client.read_all().await;
    server.counts(|counts| counts.broken == 1).await;
}

#[tokio::test]
async fn at_most_so_many_bytes_of_a_head_are_read() {
    let server = Server::start(patient()).await;
    let fitting = 16 * 1024 - head(2, 0).len();
    assert_eq!(status(&mut server.client().await, &head(2, fitting)).await, "HTTP/1.1 200 OK\r\n");
    for padding in [fitting + 1, 17 * 1024, 100 * 1024] {
        let mut client = server.client().await;
        // The rest may meet a closed connection.
        _ = tokio::io::AsyncWriteExt::write_all(&mut client.0, &head(2, padding)).await;
        let answer = client.read_all().await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    server.counts(|counts| counts.broken == 3).await;
}

#[tokio::test]
async fn handlers_know_the_other_end_and_the_client() {
    let network = "127.0.0.0/8".parse().expect("a network");
    let server = Server::with(patient(), |serve| serve.proxies(Proxies::trusting([network]))).await;
    let mut client = server.client().await;
    let port = client.0.local_addr().expect("an address").port();
    assert!(client.get("/peer").await.ends_with(&format!("\r\n{port}!")));
    let headers = "X-Forwarded-For: 203.0.113.9, 192.0.2.1\r\nX-Forwarded-Proto: https";
    client.send(format!("GET /client HTTP/1.1\r\nHost: a.example\r\n{headers}\r\n\r\n").as_bytes()).await;
    assert!(client.read_until("\r\n192.0.2.1").await.starts_with("HTTP/1.1 200 "));
    let mut client = server.client().await;
    client.send(format!("GET /host HTTP/1.1\r\nHost: A.Example\r\n{headers}\r\n\r\n").as_bytes()).await;
    client.read_until("\r\nHttps a.example 443!").await;
}

#[tokio::test]
async fn nothing_that_a_client_says_of_itself_is_believed_by_default() {
    let server = Server::start(patient()).await;
    let mut client = server.client().await;
    client.send(b"GET /client HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n").await;
    client.read_until("\r\n127.0.0.1!").await;
    client.send(b"GET /host HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n\r\n").await;
    client.read_until("\r\nHttp a 80!").await;
}

#[tokio::test]
async fn a_request_for_another_host_does_not_reach_the_application() {
    let hosts = Hosts::list(["a.example"]).expect("a host");
    let server = Server::with(patient(), |serve| serve.hosts(hosts)).await;
    for (request, line) in [
        ("GET / HTTP/1.1\r\nHost: A.example.\r\n\r\n", "HTTP/1.1 200 OK\r\n"),
        ("GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "HTTP/1.1 200 OK\r\n"),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "HTTP/1.1 421 Misdirected Request\r\n"),
        ("GET / HTTP/1.1\r\nHost: a.example\r\nHost: a.example\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"),
        ("GET / HTTP/1.1\r\nHost: x@a.example\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"),
        ("GET http://evil.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"),
        ("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"),
        ("GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 400 Bad Request\r\n"),
    ] {
        assert_eq!(status(&mut server.client().await, request.as_bytes()).await, line, "{request:?}");
    }
}

#[tokio::test]
async fn a_handler_that_panics_costs_its_connection() {
    let server = Server::start(patient()).await;
    let mut client = server.client().await;
    client.send(b"GET /panic HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.read_all().await, "");
    server.counts(|counts| counts.panicked == 1 && counts.open == 0).await;
    assert!(server.client().await.get("/").await.ends_with("hello!"));
}

/// No limit on time holds behind an upgrade; the socket is counted until it is dropped.
#[tokio::test]
async fn an_upgraded_socket_is_its_owner_s_and_still_counts() {
    let limits =
        Limits { header_timeout: SOON, body_timeout: SOON, keep_alive_timeout: SOON, write_timeout: SOON, ..patient() };
    let mut server = Server::start(limits).await;
    let mut client = server.client().await;
    client.send(b"GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\nearly").await;
    let (socket, early) = server.upgraded.recv().await.expect("an upgrade");
    client.read_until("\r\n\r\n").await;
    let mut socket = socket.into_inner();
    assert!(socket.tcp().is_some_and(|tcp| tcp.nodelay().is_ok_and(|set| set)));
    assert_eq!(server.client().await.read_all().await, "", "all limits are over");
    tokio::io::AsyncWriteExt::write_all(&mut socket, b"late!").await.expect("an open connection");
    assert_eq!((client.read_until("!").await.as_str(), &early[..]), ("late!", &b"early"[..]));
    server.counts(|counts| counts.open == 1).await;
    drop(socket);
    server.counts(|counts| counts.open == 0).await;
}

#[tokio::test]
async fn a_pipelined_request_is_answered() {
    let server = Server::start(patient()).await;
    let mut client = server.client().await;
    client.send(&[HEAD, HEAD].concat()).await;
    client.read_until("hello!").await;
    client.read_until("hello!").await;
}

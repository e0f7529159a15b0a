//! What goes over the wire in an opening handshake, and what comes back.

use heartline_tungstenite::tungstenite::accept_hdr;
use heartline_tungstenite::tungstenite::handshake::server::{Request as Received, Response as Answer};
use heartline_tungstenite::{Limits, Request};

use crate::harness::{Server, answering, open, open_url};

const REFUSAL: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

/// The request as a server reads it. Finding A9.
fn head(url: impl FnOnce(u16) -> String, prepare: impl FnOnce(Request) -> Request) -> String {
    let server = answering(REFUSAL);
    let request = prepare(Request::new(&url(server.port)).expect("a URL"));
    open(request, Limits::default()).expect_err("a refusal");
    server.join()
}

fn line(head: &str, name: &str) -> Option<String> {
    let prefix = format!("{}:", name.to_ascii_lowercase());
    let mut lines = head.lines().filter(|line| line.to_ascii_lowercase().starts_with(&prefix));
    let value = lines.next()?.split_once(": ")?.1.to_owned();
    assert_eq!(lines.next(), None, "{name} is sent twice");
    Some(value)
}

#[test]
fn a_url_with_a_query_and_no_path_asks_for_the_root() {
    let head = head(|port| format!("WS://127.0.0.1:{port}?room=1"), |request| request);
    assert!(head.starts_with("GET /?room=1 HTTP/1.1\r\n"), "{head}");
}

#[test]
fn user_name_and_password_of_the_url_arrive_as_basic_authorization() {
    let head = head(|port| format!("ws://Aladdin:open%20sesame@127.0.0.1:{port}/"), |request| request);
    assert_eq!(line(&head, "Authorization").as_deref(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    assert!(line(&head, "Host").is_some_and(|host| host.starts_with("127.0.0.1:")), "{head}");
}

#[test]
fn headers_cookies_and_sub_protocols_arrive_and_compression_is_not_offered() {
    let head = head(
        |port| format!("ws://127.0.0.1:{port}/ws"),
        |request| {
            let request = request.header("Origin", "https://a.example").unwrap().cookie("a", "1").unwrap();
            request.cookie("b", "2").unwrap().protocol("v2").protocol("v1")
        },
    );
    assert_eq!(line(&head, "Origin").as_deref(), Some("https://a.example"));
    assert_eq!(line(&head, "Cookie").as_deref(), Some("a=1; b=2"));
    assert_eq!(line(&head, "Sec-WebSocket-Protocol").as_deref(), Some("v2, v1"));
    assert_eq!(line(&head, "Sec-WebSocket-Version").as_deref(), Some("13"));
    assert_eq!(line(&head, "Sec-WebSocket-Extensions"), None);
}

#[test]
fn the_response_has_the_chosen_sub_protocol_and_the_servers_headers() {
    let server = Server::start(|stream| {
        #[expect(clippy::result_large_err)] // The signature is tungstenite's.
        let choose = |_: &Received, mut answer: Answer| {
            answer.headers_mut().insert("Sec-WebSocket-Protocol", "v1".parse().unwrap());
            answer.headers_mut().insert("X-Node", "seven".parse().unwrap());
            Ok(answer)
        };
        accept_hdr(stream, choose).expect("a handshake");
    });
    let request = Request::new(&server.url("/")).unwrap().protocol("v2").protocol("v1");
    let (_client, response) = open(request, Limits::default()).unwrap();
    assert_eq!((response.status(), response.protocol(), response.header("x-node")), (101, Some("v1"), Some("seven")));
    server.join();
}

#[test]
fn a_host_that_resolves_is_dialled_by_its_ascii_name() {
    let server = answering(REFUSAL);
    let ended = open_url(&format!("ws://LOCALHOST:{}/", server.port)).expect_err("a refusal");
    assert_eq!(ended.loss, heartline::Loss::Status(404));
    assert!(server.join().contains("Host: localhost:"));
}

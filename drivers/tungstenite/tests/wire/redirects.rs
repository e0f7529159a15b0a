//! Redirects over the wire. Finding A8.

use std::net::TcpStream;

use heartline::Loss;
use heartline::retry::{RetryPolicy, Verdict};
use heartline_tungstenite::tungstenite::accept_hdr;
use heartline_tungstenite::tungstenite::handshake::server::{Request as Received, Response as Answer};
use heartline_tungstenite::{Limits, Request};

use crate::harness::{Server, answering, open};

/// Accepts, and gives back what it was asked for: the path, and whether credentials came along.
fn accepting() -> Server<(String, bool)> {
    Server::start(|stream: TcpStream| {
        let mut seen = None;
        #[expect(clippy::result_large_err)] // The signature is tungstenite's.
        let look = |request: &Received, answer: Answer| {
            let credentials = ["authorization", "cookie"].iter().any(|name| request.headers().contains_key(*name));
            seen = Some((request.uri().to_string(), credentials));
            Ok(answer)
        };
        accept_hdr(stream, look).expect("a handshake");
        seen.expect("a request")
    })
}

#[test]
fn a_redirect_is_final_tells_its_location_and_can_be_followed_without_the_credentials() {
    let target = accepting();
    let location = format!("http://127.0.0.1:{}/new?x=1#top", target.port);
    let front = answering(format!("HTTP/1.1 308 Permanent Redirect\r\nLocation: {location}\r\n\r\n"));

    let request = Request::new(&front.url("/old")).unwrap().header("Authorization", "Bearer 1").unwrap();
    let request = request.cookie("id", "1").unwrap();
    let ended = open(request.clone(), Limits::default()).expect_err("a redirect");
    assert_eq!((ended.loss, RetryPolicy::default().verdict(ended.loss)), (Loss::Status(308), Verdict::Stop));
    let response = ended.response.expect("the response");
    assert_eq!((response.is_redirect(), response.location()), (true, Some(location.as_str())));
    assert!(front.join().contains("Bearer 1"), "the first server is the one they are meant for");

    let next = request.redirected(response.location().unwrap()).unwrap();
    assert_eq!(open(next, Limits::default()).unwrap().1.status(), 101);
    assert_eq!(target.join(), ("/new?x=1".into(), false));
}

#[test]
fn a_relative_redirect_stays_on_the_server_and_keeps_the_credentials() {
    let front = answering("HTTP/1.1 302 Found\r\nLocation: ../v2/ws\r\n\r\n");
    let request = Request::new(&front.url("/v1/ws?room=1")).unwrap().header("Authorization", "Bearer 1").unwrap();
    let ended = open(request.clone(), Limits::default()).expect_err("a redirect");
    let next = request.redirected(ended.response.unwrap().location().unwrap()).unwrap();
    assert_eq!(next.url(), front.url("/v2/ws"));
    assert!(next.headers().contains_key("authorization"));
    front.join();
}

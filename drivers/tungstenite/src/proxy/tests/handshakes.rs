//! What is said to a proxy, and what its answers mean.

use std::collections::VecDeque;
use std::io::{self, Read, Write};

use heartline::Loss;
use heartline::loss::TransportError;
use heartline::retry::{RetryPolicy, Verdict};
use proptest::prelude::*;

use super::*;
use crate::Ended;
use crate::ended::EndError;

/// A proxy that gives its answers in pieces of a size, and has nothing more to say when it has said all.
struct Scripted {
    says: VecDeque<u8>,
    piece: usize,
    heard: Vec<u8>,
    hangs: bool,
}

impl Scripted {
    fn new(says: &[u8], piece: usize) -> Self {
        Self { says: says.iter().copied().collect(), piece, heard: Vec::new(), hangs: false }
    }
}

impl Read for Scripted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(!buffer.is_empty(), "a read of nothing tells nothing");
        if self.says.is_empty() && self.hangs {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let most = self.piece.min(buffer.len());
        self.says.read(&mut buffer[..most])
    }
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.piece.min(bytes.len());
        self.heard.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn ask(url: &str, target: &Address, says: &[u8], piece: usize) -> (Result<bool, EndError>, Scripted) {
    let mut stream = Scripted::new(says, piece);
    let result = proxy(url).handshake(target).map_err(EndError::from);
    (result.and_then(|mut handshake| handshake.advance(&mut stream)), stream)
}

/// A URL, the target, what the proxy says, and what it is to hear.
type Conversation<'a> = (&'a str, Address, &'a [u8], Vec<u8>);

#[track_caller]
fn leaves_alone_what_follows(conversations: &[Conversation<'_>]) {
    for (url, target, says, heard) in conversations {
        for piece in [1, 2, 3, 1000] {
            let says = [says, b"\x81\x02hi".as_slice()].concat();
            let (result, mut stream) = ask(url, target, &says, piece);
            assert_eq!((result, &stream.heard), (Ok(true), heard), "{url}, {piece} bytes at a time");
            assert_eq!(stream.says.make_contiguous(), b"\x81\x02hi", "{url}");
        }
    }
}

#[test]
fn connect_leads_to_a_connection_and_what_follows_the_answer_is_left_alone() {
    let named = target("chat.example", 443);
    let connect =
        |more: &str| format!("CONNECT chat.example:443 HTTP/1.1\r\nHost: chat.example:443\r\n{more}\r\n").into_bytes();
    leaves_alone_what_follows(&[
        ("http://p", named.clone(), b"HTTP/1.1 200 OK\r\n\r\n", connect("")),
        ("http://p", named.clone(), b"HTTP/1.0 200\r\nContent-Length: 9\r\n\r\n", connect("")),
        ("http://p", named.clone(), b"HTTP/1.1 204 Yes\nA: b\n\n", connect("")),
        ("http://p", named.clone(), b"HTTP/1.1 100 Wait\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", connect("")),
        (
            "http://me:s%C3%BC@p",
            named.clone(),
            b"HTTP/1.1 200 OK\r\n\r\n",
            connect("Proxy-Authorization: Basic bWU6c8O8\r\n"),
        ),
    ]);
}

#[test]
fn socks_leads_to_a_connection_and_what_follows_the_answer_is_left_alone() {
    const LOGIN: &[u8] = b"\x05\x02\x00\x02\x01\x02me\x06secret";
    let named = target("chat.example", 443);
    let named_request = b"\x05\x01\x00\x03\x0cchat.example\x01\xbb".as_slice();
    leaves_alone_what_follows(&[
        (
            "socks5://p",
            named.clone(),
            b"\x05\x00\x05\x00\x00\x01\x01\x02\x03\x04\x00\x50",
            [b"\x05\x01\x00".as_slice(), named_request].concat(),
        ),
        (
            "socks5h://me:secret@p",
            named.clone(),
            b"\x05\x02\x01\x00\x05\x00\x00\x03\x03abc\x00\x50",
            [LOGIN, named_request].concat(),
        ),
        (
            "socks5://p",
            target("10.0.0.1", 80),
            b"\x05\x00\x05\x00\x00\x03\x00\x00\x00",
            b"\x05\x01\x00\x05\x01\x00\x01\x0a\x00\x00\x01\x00\x50".to_vec(),
        ),
        (
            "socks5://p",
            target("::1", 80),
            b"\x05\x00\x05\x00\x00\x04\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x00\x50",
            [b"\x05\x01\x00\x05\x01\x00\x04".as_slice(), &[0; 15], &[1, 0, 80]].concat(),
        ),
    ]);
}

#[test]
fn a_refusal_says_why_and_the_default_policy_retries_what_may_pass() {
    use TransportError::{Connect, Io, Protocol, Proxy};
    let transport = Loss::Transport;
    let cases: [(&str, &[u8], Loss, Verdict, &str); 17] = [
        ("http://p", b"HTTP/1.1 401 Wrong\r\n\r\n", Loss::Status(407), Verdict::Stop, "401 Wrong"),
        ("http://p", b"HTTP/1.1 407 Who are you\r\n\r\n", Loss::Status(407), Verdict::Stop, "407 Who are you"),
        ("http://p", b"HTTP/1.1 403 No\r\n\r\n", Loss::Status(403), Verdict::Stop, "HTTP 403 No"),
        ("http://p", b"HTTP/1.1 302 Go\r\nLocation: /\r\n\r\n", Loss::Status(302), Verdict::Stop, "HTTP 302"),
        ("http://p", b"HTTP/1.1 502 Bad\r\n\r\n", Loss::Status(502), Verdict::Retry, "HTTP 502 Bad"),
        ("http://p", b"HTTP/1.1 503 \r\n\r\n", Loss::Status(503), Verdict::Retry, "HTTP 503"),
        ("http://p", b"SSH-2.0-OpenSSH\r\n\r\n", transport(Protocol), Verdict::Retry, "no HTTP response"),
        ("http://p", b"\r\n\r\n\r\n", transport(Protocol), Verdict::Retry, "no HTTP response"),
        ("http://p", b"HTTP/1.1 200 OK\r\nA", transport(Io), Verdict::Retry, "closed the connection"),
        ("socks5://p", b"\x05\xff", transport(Proxy), Verdict::Stop, "another login"),
        ("socks5://p", b"\x05\x02", transport(Protocol), Verdict::Retry, "was not offered"),
        ("socks5://p", b"HTTP/1.1 400", transport(Protocol), Verdict::Retry, "does not speak SOCKS 5"),
        ("socks5://me:x@p", b"\x05\x02\x01\x01", transport(Proxy), Verdict::Stop, "user name and password"),
        ("socks5://p", b"\x05\x00\x05\x02", transport(Proxy), Verdict::Stop, "not allowed"),
        ("socks5://p", b"\x05\x00\x05\x05", transport(Connect), Verdict::Retry, "connection refused (reply 5)"),
        ("socks5://p", b"\x05\x00\x05\x63", transport(Connect), Verdict::Retry, "(reply 99)"),
        ("socks5://p", b"\x05\x00\x05\x00\x00\x09\x00", transport(Protocol), Verdict::Retry, "SOCKS 5"),
    ];
    for (url, says, loss, verdict, text) in cases {
        for piece in [1, 1000] {
            let error = ask(url, &target("chat.example", 443), says, piece).0.expect_err("a refusal");
            let ended = Ended::from(error);
            assert_eq!((ended.loss, RetryPolicy::default().verdict(ended.loss)), (loss, verdict), "{ended}");
            assert!(ended.to_string().contains(text), "{ended}");
            assert!(ended.response.is_none(), "that is the server's");
        }
    }
}

#[test]
fn a_response_without_end_is_given_up_after_16_kib() {
    for endless in ["HTTP/1.1 200 OK\r\nA: ", "HTTP/1.1 100 Wait\r\n\r\n"] {
        let says = endless.to_owned() + &endless.repeat(1000);
        let (result, stream) = ask("http://p", &target("chat.example", 443), says.as_bytes(), 1000);
        assert!(matches!(result, Err(EndError::Proxy(ProxyError::Answer { .. }))), "{result:?}");
        let read = says.len() - stream.says.len();
        assert!((16_384..16_400).contains(&read), "{read}");
    }
}

#[test]
fn a_host_that_no_proxy_can_be_asked_for_is_refused_before_anything_is_said() {
    for (url, host) in [("http://p", "a\r\nX: y"), ("http://p", "a b"), ("http://p", ""), ("socks5://p", "ü")] {
        let error = proxy(url).handshake(&target(host, 1)).expect_err(host);
        assert_eq!(error, ProxyError::Host { host: host.into() });
    }
    let long = "a".repeat(256);
    assert!(proxy("http://p").handshake(&target(&long, 1)).is_ok());
    assert!(matches!(proxy("socks5://p").handshake(&target(&long, 1)), Err(ProxyError::Host { .. })));
}

#[test]
fn bytes_that_were_not_asked_for_are_an_error() {
    let mut handshake = proxy("socks5://p").handshake(&target("a", 1)).expect("a host");
    assert!(handshake.received(b"\x05").is_err(), "before anything was said");
    let length = handshake.to_write().len();
    handshake.wrote(length);
    assert!(handshake.received(b"\x05\x00\x05").is_err(), "more than the answer");
}

proptest! {
    #[test]
    fn whatever_a_proxy_says_it_is_an_end_within_bounds(
        socks: bool,
        begin in prop_oneof![
            Just(Vec::new()), Just(b"HTTP/1.1 200 OK\r\n".to_vec()), Just(vec![5, 0, 5, 0]), Just(vec![5, 2, 1, 0, 5, 0])
        ],
        rest in proptest::collection::vec(any::<u8>(), 0..400),
        piece in 1_usize..40,
        hangs: bool,
    ) {
        let url = if socks { "socks5://me:secret@p" } else { "http://p" };
        let mut handshake = proxy(url).handshake(&target("chat.example", 443)).expect("a host");
        let mut stream = Scripted::new(&[begin, rest].concat(), piece);
        stream.hangs = hangs;
        match handshake.advance(&mut stream) {
            Ok(true) => prop_assert!(handshake.is_done() && handshake.to_write().is_empty()),
            Ok(false) => prop_assert!(hangs && stream.says.is_empty() && !handshake.is_done()),
            Err(error) => _ = Ended::from(error).to_string(),
        }
    }

    #[test]
    fn an_answer_means_the_same_in_pieces_of_any_size(
        rest in "[ -~]{0,80}(\r\n|\n)?[ -~]{0,20}(\r\n\r\n|\n\n|)",
        status in 100_u16..600,
        piece in 1_usize..20,
    ) {
        let says = format!("HTTP/1.1 {status} {rest}");
        let target = target("chat.example", 443);
        let (whole, pieces) = (ask("http://p", &target, says.as_bytes(), 10_000), ask("http://p", &target, says.as_bytes(), piece));
        prop_assert_eq!(whole.0, pieces.0);
        prop_assert_eq!(whole.1.says, pieces.1.says);
    }
}

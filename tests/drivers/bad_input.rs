//! Input that makes no sense: each gets a clear error or a retry with a cause, and nothing is lost.

use heartline::{Cause, Limits, Loss, Refusal, Settings, State, Transport, Why};

use super::spawn;
use crate::faults::{Mode, Server};
use crate::harness::{Client, meet, patient, survives};
use crate::witness::Fate;

const PROTOCOL: Loss = Loss::Transport(Transport::Protocol);

/// [R4] [R5]
#[test]
fn a_nonsense_url_stops_the_session_and_keeps_what_is_queued() {
    let urls =
        ["", "nonsense", "http://127.0.0.1/", "ws://", "ws:///path", "ws://127.0.0.1:99999/", "ws://[::1/", "::"];
    for url in urls {
        let server = Server::start(Mode::ECHO);
        let mut client = Client::start(spawn, url.into(), patient());
        client.send(2, 20);
        client.connect();
        let book = client.reader.wait("a stop", |book| book.state == State::Idle && book.stats.dials > 0);
        assert_eq!(book.cause, Cause::Stopped(Loss::Transport(Transport::Address)), "{url:?}");
        assert_eq!((book.stats.dials, book.queued), (1, 2));
        client.reader.set_url(server.url());
        client.connect();
        assert_eq!(client.settle().fate("alo:1"), Some(Fate::Acked));
        assert_eq!(client.finish(&server).0.stats.dials, 2);
    }
}

/// [R1] [R2]
#[test]
fn a_port_without_a_server_is_dialled_again_but_not_in_a_hot_loop() {
    let server = Server::reserve(Mode::ECHO);
    let mut client = Client::start(spawn, server.url(), patient());
    client.send(2, 20);
    client.connect();
    let book = client.reader.wait("ten retries", |book| book.retries.len() >= 10);
    assert!(book.losses().all(|loss| loss == Loss::Transport(Transport::Connect)), "{:?}", book.events);
    for pair in book.retries.windows(2) {
        assert!(pair[1].told >= pair[0].at, "dialled before it was time: {pair:?}");
        assert!(pair[0].at.saturating_since(pair[0].told) >= patient().backoff.min, "a hot loop: {pair:?}");
    }
    server.restart();
    client.settle();
    client.finish(&server);
}

/// [R4]
#[test]
fn a_server_that_speaks_http_but_not_websocket_is_a_refused_dial() {
    survives(spawn, Mode::http("200 OK"), Loss::Status(200));
}

/// [R4]
#[test]
fn a_server_that_answers_with_the_wrong_key_breaks_the_protocol() {
    let upgrade = "101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade";
    survives(spawn, Mode::http(&format!("{upgrade}\r\nSec-WebSocket-Accept: wrong")), PROTOCOL);
}

/// [R4]
#[test]
fn a_server_that_does_not_speak_http_breaks_the_protocol() {
    survives(spawn, Mode::InsteadOfHandshake(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()), PROTOCOL);
}

/// [R4]
#[test]
fn a_server_with_tls_where_plain_was_expected_breaks_the_protocol() {
    // A TLS alert: fatal, handshake failure.
    survives(spawn, Mode::InsteadOfHandshake(vec![0x15, 3, 1, 0, 2, 2, 40]), PROTOCOL);
}

/// [R4]
#[test]
fn a_server_without_tls_where_tls_was_expected_is_a_failure_of_tls() {
    let server = Server::start(Mode::http("400 Bad Request"));
    let mut client = Client::start(spawn, server.url().replace("ws://", "wss://"), patient());
    client.send(2, 20);
    client.connect();
    let book = client.reader.wait("two losses", |book| book.losses().count() >= 2);
    assert!(book.losses().all(|loss| loss == Loss::Transport(Transport::Tls)), "{:?}", book.events);
    server.set_mode(Mode::ECHO);
    client.reader.set_url(server.url());
    client.settle();
    client.finish(&server);
}

/// [Q1] [Q7]
#[test]
fn a_message_of_100_megabytes_is_refused_or_returned_and_blocks_nobody() {
    const SIZE: usize = 100 << 20;
    for (max_bytes, refused) in [(1 << 20, true), (1 << 30, false)] {
        let settings = Settings { outbox: Limits { max_bytes, ..patient().outbox }, ..patient() };
        let (server, mut client) = meet(spawn, Mode::ECHO, settings);
        client.send(1, SIZE);
        client.send(2, 20);
        let book = client.settle();
        if refused {
            assert_eq!(book.refused, [("alo:3".into(), Refusal::TooLarge)]);
        } else {
            assert_eq!(book.fate("alo:3"), Some(Fate::Returned(Why::Rejected)));
        }
        assert_eq!((book.fate("alo:5"), book.losses().count()), (Some(Fate::Acked), 0));
        client.finish(&server);
    }
}

/// [R4] [C7]
#[test]
fn a_message_of_100_megabytes_from_the_server_breaks_the_protocol() {
    let mut frame = vec![0x82, 127];
    frame.extend((100_u64 << 20).to_be_bytes());
    survives(spawn, Mode::AfterHandshake(frame), PROTOCOL);
}

/// [R4]
#[test]
fn invalid_utf_8_from_the_server_breaks_the_protocol() {
    survives(spawn, Mode::AfterHandshake(vec![0x81, 2, 0xff, 0xfe]), PROTOCOL);
}

/// [R4]
#[test]
fn a_close_code_that_nobody_may_send_breaks_the_protocol() {
    for code in [0_u16, 999, 1005, 1006, 5000, u16::MAX] {
        let [high, low] = code.to_be_bytes();
        survives(spawn, Mode::AfterHandshake(vec![0x88, 2, high, low]), PROTOCOL);
    }
    survives(spawn, Mode::AfterHandshake(vec![0x88, 1, 3]), PROTOCOL);
}

/// [R4] [C6]
#[test]
fn a_close_frame_without_a_code_is_1005() {
    survives(spawn, Mode::AfterHandshake(vec![0x88, 0]), Loss::Close(1005));
}

/// [R4]
#[test]
fn frames_that_are_none_break_the_protocol() {
    // A masked frame, a reserved bit, an unknown opcode, a fragmented ping, a continuation of nothing.
    for frame in [vec![0x81, 0x81, 0, 0, 0, 0, b'x'], vec![0xc1, 0], vec![0x83, 0], vec![0x09, 0], vec![0x80, 0]] {
        survives(spawn, Mode::AfterHandshake(frame), PROTOCOL);
    }
}

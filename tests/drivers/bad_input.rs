//! Input that makes no sense: each gets a clear error or a retry with a cause, and nothing is lost.

use heartline::event::Cause;
use heartline::loss::TransportError;
use heartline::message::{Reason, Refusal};
use heartline::outbox::OutboxConfig;
use heartline::{Loss, Outcome, Settings, State};

use super::spawn;
use crate::faults::{Mode, Server};
use crate::harness::{dial, meet, only, patient, recovers};

const PROTOCOL: Loss = Loss::Transport(TransportError::Protocol);

/// Each of these servers costs a loss, again and again but not in a tight loop, and then everything arrives.
fn survives<const N: usize>(cases: [(&str, Mode, Loss); N]) {
    for (what, mode, loss) in cases {
        println!("{what}"); // Shown if it fails.
        let (server, client) = meet(spawn, mode, patient());
        only(&client, loss, 3);
        recovers(client, &server);
    }
}

/// [R4] [R5]
#[test]
fn a_nonsense_url_stops_the_session_and_keeps_what_is_queued() {
    let urls =
        ["", "nonsense", "http://127.0.0.1/", "ws://", "ws:///path", "ws://127.0.0.1:99999/", "ws://[::1/", "::"];
    for url in urls {
        let server = Server::start(Mode::ECHO);
        let mut client = dial(spawn, url.into(), patient());
        let record = client.monitor.wait("a stop", |record| record.state == State::Idle && record.stats.dials > 0);
        assert_eq!(record.cause, Cause::Stopped(Loss::Transport(TransportError::Address)), "{url:?}");
        assert_eq!((record.stats.dials, record.queued), (1, 2));
        client.monitor.set_url(server.url());
        client.connect();
        let (record, _) = recovers(client, &server);
        assert_eq!((record.outcome("alo:1"), record.stats.dials), (Some(Outcome::Acked), 2));
    }
}

/// [R1] [R2]
#[test]
fn a_port_without_a_server_is_dialled_again_but_not_in_a_tight_loop() {
    let server = Server::reserve(Mode::ECHO);
    let client = dial(spawn, server.url(), patient());
    let record = only(&client, Loss::Transport(TransportError::Connect), 10);
    for pair in record.retries.windows(2) {
        assert!(pair[1].reported >= pair[0].at, "dialled before it was time: {pair:?}");
    }
    recovers(client, &server);
}

/// [R4]
#[test]
fn what_keeps_a_dial_from_reaching_the_server_is_a_loss_of_its_own() {
    let server = Server::start(Mode::http("400 Bad Request"));
    // A label of more than 63 octets is in no name, and no server is asked for it (RFC 1035 §2.3.4).
    let unknown = format!("ws://{}.invalid/", "a".repeat(64));
    let client = dial(spawn, unknown, patient());
    only(&client, Loss::Transport(TransportError::Resolve), 2);
    client.monitor.set_url(server.url());
    recovers(client, &server);

    let server = Server::start(Mode::http("400 Bad Request"));
    let client = dial(spawn, server.url().replace("ws://", "wss://"), patient());
    only(&client, Loss::Transport(TransportError::Tls), 2);
    client.monitor.set_url(server.url());
    recovers(client, &server);
}

/// [R4]
#[test]
fn a_server_that_shakes_hands_in_another_way_refuses_the_dial_or_breaks_the_protocol() {
    let upgrade = "101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade";
    let alert = vec![0x15, 3, 1, 0, 2, 2, 40]; // Fatal, handshake failure.
    survives([
        ("HTTP but not WebSocket", Mode::http("200 OK"), Loss::Status(200)),
        ("the wrong key", Mode::http(&format!("{upgrade}\r\nSec-WebSocket-Accept: wrong")), PROTOCOL),
        ("not HTTP", Mode::InsteadOfHandshake(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()), PROTOCOL),
        ("TLS where plain was expected", Mode::InsteadOfHandshake(alert), PROTOCOL),
    ]);
}

/// [R4] [C6] [C7]
#[test]
fn frames_that_are_none_break_the_protocol() {
    survives(
        [
            ("a masked frame", vec![0x81, 0x81, 0, 0, 0, 0, b'x']),
            ("a reserved bit", vec![0xc1, 0]),
            ("an unknown opcode", vec![0x83, 0]),
            ("a fragmented ping", vec![0x09, 0]),
            ("a continuation of nothing", vec![0x80, 0]),
            ("invalid UTF-8", vec![0x81, 2, 0xff, 0xfe]),
            ("100 megabytes", [&[0x82, 127][..], &(100_u64 << 20).to_be_bytes()].concat()),
            ("half a close code", vec![0x88, 1, 3]),
        ]
        .map(|(what, frame)| (what, Mode::AfterHandshake(frame), PROTOCOL)),
    );
}

/// [R4] [C6]
#[test]
fn a_close_code_that_nobody_may_send_breaks_the_protocol_and_none_is_1005() {
    let close = |code: u16| {
        let [high, low] = code.to_be_bytes();
        Mode::AfterHandshake(vec![0x88, 2, high, low])
    };
    survives([0, 999, 1005, 1006, 5000, u16::MAX].map(|code| ("a forbidden code", close(code), PROTOCOL)));
    survives([("no code", Mode::AfterHandshake(vec![0x88, 0]), Loss::Close(1005))]);
}

/// [Q1] [Q7]
#[test]
fn a_message_of_100_megabytes_is_refused_or_returned_and_blocks_nobody() {
    let refused = (1 << 20, None, vec![("alo:3".to_owned(), Refusal::TooLarge)]);
    let returned = (1 << 30, Some(Outcome::Returned(Reason::Rejected, ())), Vec::new());
    for (max_bytes, outcome, refusals) in [refused, returned] {
        let settings = Settings { outbox: OutboxConfig { max_bytes, ..patient().outbox }, ..patient() };
        let (server, mut client) = meet(spawn, Mode::ECHO, settings);
        client.send(1, 100 << 20);
        client.send(2, 20);
        let (record, _) = recovers(client, &server);
        assert_eq!((record.outcome("alo:3"), &record.refused), (outcome, &refusals));
        assert_eq!((record.outcome("alo:5"), record.losses().count()), (Some(Outcome::Acked), 0));
    }
}

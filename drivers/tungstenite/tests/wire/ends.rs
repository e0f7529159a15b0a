//! How connections end over real sockets, and what the session is told. Findings A7, C4 and C5.

use std::io::{ErrorKind, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use heartline::loss::TransportError;
use heartline::{CloseCode, Loss};
use heartline_tungstenite::ended::{Close, EndError};
use heartline_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use heartline_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use heartline_tungstenite::tungstenite::{Message, accept};
use heartline_tungstenite::{Ended, Limits, Request};

use crate::harness::{Client, Server, answering, close_of, open, open_url, read_to_end};

/// A server that shakes hands and then does this; and the client's view of the end.
fn end_after<T: Send + 'static>(serve: impl FnOnce(Client) -> T + Send + 'static) -> (Ended, Client, Server<T>) {
    let server = Server::start(|stream| serve(accept(stream).expect("a handshake")));
    let (mut client, _) = open_url(&server.url("/")).expect("an open connection");
    let ended = read_to_end(&mut client);
    (ended, client, server)
}

fn after_bytes(bytes: &'static [u8]) -> Ended {
    let (ended, _client, server) = end_after(|mut socket| {
        socket.get_mut().write_all(bytes).expect("they are written");
        let _close = close_of(&mut socket); // Stays until the client goes.
    });
    drop(_client);
    server.join();
    ended
}

fn transport(error: TransportError) -> Loss {
    Loss::Transport(error)
}

/// Ends as a driver does: the complaint goes out, then the socket is dropped.
fn complain(ended: &Ended, mut client: Client) {
    let complaint = ended.complaint().expect("a complaint");
    client.send(complaint.message()).expect("it goes out");
}

#[test]
fn a_frame_over_our_limit_is_no_breach_and_both_sides_learn_the_limit() {
    let limits = Limits { max_inbound_message: 4096, max_inbound_frame: 1024, ..Limits::default() };
    let server = Server::start(|stream| {
        let mut socket = accept(stream).expect("a handshake");
        socket.send(Message::text("x".repeat(1024))).expect("the largest");
        socket.send(Message::text("x".repeat(1025))).expect("one byte more");
        close_of(&mut socket)
    });
    let (mut client, _) = open(Request::new(&server.url("/")).unwrap(), limits).unwrap();
    assert_eq!(client.read().expect("the largest frame is taken").len(), 1024);
    let ended = read_to_end(&mut client);
    assert_eq!(ended.error, Some(EndError::InboundLimit { size: 1025, limit: 1024 }));
    assert_eq!(ended.loss, Loss::Application(1009));
    complain(&ended, client);
    let (code, reason) = server.join().expect("a close frame");
    assert_eq!(code, 1009);
    assert_eq!(reason, "a message or frame of 1025 bytes is over the inbound limit of 1024 bytes");
}

#[test]
fn a_message_in_fragments_over_our_limit_is_no_breach_either() {
    let limits = Limits { max_inbound_message: 2048, max_inbound_frame: 1024, ..Limits::default() };
    let server = Server::start(|stream| {
        let mut socket = accept(stream).expect("a handshake");
        for opcode in [Data::Binary, Data::Continue, Data::Continue] {
            let frame = Frame::message(vec![0; 1000], OpCode::Data(opcode), false);
            socket.send(Message::Frame(frame)).expect("a fragment");
        }
        _ = close_of(&mut socket);
    });
    let (mut client, _) = open(Request::new(&server.url("/")).unwrap(), limits).unwrap();
    let ended = read_to_end(&mut client);
    assert_eq!(ended.error, Some(EndError::InboundLimit { size: 3000, limit: 2048 }));
    drop(client);
    server.join();
}

#[test]
fn a_close_reason_comes_in() {
    let (ended, _client, server) = end_after(|mut socket| {
        let frame = CloseFrame { code: 4401.into(), reason: "token expired".into() };
        socket.close(Some(frame)).expect("it is written");
    });
    let close = ended.close.expect("a close");
    assert_eq!((ended.loss, close.code(), close.reason()), (Loss::Close(4401), 4401, "token expired"));
    server.join();
}

#[test]
fn a_close_reason_goes_out_at_its_full_length() {
    let server = Server::start(|stream| close_of(&mut accept(stream).expect("a handshake")));
    let (mut client, _) = open_url(&server.url("/")).unwrap();
    let reason = "é".repeat(61) + "!";
    let close = Close::new(CloseCode::GOING_AWAY, reason.clone()).expect("123 bytes");
    client.send(close.message()).expect("it goes out");
    assert_eq!(server.join().expect("a close frame"), (1001, reason));
    assert_eq!(read_to_end(&mut client).loss, Loss::Close(1001), "the answer repeats the code");
}

#[test]
fn a_stream_that_ends_without_a_close_frame_is_broken_and_nobody_is_blamed() {
    let (ended, _client, server) = end_after(drop);
    assert_eq!((ended.loss, ended.complaint()), (transport(TransportError::Io), None));
    server.join();
}

#[test]
fn a_reset_is_broken_too_and_its_kind_is_known() {
    let server = Server::start(|stream| {
        let socket = accept(stream).expect("a handshake");
        // What is unread when a socket is dropped makes the system reset the connection.
        socket.get_ref().peek(&mut [0]).expect("the client has written");
    });
    let (mut client, _) = open_url(&server.url("/")).unwrap();
    client.send(Message::text("unread")).expect("it is written");
    server.join();
    let ended = read_to_end(&mut client);
    assert_eq!(ended.loss, transport(TransportError::Io));
    assert!(matches!(ended.error, Some(EndError::Io { kind: ErrorKind::ConnectionReset, .. })), "{ended:?}");
}

#[test]
fn a_breach_is_the_peers_and_it_is_told_which_rule_it_broke() {
    for (bytes, code, what) in [
        (&b"\x81\x01\xff"[..], 1007, "a text that is not UTF-8"),
        (b"\xc1\x01x", 1002, "a reserved bit"),
        (b"\x81\x81aaaax", 1002, "a masked frame from a server"),
        (b"\x83\x01x", 1002, "an opcode that nobody knows"),
        (b"\x89\x7e\x00\x7exxxx", 1002, "a ping of 126 bytes"),
        (b"\x80\x01x", 1002, "a continuation of nothing"),
    ] {
        // The ping has to arrive whole before its length is looked at.
        let bytes: &'static [u8] = if what.contains("126") { [bytes, &[b'x'; 126]].concat().leak() } else { bytes };
        let ended = after_bytes(bytes);
        assert_eq!(ended.loss, transport(TransportError::Protocol), "{what}: {ended:?}");
        assert_eq!(ended.complaint().map(|close| close.code()), Some(code), "{what}");
    }
}

#[test]
fn a_close_code_that_nobody_may_send_is_a_breach() {
    let ended = after_bytes(b"\x88\x02\x03\xee"); // 1006
    assert_eq!((ended.loss, ended.close), (transport(TransportError::Protocol), None));
}

#[test]
fn a_refused_dial_has_its_status_headers_and_the_time_to_stay_away() {
    let answer = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy";
    let server = answering(answer);
    let ended = open_url(&server.url("/")).expect_err("a refusal");
    assert_eq!((ended.loss, ended.retry_after), (Loss::Status(503), Some(Duration::from_secs(7))));
    assert_eq!(ended.response.expect("the response").body(), b"busy");
    server.join();
}

#[test]
fn a_server_that_speaks_no_websocket_breaks_the_protocol_and_one_that_hangs_up_is_broken() {
    for (answer, failure) in [
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", TransportError::Protocol),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", TransportError::Protocol),
        ("HTTP/1.1 101", TransportError::Io),
        ("", TransportError::Io),
    ] {
        let server = answering(answer);
        let ended = open_url(&server.url("/")).expect_err(answer);
        assert_eq!(ended.loss, transport(failure), "{answer:?}: {ended:?}");
        server.join();
    }
}

#[test]
fn a_server_that_chooses_no_sub_protocol_is_named_as_the_cause() {
    let server = Server::start(|stream: TcpStream| drop(accept(stream)));
    let request = Request::new(&server.url("/")).unwrap().protocol("chat");
    let ended = open(request, Limits::default()).expect_err("a failed handshake");
    assert!(matches!(ended.error, Some(EndError::SubProtocol { .. })), "{ended:?}");
    assert_eq!(ended.loss, transport(TransportError::Protocol));
    server.join();
}

#[test]
fn a_response_without_end_is_cut_off() {
    let server = Server::start(|mut stream| {
        crate::harness::read_head(&mut stream);
        let header = format!("X-Long: {}\r\n", "x".repeat(1000));
        _ = stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n");
        // Ends when the client hangs up.
        while stream.write_all(header.as_bytes()).is_ok() {
            thread::yield_now();
        }
    });
    let ended = open_url(&server.url("/")).expect_err("a refusal");
    assert_eq!((&ended.error, ended.loss), (&Some(EndError::Response), transport(TransportError::Protocol)));
    server.join();
}

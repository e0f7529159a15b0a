//! An application that does not take what is received.

mod support;

use std::sync::mpsc;
use std::time::Duration;

use heartline_blocking::codec::{CodecError, Item, Items, Transmission};
use heartline_blocking::heartline::heartbeat::HeartbeatMode;
use heartline_blocking::heartline::{CloseCode, Loss, MessageId};
use heartline_blocking::tungstenite::protocol::frame::coding::CloseCode as FrameCode;
use heartline_blocking::{Codec, Message, Outcome, Outgoing, State, WhenFull};
use support::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn when_there_is_no_room_nothing_is_read_pinged_or_judged_and_then_everything_arrives_in_order() {
    const COUNT: usize = 2_000;
    let server = Server::run(move |listener| {
        let mut socket = accept(&listener);
        (0..COUNT).for_each(|number| say(&mut socket, &number.to_string()));
        let rest = until_end(&mut socket);
        assert!(rest.iter().all(|message| message.is_close()), "no ping during the stall: {rest:?}");
    });
    let time = Manual::default();
    let mode = HeartbeatMode::WhenIdle { interval: 2 * SECOND, timeout: 2 * SECOND };
    let client = server.client().clock(time.clock()).heartbeat(mode).configure(|options| {
        (options.incoming_messages, options.max_stall) = (10, None);
    });
    let mut client = client.build().unwrap();
    poll_until(&mut client, "it stalls", |client| client.status().stalled);
    let read = client.stats().bytes_in;
    for _ in 0..100 {
        time.advance(SECOND);
        client.poll(Duration::ZERO);
    }
    let stats = client.stats();
    assert_eq!((stats.session.pings, stats.session.dials, stats.stalls, stats.bytes_in), (0, 1, 1, read));
    assert_eq!(client.status().state, State::Open);
    for number in 0..COUNT {
        assert_eq!(hear(&mut client), number.to_string());
    }
    assert!(!client.status().stalled);
    client.close(PATIENCE);
    server.join();
}

#[test]
fn a_stall_that_lasts_too_long_ends_with_1008_and_what_was_received_is_kept() {
    let (stalled, when_stalled) = mpsc::channel();
    let server = Server::run(move |listener| {
        let mut socket = accept(&listener);
        (0..3).for_each(|_| say(&mut socket, "more"));
        let closed = until_end(&mut socket);
        match closed.last() {
            Some(Message::Close(Some(frame))) => assert_eq!(frame.code, FrameCode::Policy),
            other => panic!("{other:?}"),
        }
        stalled.send(()).unwrap();
    });
    let time = Manual::default();
    let client = server.client().clock(time.clock()).heartbeat(HeartbeatMode::Off);
    let mut client = client.configure(|options| options.incoming_messages = 1).build().unwrap();
    poll_until(&mut client, "it stalls", |client| client.status().stalled);
    time.advance(29 * SECOND);
    client.poll(Duration::ZERO);
    assert_eq!((client.status().state, client.status().last_ended), (State::Open, None));
    time.advance(SECOND);
    poll_until(&mut client, "it ends", |client| client.status().last_ended.is_some());
    assert_eq!(client.status().last_ended.unwrap().loss, Loss::Application(4408));
    assert_eq!([hear(&mut client), hear(&mut client)], ["more", "more"]);
    when_stalled.recv().unwrap();
    drop(client);
    server.join();
}

#[test]
fn a_close_goes_on_while_there_is_no_room() {
    let server = Server::run(|listener| {
        let mut socket = accept(&listener);
        (0..3).for_each(|_| say(&mut socket, "more"));
        assert_eq!(text(&mut socket), "rest");
        assert!(socket.read().unwrap().is_close());
        until_end(&mut socket);
    });
    let mut client = server.client().configure(|options| options.incoming_messages = 1).build().unwrap();
    poll_until(&mut client, "it stalls", |client| client.status().stalled);
    client.try_send("rest").unwrap();
    let end = client.close(PATIENCE);
    assert!(end.is_clean(), "{end}");
    assert_eq!(taken(&mut client)[..2], ["more", "more"]);
    server.join();
}

#[test]
fn a_full_inbox_can_also_close_or_drop_the_oldest() {
    const CODE: CloseCode = CloseCode::TRY_AGAIN_LATER;
    for when_full in [WhenFull::Close(CODE), WhenFull::DropOldest] {
        let server = Server::run(|listener| {
            let mut socket = accept(&listener);
            // The client may close before all of them are out.
            (0..5).for_each(|number| _ = socket.send(Message::text(number.to_string())));
            until_end(&mut socket);
        });
        let client = server.client().when_full(when_full).configure(|options| options.incoming_messages = 2);
        let mut client = client.build().unwrap();
        poll_until(&mut client, "something is discarded", |client| client.stats().discarded > 0);
        if when_full == WhenFull::DropOldest {
            poll_until(&mut client, "all arrived", |client| client.stats().received == 5);
            assert_eq!((taken(&mut client), client.stats().discarded), (vec!["3".into(), "4".into()], 3));
        } else {
            assert_eq!(client.status().last_ended.unwrap().loss, Loss::Application(1013));
            assert_eq!(taken(&mut client), ["0", "1"]);
        }
        drop(client);
        server.join();
    }
}

/// Acknowledged by `ok ID`.
#[derive(Clone)]
struct Acked;

impl Codec for Acked {
    type Out = String;
    type In = String;

    fn size(message: &String) -> Result<usize, CodecError> {
        Ok(message.len())
    }

    fn encode(&mut self, message: &String, _: Transmission) -> Result<Message, CodecError> {
        Ok(Message::text(message.clone()))
    }

    fn decode(&mut self, frame: Message, items: &mut Items<String>) -> Result<(), CodecError> {
        let text = frame.into_text().map_err(|error| CodecError::invalid(error.to_string()))?;
        items.push(match text.strip_prefix("ok ") {
            Some(id) => Item::AckedUpTo(MessageId::from_raw(id.parse().unwrap())),
            None => Item::Message(text.to_string()),
        });
        Ok(())
    }
}

#[test]
fn acknowledgements_behind_a_stall_are_in_time() {
    let (go, wait) = mpsc::channel::<()>();
    let server = Server::run(move |listener| {
        let mut socket = accept(&listener);
        assert_eq!([text(&mut socket), text(&mut socket)], ["a", "b"]);
        (0..3).for_each(|_| say(&mut socket, "filler"));
        // As a server that could not write before the client read on.
        wait.recv().unwrap();
        say(&mut socket, "ok 2");
        until_end(&mut socket);
    });
    let time = Manual::default();
    let client = server.client().clock(time.clock()).heartbeat(HeartbeatMode::Off).codec(Acked);
    let client = client.configure(|options| {
        (options.incoming_messages, options.max_stall) = (1, None);
        options.session.outbox.ack_timeout = Some(3 * SECOND);
    });
    let mut client = client.build().unwrap();
    let receipts = ["a", "b"].map(|text| client.try_send(Outgoing::at_least_once(text)).unwrap());
    poll_until(&mut client, "it stalls", |client| client.status().stalled);
    for _ in 0..7 {
        time.advance(SECOND);
        client.poll(Duration::ZERO);
    }
    for _ in 0..3 {
        assert_eq!(client.recv_message(PATIENCE), Ok("filler".into()));
    }
    client.poll(Duration::ZERO);
    time.advance(2 * SECOND);
    client.poll(Duration::ZERO);
    go.send(()).unwrap();
    for receipt in &receipts {
        let mut outcome = None;
        poll_until(&mut client, "acknowledged", |_| {
            outcome = receipt.poll();
            outcome.is_some()
        });
        assert_eq!(outcome, Some(Outcome::Acked));
    }
    assert_eq!(client.stats().session.dials, 1);
    drop(client);
    server.join();
}

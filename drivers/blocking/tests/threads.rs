//! Threads that wait for what the polling thread brings about.

mod support;

use std::time::Duration;

use heartline_blocking::heartline::outbox::OutboxConfig;
use heartline_blocking::{Client, Message, Outcome, Outgoing, Reason, Refusal, State};
use support::*;

/// A client that never connects, with room for one message.
fn full() -> Client {
    let outbox = OutboxConfig { max_messages: 1, ack_window: 1, ..OutboxConfig::default() };
    let client = Client::builder("ws://127.0.0.1:9/").outbox(outbox).configure(|options| options.start_paused = true);
    let mut client = client.build().unwrap();
    client.poll(Duration::ZERO);
    client
}

#[test]
fn two_may_wait_for_one_receipt_and_one_of_them_gets_the_outcome() {
    let mut client = full();
    let receipt = client.try_send("queued").unwrap();
    let returned = Outcome::Returned(Reason::Cancelled, Message::text("queued"));
    std::thread::scope(|scope| {
        let waits = [(); 2].map(|()| scope.spawn(|| receipt.wait(PATIENCE)));
        receipt.cancel();
        // Both may wait by now; if not, the test proves less.
        std::thread::sleep(FRAME);
        client.poll(Duration::ZERO);
        let outcomes = waits.map(|waits| waits.join().unwrap());
        assert_eq!(outcomes.iter().flatten().collect::<Vec<_>>(), [&returned]);
    });
}

#[test]
fn a_send_waits_for_room_no_longer_than_its_timeout_and_gets_it_when_there_is_some() {
    let mut client = full();
    let first = client.try_send("first").unwrap();
    let handle = client.handle().clone();
    let refused = handle.send("late", FRAME).unwrap_err();
    assert_eq!((refused.reason, refused.outgoing.into_message()), (Refusal::Full, Message::text("late")));
    let expiring = Outgoing::at_most_once("expired").expires_in(FRAME);
    assert_eq!(handle.send(expiring, None).unwrap_err().reason, Refusal::Expired);
    std::thread::scope(|scope| {
        let sends = scope.spawn(|| handle.send("second", PATIENCE));
        std::thread::sleep(FRAME);
        first.cancel();
        while !sends.is_finished() {
            client.poll(FRAME);
        }
        assert!(sends.join().unwrap().is_ok());
    });
    assert_eq!((client.status().state, client.stats().session.dials), (State::Idle, 0));
}

#[test]
fn what_a_handle_asks_ends_a_poll_that_waits() {
    let mut client = full();
    let handle = client.handle().clone();
    handle.wake();
    client.poll(None); // Paused, it would wait for ever.
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(FRAME);
            handle.resume();
        });
        while client.status().paused {
            client.poll(None);
        }
    });
}

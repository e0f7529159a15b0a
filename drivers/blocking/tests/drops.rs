//! The client is dropped, in each state: every message gets its outcome, and the peer is told where it can be.

mod support;

use std::io::Read;
use std::sync::mpsc;
use std::time::Duration;

use heartline_blocking::heartline::backoff::Backoff;
use heartline_blocking::heartline::message::Reason;
use heartline_blocking::tungstenite::protocol::frame::coding::CloseCode as FrameCode;
use heartline_blocking::{Client, EndReason, Message, Next, Outcome, Outgoing, Refusal, State};
use support::*;

/// Drops a client with a message queued, and looks at what becomes of it and of its handles.
fn drop_in(state: State, mut client: Client) {
    assert_eq!(client.status().state, state);
    let queued = client.try_send("queued").ok();
    let handle = client.handle().clone();
    let waits = std::thread::spawn({
        let handle = handle.clone();
        move || handle.closed(PATIENCE)
    });
    drop(client);
    if let Some(queued) = queued {
        assert_eq!(queued.wait(PATIENCE), Some(Outcome::Returned(Reason::Abandoned, Message::text("queued"))));
    }
    assert_eq!(handle.end().unwrap().reason, EndReason::Dropped);
    assert_eq!(waits.join().unwrap(), handle.end());
    assert_eq!(handle.try_send("late").unwrap_err().reason, Refusal::Closed);
    handle.reconnect(); // Does nothing.
}

/// What the server sees of the end.
fn close_code(messages: &[Message]) -> Option<FrameCode> {
    match messages.last() {
        Some(Message::Close(Some(frame))) => Some(frame.code),
        _ => None,
    }
}

#[test]
fn while_a_hook_is_stuck() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let stuck = Client::builder("ws://127.0.0.1:9/").request(move |dial| {
        _ = wait.lock().unwrap().recv();
        dial.request()
    });
    let mut client = stuck.build().unwrap();
    client.poll(Duration::ZERO);
    drop_in(State::Connecting, client);
    drop(go);
}

#[test]
fn in_the_handshake() {
    let (asked, when_asked) = mpsc::channel();
    let server = Server::run(move |listener| {
        let mut stream = accept_tcp(&listener);
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
        asked.send(()).unwrap();
        assert_eq!(stream.read(&mut [0; 4096]).unwrap(), 0);
    });
    let mut client = server.client().build().unwrap();
    poll_until(&mut client, "it asks", |_| when_asked.try_recv().is_ok());
    drop_in(State::Connecting, client);
    server.join();
}

#[test]
fn in_the_greeting() {
    let server = Server::run(|listener| {
        let seen = until_end(&mut accept(&listener));
        assert_eq!(close_code(&seen), Some(FrameCode::Away));
    });
    let mut client = server.client().greeting(|_, _| Ok(Next::Wait)).build().unwrap();
    until_state(&mut client, State::Greeting);
    drop_in(State::Greeting, client);
    server.join();
}

#[test]
fn while_it_is_open_with_a_message_that_is_not_acknowledged() {
    let server = Server::run(|listener| {
        let seen = until_end(&mut accept(&listener));
        assert_eq!((seen.len(), close_code(&seen)), (2, Some(FrameCode::Away)));
    });
    let mut client = server.client().build().unwrap();
    let receipt = client.try_send(Outgoing::at_least_once("sent")).unwrap();
    poll_until(&mut client, "sent", |client| client.stats().bytes_out > 0 && client.status().state == State::Open);
    let handle = client.handle().clone();
    drop_in(State::Open, client);
    assert_eq!(receipt.poll(), Some(Outcome::Unconfirmed(Reason::Abandoned, Message::text("sent"))));
    assert_eq!((handle.end().unwrap().returned, handle.end().unwrap().unconfirmed), (1, 1));
    server.join();
}

#[test]
fn while_it_waits_for_the_next_dial() {
    let server = Server::run(|listener| close(&mut accept(&listener), 1012));
    let client = server.client();
    let client = client.configure(|options| options.session.backoff = Backoff::constant(Duration::from_secs(3600)));
    let mut client = client.build().unwrap();
    until_state(&mut client, State::Waiting);
    assert!(client.retry_in().unwrap() > Duration::from_secs(3000));
    drop_in(State::Waiting, client);
    server.join();
}

#[test]
fn while_it_is_stopped_and_stays() {
    let server = Server::run(|listener| close(&mut accept(&listener), 4403));
    let client = server.client().configure(|options| options.stay_when_stopped = true);
    let mut client = client.build().unwrap();
    poll_until(&mut client, "stopped", |client| client.stats().session.lost_to_close == 1);
    drop_in(State::Idle, client);
    server.join();
}

#[test]
fn while_it_closes() {
    let (closing, when_closing) = mpsc::channel();
    let server = Server::run(move |listener| {
        let mut socket = accept(&listener);
        when_closing.recv().unwrap(); // And does not answer before.
        assert_eq!(close_code(&until_end(&mut socket)), Some(FrameCode::Normal));
    });
    let mut client = server.client().build().unwrap();
    until_state(&mut client, State::Open);
    client.start_close(PATIENCE);
    until_state(&mut client, State::Closing);
    drop_in(State::Closing, client);
    closing.send(()).unwrap();
    server.join();
}

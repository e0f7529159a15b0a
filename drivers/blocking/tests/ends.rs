//! What is known of an end: the cause, the loss, the error.

mod support;

use std::io::ErrorKind;
use std::time::Duration;

use heartline_blocking::{Cause, Client, CloseCode, EndError, EndReason, Event, HookError, Loss, Message, Received};
use heartline_blocking::{State, TransportError};
use support::*;

/// Polls until the client has ended. All that it received.
fn to_the_end(client: &mut Client) -> Vec<Received> {
    std::iter::from_fn(|| client.recv(PATIENCE).ok()).collect()
}

#[test]
fn the_error_of_a_hook_is_kept_for_the_status_and_the_end() {
    let refused = || HookError::stop(std::io::Error::new(ErrorKind::Unsupported, "no account"));
    let mut client = Client::builder("ws://127.0.0.1:9/").request(move |_| Err(refused())).build().unwrap();
    to_the_end(&mut client);
    let end = client.end().unwrap();
    assert_eq!(end.reason, EndReason::Stopped(Cause::Stopped(Loss::Application(4403))));
    let ended = end.ended.as_ref().unwrap();
    let Some(EndError::Hook(failure)) = &ended.error else { panic!("{ended:?}") };
    assert_eq!(failure.error().downcast_ref::<std::io::Error>().unwrap().kind(), ErrorKind::Unsupported);
    assert_eq!(client.status().last_ended.as_ref(), Some(ended));
}

#[test]
fn a_request_that_a_hook_cannot_make_stops_the_client() {
    let invalid = Client::builder("ws://127.0.0.1:9/").request(|dial| Ok(dial.request()?.header("no header", "")?));
    let mut client = invalid.build().unwrap();
    to_the_end(&mut client);
    let end = client.end().unwrap();
    assert_eq!(end.reason, EndReason::Stopped(Cause::Stopped(Loss::Transport(TransportError::Address))));
    assert!(matches!(end.ended.as_ref().unwrap().error, Some(EndError::Request(_))));
}

#[test]
fn a_stop_is_the_cause_of_the_end_in_the_status_and_in_the_last_event() {
    let server = Server::run(|listener| close(&mut accept(&listener), 4403));
    let mut client = server.client().build().unwrap();
    let received = to_the_end(&mut client);
    let stopped = Cause::Stopped(Loss::Close(4403));
    let Some(Received::Event(Event::StateChanged { to, cause, .. })) = received.last() else { panic!("{received:?}") };
    assert_eq!((*to, *cause), (State::Closed, stopped));
    assert_eq!((client.status().state, client.status().cause), (State::Closed, stopped));
    server.join();
}

#[test]
fn a_close_of_ones_own_is_not_called_the_peers() {
    let server = Server::run(|listener| {
        let mut socket = accept(&listener);
        let Message::Close(Some(frame)) = socket.read().unwrap() else { panic!("no close frame") };
        assert_eq!((u16::from(frame.code), frame.reason.as_str()), (4001, "moving"));
        _ = socket.flush();
    });
    let mut client = server.client().build().unwrap();
    until_state(&mut client, State::Open);
    let end = client.close_with(CloseCode::new(4001).unwrap(), "moving", PATIENCE);
    assert_eq!(end.to_string(), "closed: the peer answered with 4001");
    let last = std::iter::from_fn(|| client.try_recv()).last();
    let Some(Received::Event(event)) = last else { panic!("{last:?}") };
    assert!(event.to_string().ends_with(" -> Closed: the peer answered with 4001"), "{event}");
    server.join();
}

#[test]
fn a_timeout_of_the_sessions_own_is_the_last_end() {
    let server = Server::run(|listener| {
        let _swallowed = accept_tcp(&listener);
        until_end(&mut accept(&listener));
    });
    let time = Manual::default();
    let mut client = server.client().clock(time.clock()).build().unwrap();
    until_state(&mut client, State::Connecting);
    assert_eq!(client.status().last_ended, None);
    time.advance(Duration::from_secs(10));
    poll_until(&mut client, "the dial is given up", |client| client.status().last_ended.is_some());
    assert_eq!(client.status().last_ended.unwrap().loss, Loss::ConnectTimeout);
    poll_until(&mut client, "the next dial", |client| {
        time.advance(Duration::from_millis(1));
        client.status().state == State::Open
    });
    drop(client);
    server.join();
}

//! What a person reads in a log.

use std::fmt::Display;
use std::time::Duration;

use heartline::event::Cause;
use heartline::hub;
use heartline::loss::TransportError;
use heartline::retry::{Pattern, Verdict};
use heartline::{CloseCode, ConnId, Event, Loss, State};

const SECOND: Duration = Duration::from_secs(1);

#[track_caller]
fn read(words: &[(&dyn Display, &str)]) {
    for (value, expected) in words {
        assert_eq!(value.to_string(), *expected);
    }
}

#[test]
fn a_loss_says_who_ended_what_and_why() {
    read(&[
        (&Loss::Close(1012), "closed by the peer with 1012"),
        (&Loss::Application(4000), "ended by the application with 4000"),
        (&Loss::Status(503), "dial refused with HTTP 503"),
        (&Loss::ConnectTimeout, "the dial took too long"),
        (&Loss::GreetingTimeout, "the greeting took too long"),
        (&Loss::HeartbeatTimeout, "no proof of life"),
        (&Loss::AckTimeout, "a message was not acknowledged in time"),
        (&Loss::Transport(TransportError::Address), "the address is invalid"),
        (&Loss::Transport(TransportError::Resolve), "the host name was not resolved"),
        (&Loss::Transport(TransportError::Connect), "no connection could be made"),
        (&Loss::Transport(TransportError::Tls), "TLS failed"),
        (&Loss::Transport(TransportError::Protocol), "the peer broke the WebSocket protocol"),
        (&Loss::Transport(TransportError::Io), "the connection broke"),
    ]);
}

#[test]
fn an_event_says_what_changed_and_why() {
    let (from, to) = (State::Open, State::Closed);
    let change = |cause| Event::StateChanged { from, to, cause };
    read(&[
        (&change(Cause::Requested), "Open -> Closed: requested"),
        (&Cause::Opened, "opened"),
        (&Cause::Ready, "ready"),
        (&Cause::RetryDue, "retry due"),
        (&Cause::NetworkChanged, "the network changed"),
        (&Cause::Lost(Loss::Status(500)), "dial refused with HTTP 500"),
        (&Cause::Stopped(Loss::Status(404)), "dial refused with HTTP 404, which is not retried"),
        (&Cause::Exhausted(Loss::Status(500)), "dial refused with HTTP 500, and the retries are used up"),
        (&Cause::Drained, "everything sent"),
        (&Cause::DrainTimeout, "out of time to send the rest"),
        (&Cause::CloseTimeout, "the close was not answered"),
        (&Event::Degraded, "the link is slow"),
        (&Event::Recovered, "the link has recovered"),
    ]);
}

#[test]
fn a_policy_reads_as_a_table() {
    read(&[
        (&Verdict::Retry, "retry"),
        (&Verdict::RetryAfter(SECOND), "retry after 1s"),
        (&Verdict::Renew, "renew credentials, then retry"),
        (&Verdict::Stop, "stop"),
        (&Pattern::Close(1000, 1000), "close code 1000"),
        (&Pattern::Application(4000, 4999), "code of the application 4000–4999"),
        (&Pattern::Status(0, u16::MAX), "any other HTTP status"),
        (&Pattern::Transport(TransportError::Tls), "TLS failed"),
        (&Pattern::Timeout, "a timeout of the session"),
        (&Pattern::Any, "anything else"),
    ]);
}

#[test]
fn what_became_of_a_relay_is_said_to_its_sender() {
    let conn = ConnId::from_raw(1).expect("not zero");
    read(&[
        (&hub::Outcome::<u8>::Routed, "routed"),
        (&hub::Outcome::<u8>::Broadcast { reached: 2, missed: 1 }, "broadcast: reached 2, missed 1"),
        (&hub::Outcome::Full(0), "not routed: too much waits to be written"),
        (&hub::Outcome::Offline(0), "not routed: the user is not online"),
        (&hub::Outcome::Dropped(0), "dropped: the user's connection is slow"),
        (&hub::Outcome::NotLoggedIn(0), "not routed: the sender is not logged in"),
        (&hub::LoginRefusal::UserOnline, "the user is connected already"),
        (&hub::LoginRefusal::OtherUser, "the connection is another user's"),
        (&hub::LoginRefusal::Expired, "the login has expired"),
        (&hub::Denial::Source, "too many connections from this source"),
        (&hub::LoginRefusal::Contested, "the user's connections replace each other too often"),
        (&hub::JoinRefusal::NotLoggedIn, "the connection is not logged in"),
        (&hub::JoinRefusal::InvalidName, "the name is empty or too long"),
        (&hub::JoinRefusal::ConnectionLimit, "the connection is in too many rooms"),
        (&hub::JoinRefusal::HubLimit, "there are too many rooms"),
        (&hub::Cause::Ended, "the connection ended"),
        (&hub::Cause::Closed(CloseCode::TIMEOUT), "closed with 3008"),
        (&hub::Cause::Aborted, "aborted"),
        (&hub::Event::Online { user: "ann", conn }, "ann is online"),
        (&hub::Event::Offline { user: "ann", conn, cause: hub::Cause::Ended }, "ann is offline: the connection ended"),
        (&hub::Event::Contested("ann"), "connections of ann replace each other too often"),
        (&hub::Event::<&str>::Drained, "the last connection is gone"),
    ]);
}

//! The faults of the tour, each alone.

use std::time::Duration;

use heartline::event::Cause;
use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline::loss::TransportError;
use heartline::message::Reason;
use heartline::outbox::OutboxConfig;
use heartline::{Event, Loss, Outcome, Settings, State};

use super::spawn;
use crate::faults::{Mode, Server};
use crate::harness::{dial, finish, heartbeat, meet, millis, only, patient, recovers, start};
use crate::relay::Relay;

/// [C5] [Q2] [Q4]
#[test]
fn what_was_queued_before_the_first_open_arrives_in_order_behind_the_greeting() {
    let server = Server::reserve(Mode::ECHO);
    let mut client = dial(spawn, server.url(), patient());
    client.send(4, 20);
    client.monitor.wait("a refused dial", |record| !record.retries.is_empty());
    let (record, log) = recovers(client, &server);
    let order = ["hello", "subscribe", "alo:1", "amo:2", "alo:3", "amo:4", "alo:5", "amo:6"];
    assert_eq!(log.connections, [order]);
    assert!(record.losses().all(|loss| loss == Loss::Transport(TransportError::Connect)), "{:?}", record.events);
}

/// [Q3] [Q5] [R1]
#[test]
fn a_server_killed_and_restarted_amid_traffic_costs_nothing_that_must_arrive() {
    let (server, mut client) = meet(spawn, Mode::ECHO, patient());
    client.settle();
    for round in 1..=3 {
        client.send(40, 20);
        server.wait("some of them", |log| log.connections.len() == round && log.connections[round - 1].len() > 5);
        let before = client.record();
        server.kill();
        client.send(20, 20);
        client.monitor.wait_loss(&before, Loss::Transport(TransportError::Connect));
        client.send(20, 20);
        server.restart();
        client.settle();
    }
    finish(client, &server);
}

/// [C4]
#[test]
fn a_server_that_never_answers_the_dial_is_given_up() {
    let settings = Settings { connect_timeout: millis(200), ..patient() };
    let (server, client) = meet(spawn, Mode::InsteadOfHandshake(Vec::new()), settings);
    only(&client, Loss::ConnectTimeout, 2);
    client.close(Duration::ZERO);
    let record = client.monitor.wait_state(State::Closed);
    assert_eq!(record.outcome("alo:1"), Some(Outcome::Returned(Reason::Abandoned, ())));
    server.wait("no dial to be left", |log| log.open == 0);
    finish(client, &server);
}

/// [C1] [C3]
#[test]
fn a_dial_that_succeeds_after_it_was_given_up_is_dropped() {
    let server = Server::start(Mode::ECHO);
    let relay = Relay::start(server.address());
    let settings = Settings { connect_timeout: millis(400), ..patient() };
    relay.silence();
    let client = dial(spawn, relay.url(), settings);
    client.monitor.wait("a loss", |record| record.losses().count() > 0);
    relay.resume();
    client.settle();
    server.wait("the late one to be dropped", |log| log.open == 1);
    let (record, log) = finish(client, &server);
    assert!(record.losses().all(|loss| loss == Loss::ConnectTimeout), "{:?}", record.events);
    assert_eq!(log.connections.iter().filter(|keys| !keys.is_empty()).count(), 1, "{:?}", log.connections);
}

/// [C5]
#[test]
fn a_server_that_accepts_and_says_nothing_is_given_up() {
    let settings = Settings { greeting_timeout: Some(millis(300)), ..patient() };
    let (server, client) = meet(spawn, Mode::AfterHandshake(Vec::new()), settings);
    only(&client, Loss::GreetingTimeout, 2);
    server.set_mode(Mode::ECHO);
    client.settle();
    server.wait("the mute ones to be dropped", |log| log.open == 1);
    finish(client, &server);
}

/// [H8]
#[test]
fn a_link_that_stalls_for_a_moment_is_degraded_and_recovers() {
    let server = Server::start(Mode::ECHO);
    let relay = Relay::start(server.address());
    let mode = HeartbeatMode::WhenIdle { interval: millis(50), timeout: Duration::from_secs(20) };
    let heartbeat = HeartbeatConfig { slow_after: Some(millis(50)), ..heartbeat(mode) };
    let mut client = start(spawn, relay.url(), Settings { heartbeat, ..patient() });
    client.connect();
    let record = client.monitor.wait("a round trip", |record| record.round_trip.is_some());
    assert_eq!(record.losses().count(), 0);
    relay.silence();
    client.send(100, 60 * 1024);
    client.monitor.wait("degraded", |record| record.has_event(Event::Degraded, 0));
    relay.resume();
    client.monitor.wait("recovered", |record| record.has_event(Event::Recovered, 0));
    let (record, _) = recovers(client, &server);
    assert_eq!(record.losses().count(), 0, "{:?}", record.events);
}

/// [R3] [C6]
#[test]
fn a_server_that_closes_at_once_does_not_reset_the_backoff() {
    for (code, loss) in [(None, Loss::Transport(TransportError::Io)), (Some(1011), Loss::Close(1011))] {
        let (server, client) = meet(spawn, Mode::CloseAtOnce(code), patient());
        let record = only(&client, loss, 4);
        let attempts: Vec<u32> = record.retries.iter().map(|retry| retry.attempt).take(4).collect();
        assert_eq!(attempts, [1, 2, 3, 4]);
        recovers(client, &server);
    }
}

/// [R4] [R6]
#[test]
fn a_server_that_refuses_with_retry_after_is_left_alone_for_that_long() {
    let date = "Fri, 31 Dec 9999 23:59:59 GMT"; // Beyond the five minutes that a server may ask for.
    for (wish, least, most) in [("100", 100, 101), ("garbage", 0, 1), ("-5", 0, 1), (date, 300, 301)] {
        let mode = Mode::http(&format!("503 Service Unavailable\r\nRetry-After: {wish}"));
        let (server, mut client) = meet(spawn, mode, patient());
        let record = client.monitor.wait("a retry", |record| !record.retries.is_empty());
        assert_eq!(record.retries[0].cause, Cause::Lost(Loss::Status(503)));
        let wait = record.retries[0].delay();
        assert!(Duration::from_secs(least) <= wait && wait < Duration::from_secs(most), "{wish}: {wait:?}");
        server.set_mode(Mode::ECHO);
        client.connect();
        recovers(client, &server);
    }
}

/// [Q10]
#[test]
fn a_message_over_the_servers_limit_does_not_come_back_for_ever() {
    let settings = Settings { outbox: OutboxConfig { max_losses: 3, ..patient().outbox }, ..patient() };
    let (server, mut client) = meet(spawn, Mode::Echo { limit: 10_000 }, settings);
    client.settle();
    client.send(1, 10_001);
    let over = Some(Outcome::Unconfirmed(Reason::MaxLosses, ()));
    client.monitor.wait("the end of it", |record| record.outcome("alo:3") == over);
    client.send(3, 20);
    let record = client.settle();
    assert_eq!(record.losses().filter(|loss| *loss == Loss::Close(1009)).count(), 3);
    let (_, log) = finish(client, &server);
    assert_eq!(log.times_seen("alo:5"), 1);
}

/// [X1] [X2]
#[test]
fn a_drain_sends_everything_and_closes_with_1000() {
    let (server, mut client) = meet(spawn, Mode::ECHO, patient());
    client.monitor.wait_state(State::Open);
    client.send(100, 1000);
    let (record, log) = finish(client, &server);
    assert_eq!((record.state, record.cause), (State::Closed, Cause::Lost(Loss::Close(1000))));
    assert_eq!((log.closes, log.connections.len()), (vec![1000], 1));
    assert_eq!(log.connections[0].len(), 2 + 2 + 100);
}

/// [X1]
#[test]
fn a_drain_that_begins_before_the_server_is_there_waits_for_it() {
    let server = Server::reserve(Mode::ECHO);
    let mut client = dial(spawn, server.url(), patient());
    client.send(8, 20);
    client.close(Duration::from_secs(15));
    client.monitor.wait("two refused dials", |record| record.retries.len() >= 2);
    server.restart();
    let (record, log) = finish(client, &server);
    assert_eq!(log.connections[0].len(), 2 + 10);
    assert_eq!(record.cause, Cause::Lost(Loss::Close(1000)));
}

/// [X1]
#[test]
fn a_close_during_a_dial_ends_at_once() {
    let server = Server::start(Mode::InsteadOfHandshake(Vec::new()));
    let mut client = start(spawn, server.url(), patient());
    client.connect();
    server.wait("the dial", |log| log.dials == 1);
    let (record, _) = finish(client, &server);
    assert_eq!((record.state, record.cause, record.retries.len()), (State::Closed, Cause::Requested, 0));
}

//! The faults of the tour, each alone.

use std::time::Duration;

use heartline::{Cause, Event, Input, Loss, Pulse, Rhythm, Settings, State, Transport, Why};

use super::spawn;
use crate::faults::{Mode, Server};
use crate::harness::{Client, meet, millis, patient};
use crate::relay::Relay;
use crate::witness::Fate;

/// [C5] [Q2] [Q4]
#[test]
fn what_was_queued_before_the_first_open_arrives_in_order_behind_the_greeting() {
    let server = Server::reserve(Mode::ECHO);
    let mut client = Client::start(spawn, server.url(), patient());
    client.send(6, 20);
    client.connect();
    client.reader.wait("a refused dial", |book| !book.retries.is_empty());
    server.restart();
    client.settle();
    let (book, log) = client.finish(&server);
    let order = ["hello", "subscribe", "alo:1", "once:2", "alo:3", "once:4", "alo:5", "once:6"];
    assert_eq!(log.connections, [order]);
    assert!(book.losses().all(|loss| loss == Loss::Transport(Transport::Connect)), "{:?}", book.events);
}

/// [Q3] [Q5] [R1]
#[test]
fn a_server_killed_and_restarted_amid_traffic_costs_nothing_that_must_arrive() {
    let (server, mut client) = meet(spawn, Mode::ECHO, patient());
    client.settle();
    for round in 1..=3 {
        client.send(40, 20);
        server.wait("some of them", |log| log.connections.len() == round && log.connections[round - 1].len() > 5);
        let before = client.reader.book();
        server.kill();
        client.send(20, 20);
        client.reader.wait_loss(&before, Loss::Transport(Transport::Connect));
        client.send(20, 20);
        server.restart();
        client.settle();
    }
    client.finish(&server);
}

/// [C4]
#[test]
fn a_server_that_never_answers_the_dial_is_given_up() {
    let settings = Settings { connect_timeout: millis(200), ..patient() };
    let (server, client) = meet(spawn, Mode::InsteadOfHandshake(Vec::new()), settings);
    let book = client.reader.wait("two losses", |book| book.losses().count() >= 2);
    assert!(book.losses().all(|loss| loss == Loss::ConnectTimeout), "{:?}", book.events);
    client.input(Input::close_within(Duration::ZERO));
    let book = client.reader.wait_state(State::Closed);
    assert_eq!(book.fate("alo:1"), Some(Fate::Returned(Why::Abandoned)));
    server.wait("no dial to be left", |log| log.open == 0);
    client.finish(&server);
}

/// [C1] [C3]
#[test]
fn a_dial_that_succeeds_after_it_was_given_up_is_dropped() {
    let server = Server::start(Mode::ECHO);
    let relay = Relay::start(server.address());
    let settings = Settings { connect_timeout: millis(400), ..patient() };
    let mut client = Client::start(spawn, relay.url(), settings);
    client.send(2, 20);
    relay.silence();
    client.connect();
    client.reader.wait("a loss", |book| book.losses().count() > 0);
    relay.resume();
    client.settle();
    server.wait("the late one to be dropped", |log| log.open == 1);
    let (book, log) = client.finish(&server);
    assert!(book.losses().all(|loss| loss == Loss::ConnectTimeout), "{:?}", book.events);
    assert_eq!(log.connections.iter().filter(|keys| !keys.is_empty()).count(), 1, "{:?}", log.connections);
}

/// [C5]
#[test]
fn a_server_that_accepts_and_says_nothing_is_given_up() {
    let settings = Settings { greeting_timeout: Some(millis(300)), ..patient() };
    let (server, client) = meet(spawn, Mode::AfterHandshake(Vec::new()), settings);
    let book = client.reader.wait("two losses", |book| book.losses().count() >= 2);
    assert!(book.losses().all(|loss| loss == Loss::GreetingTimeout), "{:?}", book.events);
    server.set_mode(Mode::ECHO);
    client.settle();
    server.wait("the mute ones to be dropped", |log| log.open == 1);
    client.finish(&server);
}

/// [H4] [H9] [P6]
#[test]
fn a_silent_link_is_found_dead_although_its_buffers_are_full() {
    let server = Server::start(Mode::ECHO);
    let relay = Relay::start(server.address());
    let rhythm = Rhythm::WhenIdle { interval: millis(200), timeout: millis(300) };
    let settings = Settings { heartbeat: Pulse { rhythm, ..patient().heartbeat }, ..patient() };
    let mut client = Client::start(spawn, relay.url(), settings);
    client.connect();
    let before = client.reader.wait_state(State::Open);
    relay.silence();
    client.send(200, 60 * 1024);
    let book = client.reader.wait_loss(&before, Loss::HeartbeatTimeout);
    assert!(book.queued > 0, "the link swallowed everything");
    relay.heal();
    client.settle();
    client.finish(&server);
}

/// [H8]
#[test]
fn a_link_that_stalls_for_a_moment_is_degraded_and_recovers() {
    let server = Server::start(Mode::ECHO);
    let relay = Relay::start(server.address());
    let rhythm = Rhythm::WhenIdle { interval: millis(50), timeout: Duration::from_secs(20) };
    let heartbeat = Pulse { rhythm, slow_after: Some(millis(50)), ..patient().heartbeat };
    let mut client = Client::start(spawn, relay.url(), Settings { heartbeat, ..patient() });
    client.connect();
    let book = client.reader.wait("a round trip", |book| book.rtt.is_some());
    assert_eq!(book.losses().count(), 0);
    relay.silence();
    client.send(100, 60 * 1024);
    let told = |what| move |book: &crate::witness::Book| book.events.iter().any(|(_, event)| *event == what);
    client.reader.wait("degraded", told(Event::Degraded));
    relay.resume();
    client.reader.wait("recovered", told(Event::Recovered));
    client.settle();
    let (book, _) = client.finish(&server);
    assert_eq!(book.losses().count(), 0, "{:?}", book.events);
}

/// [R3] [C6]
#[test]
fn a_server_that_closes_at_once_does_not_reset_the_backoff() {
    for (code, loss) in [(None, Loss::Transport(Transport::Io)), (Some(1011), Loss::Close(1011))] {
        let (server, client) = meet(spawn, Mode::CloseAtOnce(code), patient());
        let book = client.reader.wait("four retries", |book| book.retries.len() >= 4);
        let attempts: Vec<u32> = book.retries.iter().map(|retry| retry.attempt).take(4).collect();
        assert_eq!(attempts, [1, 2, 3, 4]);
        assert!(book.losses().all(|found| found == loss), "{:?}", book.events);
        server.set_mode(Mode::ECHO);
        client.settle();
        client.finish(&server);
    }
}

/// [R4] [R6]
#[test]
fn a_server_that_refuses_with_retry_after_is_left_alone_for_that_long() {
    let date = "Fri, 31 Dec 9999 23:59:59 GMT"; // Beyond the five minutes that a server may ask for.
    for (wish, least, most) in [("100", 100, 101), ("garbage", 0, 1), ("-5", 0, 1), (date, 300, 301)] {
        let mode = Mode::http(&format!("503 Service Unavailable\r\nRetry-After: {wish}"));
        let (server, mut client) = meet(spawn, mode, patient());
        let book = client.reader.wait("a retry", |book| !book.retries.is_empty());
        let retry = book.retries[0];
        assert_eq!(retry.cause, Cause::Lost(Loss::Status(503)));
        let wait = retry.at.saturating_since(retry.told);
        assert!(Duration::from_secs(least) <= wait && wait < Duration::from_secs(most), "{wish}: {wait:?}");
        server.set_mode(Mode::ECHO);
        client.connect();
        client.settle();
        client.finish(&server);
    }
}

/// [Q5]
#[test]
fn a_message_over_the_servers_limit_does_not_come_back_for_ever() {
    let settings = Settings { outbox: heartline::Limits { max_deliveries: 3, ..patient().outbox }, ..patient() };
    let (server, mut client) = meet(spawn, Mode::Echo { limit: 10_000 }, settings);
    client.settle();
    client.send(1, 10_001);
    let over = Some(Fate::Unconfirmed(Why::MaxDeliveries));
    client.reader.wait("the end of it", |book| book.fate("alo:3") == over);
    client.send(3, 20);
    let book = client.settle();
    assert_eq!(book.losses().filter(|loss| *loss == Loss::Close(1009)).count(), 3);
    let (_, log) = client.finish(&server);
    assert_eq!(log.times_seen("alo:5"), 1);
}

/// [X1] [X2]
#[test]
fn a_drain_sends_everything_and_closes_with_1000() {
    let (server, mut client) = meet(spawn, Mode::ECHO, patient());
    client.reader.wait_state(State::Open);
    client.send(100, 1000);
    let (book, log) = client.finish(&server);
    assert_eq!((book.state, book.cause), (State::Closed, Cause::Lost(Loss::Close(1000))));
    assert_eq!((log.closes, log.connections.len()), (vec![1000], 1));
    assert_eq!(log.connections[0].len(), 2 + 2 + 100);
}

/// [X1]
#[test]
fn a_drain_that_begins_before_the_server_is_there_waits_for_it() {
    let server = Server::reserve(Mode::ECHO);
    let mut client = Client::start(spawn, server.url(), patient());
    client.send(10, 20);
    client.connect();
    client.input(Input::close_within(Duration::from_secs(15)));
    client.reader.wait("two refused dials", |book| book.retries.len() >= 2);
    server.restart();
    let (book, log) = client.finish(&server);
    assert_eq!(log.connections[0].len(), 2 + 10);
    assert_eq!(book.cause, Cause::Lost(Loss::Close(1000)));
}

/// [X1]
#[test]
fn a_close_during_a_dial_ends_at_once() {
    let server = Server::start(Mode::InsteadOfHandshake(Vec::new()));
    let mut client = Client::start(spawn, server.url(), patient());
    client.connect();
    server.wait("the dial", |log| log.dials == 1);
    let (book, _) = client.finish(&server);
    assert_eq!((book.state, book.cause, book.retries.len()), (State::Closed, Cause::Requested, 0));
}

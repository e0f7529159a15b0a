//! What a session says about itself.

use crate::support::*;

/// [O1]
#[test]
fn every_change_of_state_is_an_event_with_its_cause() {
    let mut client = Client::new(greeting(seconds(9)));
    assert_eq!((client.state(), client.session.cause()), (State::Idle, Cause::Requested));
    let mut state = client.state();
    let steps: [Step; 10] = [
        |client| drop(client.connect()),
        |client| _ = client.open(),
        |client| drop(client.input(Input::Ready { conn: conn(1) })),
        |client| drop(client.lose(IO)),
        |client| drop(client.run(SECOND)),
        |client| drop(client.sleep(SECOND).input(Input::NetworkChanged)),
        |client| _ = client.open(),
        |client| drop(client.close(SECOND)),
        |client| drop(client.run(seconds(5))),
        |client| drop(client.connect()),
    ];
    for (place, step) in steps.into_iter().enumerate() {
        let before = client.did.len();
        step(&mut client);
        for (_, did) in &client.did[before..] {
            if let Did::Event(Event::StateChanged { from, to, cause }) = did {
                assert_eq!((*from, *cause), (state, client.session.cause()), "step {place}");
                state = *to;
            }
        }
        assert_eq!(state, client.state(), "step {place}");
    }
    let expected = [
        (State::Connecting, Cause::Requested),
        (State::Greeting, Cause::Opened),
        (State::Open, Cause::Ready),
        (State::Waiting, Cause::Lost(IO)),
        (State::Connecting, Cause::RetryDue),
        (State::Connecting, Cause::NetworkChanged),
        (State::Greeting, Cause::Opened),
        (State::Closing, Cause::Requested),
        (State::Closed, Cause::CloseTimeout),
        (State::Connecting, Cause::Requested),
    ];
    assert_eq!(changes(client.did.iter().map(|(_, did)| did)), expected);
}

/// [O1]
#[test]
fn a_scheduled_dial_is_reported_with_attempt_time_and_cause_and_again_when_it_moves() {
    let mut client = Client::opened(plain());
    let cause = Cause::Lost(Loss::Close(1013));
    assert_eq!(client.lose(Loss::Close(1013))[1], schedule(1, at(6_000), cause));
    assert_eq!(client.session.next_dial(), Some((1, at(6_000))));
    assert_eq!(client.connect(), [schedule(0, at(100), cause)]);
    assert_eq!(client.input(Input::NetworkChanged), [], "it does not move");
    assert_eq!(client.session.next_dial(), Some((0, at(100))));
}

/// [O2]
#[test]
fn every_counter_counts_what_it_names() {
    let outbox = OutboxConfig {
        max_messages: 1,
        overflow: Overflow::EvictOldest,
        ack_window: 1,
        ack_timeout: Some(seconds(40)),
        ..OutboxConfig::default()
    };
    let heartbeat = watched_by(when_idle(5, 5));
    let mut client = Client::new(Settings { greeting_timeout: Some(SECOND), heartbeat, outbox, ..plain() });
    client.connect();
    client.lose(Loss::Status(503));
    client.run(seconds(11));
    assert_eq!(client.session.cause(), Cause::Lost(Loss::ConnectTimeout));
    client.run_to_dial();
    client.open();
    client.run(seconds(1));
    assert_eq!(client.session.cause(), Cause::Lost(Loss::GreetingTimeout));
    client.run_to_dial();
    client.ready();
    client.at_least_once("evicted");
    client.at_least_once("kept");
    client.write_all();
    client.run(seconds(5));
    client.pong();
    client.run(seconds(10));
    assert_eq!(client.session.cause(), Cause::Lost(Loss::HeartbeatTimeout));
    client.run_to_dial();
    client.ready();
    client.write_all();
    client.run_answered(seconds(40));
    assert_eq!(client.session.cause(), Cause::Lost(Loss::AckTimeout));
    client.run_to_dial();
    client.ready();
    client.lose(Loss::Close(1001));
    client.input(Input::Pong { conn: conn(1), token: None });
    client.ack(id(9));
    client.run_to_dial();
    client.lose(IO);
    client.run_to_dial();
    client.lose(Loss::Application(1001));
    let stats = client.session.stats();
    let losses = [
        stats.lost_to_close,
        stats.lost_to_application,
        stats.lost_to_status,
        stats.lost_to_transport,
        stats.lost_to_connect_timeout,
        stats.lost_to_greeting_timeout,
        stats.lost_to_heartbeat,
        stats.lost_to_ack_timeout,
    ];
    assert_eq!(losses, [1; 8]);
    assert_eq!((stats.dials, stats.ready, stats.pings, stats.pongs), (8, 3, 2 + 7, 1 + 7));
    assert_eq!((stats.stale, stats.ignored, stats.evictions, stats.redeliveries), (1, 1, 1, 1));
    assert_eq!((stats.dropped, stats.undelivered), (0, 0));
}

/// [O1]
#[test]
fn the_ready_state_is_the_one_of_the_web() {
    let mut client = Client::new(greeting(SECOND));
    let mut seen = vec![client.session.ready_state()];
    let steps: [Step; 6] = [
        |client| drop(client.connect()),
        |client| _ = client.open(),
        |client| drop(client.input(Input::Ready { conn: conn(1) })),
        |client| drop(client.lose(IO)),
        |client| drop((client.at_most_once("queued"), client.close(seconds(9)))),
        |client| drop(client.input(Input::Cancel { id: id(1) })),
    ];
    for step in steps {
        step(&mut client);
        seen.push(client.session.ready_state());
    }
    use ReadyState::{Closed, Closing, Connecting, Open};
    assert_eq!(seen, [Closed, Connecting, Connecting, Open, Connecting, Closing, Closed]);
    assert_eq!([Connecting, Open, Closing, Closed].map(|state| state as u8), [0, 1, 2, 3]);
}

/// [O1]
#[test]
fn what_a_person_reads_is_a_sentence() {
    let mut client = Client::new(plain());
    let did = [
        client.connect(),
        client.lose(Loss::Status(503)),
        client.run(SECOND).into_iter().map(|(_, did)| did).collect(),
    ];
    let events = did.iter().flatten().filter_map(|did| match did {
        Did::Event(event) => Some(event.to_string()),
        _ => None,
    });
    let expected = [
        "Idle -> Connecting: requested",
        "Connecting -> Waiting: dial refused with HTTP 503",
        "Waiting -> Connecting: retry due",
    ];
    assert!(events.eq(expected));
}

fn assert_send_and_sync<T: Send + Sync>() {}

/// [P8]
#[test]
fn a_session_may_be_sent_and_shared_if_its_messages_and_its_config_may() {
    assert_send_and_sync::<Session<String>>();
    assert_send_and_sync::<Session<String, &Config>>();
    assert_send_and_sync::<heartline::Actions<'_, String>>();
    assert_send_and_sync::<Config>();
}

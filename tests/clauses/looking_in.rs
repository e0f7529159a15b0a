use heartline::{Action, Cause, Event, Input, Limits, Loss, Overflow, ReadyState, Settings, State, Stats, Transport};

use crate::support::*;
use crate::unheard;

const IO: Loss = Loss::Transport(Transport::Io);

/// [O1]
#[test]
fn every_change_of_state_is_an_event_with_its_cause() {
    let mut world = World::new(Settings { greeting_timeout: Some(seconds(9)), ..plain() });
    assert_eq!((world.state(), world.session.cause()), (State::Idle, Cause::Requested));
    let mut state = world.state();
    let steps: [fn(&mut World); 9] = [
        |world| drop(world.input(Input::Connect)),
        |world| _ = world.open(),
        |world| drop(world.input(Input::Ready { conn: conn(1) })),
        |world| drop(world.lose(IO)),
        |world| drop(world.run(SECOND)),
        |world| _ = world.open(),
        |world| drop(world.close(SECOND)),
        |world| drop(world.run(seconds(5))),
        |world| drop(world.input(Input::Connect)),
    ];
    for (place, step) in steps.into_iter().enumerate() {
        let before = world.said.len();
        step(&mut world);
        for (_, action) in &world.said[before..] {
            if let Action::Event(Event::StateChanged { from, to, cause }) = action {
                assert_eq!((*from, *cause), (state, world.session.cause()), "step {place}");
                state = *to;
            }
        }
        assert_eq!(state, world.state(), "step {place}");
    }
    let told = changes(world.said.iter().map(|(_, action)| action));
    let expected = [
        (State::Connecting, Cause::Requested),
        (State::Greeting, Cause::Opened),
        (State::Open, Cause::Ready),
        (State::Waiting, Cause::Lost(IO)),
        (State::Connecting, Cause::RetryDue),
        (State::Greeting, Cause::Opened),
        (State::Closing, Cause::Requested),
        (State::Closed, Cause::CloseTimeout),
        (State::Connecting, Cause::Requested),
    ];
    assert_eq!(told, expected);
}

/// [O1]
#[test]
fn a_scheduled_dial_is_told_with_attempt_time_and_cause_and_again_when_it_moves() {
    let mut world = World::opened(plain());
    let cause = Cause::Lost(Loss::Close(1013));
    let told = |actions: Vec<Action<Message>>| {
        actions.into_iter().find_map(|action| match action {
            Action::ScheduleReconnect { attempt, at, cause } => Some((attempt, at, cause)),
            _ => None,
        })
    };
    assert_eq!(told(world.lose(Loss::Close(1013))), Some((1, at(6_000), cause)));
    assert_eq!(world.session.next_dial(), Some((1, at(6_000))));
    assert_eq!(told(world.input(Input::NetworkChanged)), Some((1, at(5_000), cause)));
    assert_eq!(told(world.input(Input::Connect)), Some((1, at(100), cause)));
    assert_eq!(told(world.input(Input::NetworkChanged)), None, "it does not move");
    assert_eq!(world.session.next_dial(), Some((1, at(100))));
}

/// [O2]
#[test]
fn every_counter_counts_what_it_names() {
    let outbox = Limits { max_messages: 1, overflow: Overflow::EvictOldest, ack_window: 1, ..Limits::default() };
    let mut world = World::new(Settings {
        greeting_timeout: Some(SECOND),
        heartbeat: pulse(when_idle(seconds(5), seconds(5))),
        outbox,
        ..plain()
    });
    let ready = |world: &mut World| {
        let conn = world.open();
        world.input(Input::Ready { conn });
    };
    world.input(Input::Connect);
    world.lose(Loss::Status(503));
    world.run(seconds(11));
    assert_eq!(world.session.cause(), Cause::Lost(Loss::ConnectTimeout));
    world.run(SECOND);
    world.open();
    world.run(seconds(2));
    ready(&mut world);
    world.at_least_once("evicted");
    world.at_least_once("kept");
    world.transmit_all();
    world.run(seconds(5));
    world.pong();
    world.run(seconds(10));
    world.run(SECOND);
    ready(&mut world);
    world.transmit_all();
    world.lose(Loss::Close(1001));
    world.input(Input::Pong { conn: conn(1) });
    world.input(Input::Acked { id: id(9) });
    world.run(SECOND);
    world.lose(IO);
    let expected = Stats {
        dials: 6,
        ready: 2,
        lost_to_close: 1,
        lost_to_status: 1,
        lost_to_transport: 1,
        lost_to_connect_timeout: 1,
        lost_to_greeting_timeout: 1,
        lost_to_heartbeat: 1,
        pings: 2,
        pongs: 1,
        stale: 1,
        ignored: 1,
        evictions: 1,
        redeliveries: 1,
        dropped: 0,
        undelivered: 0,
    };
    assert_eq!(world.session.stats(), expected);
}

/// [O2]
#[test]
fn an_abort_of_an_ended_connection_that_gives_way_to_another_is_counted() {
    let mut world = World::new(plain());
    for _ in 0..2 {
        world.open();
        world.lose(IO);
        world.run(SECOND);
    }
    for (raw, dropped) in [(1, 0), (1, 0), (2, 1)] {
        unheard(&mut world, Input::Opened { conn: conn(raw) });
        assert_eq!(world.session.stats().dropped, dropped);
    }
    assert_eq!(world.input(Input::Timer), [Action::Abort { conn: conn(2) }]);
}

/// [O1]
#[test]
fn the_ready_state_is_the_one_of_the_web() {
    let mut world = World::new(Settings { greeting_timeout: Some(SECOND), ..plain() });
    let mut seen = vec![world.session.ready_state()];
    let steps: [fn(&mut World); 6] = [
        |world| drop(world.input(Input::Connect)),
        |world| _ = world.open(),
        |world| drop(world.input(Input::Ready { conn: conn(1) })),
        |world| drop(world.lose(IO)),
        |world| drop((world.once("queued"), world.close(seconds(9)))),
        |world| drop(world.input(Input::Cancel { id: id(1) })),
    ];
    for step in steps {
        step(&mut world);
        seen.push(world.session.ready_state());
    }
    use ReadyState::{Closed, Closing, Connecting, Open};
    assert_eq!(seen, [Closed, Connecting, Connecting, Open, Connecting, Closing, Closed]);
    assert_eq!([Connecting, Open, Closing, Closed].map(|state| state as u8), [0, 1, 2, 3]);
}

/// [O2] [P1]
#[test]
fn getters_change_nothing() {
    let mut world = World::opened(plain());
    world.once("a");
    let before = world.session.fingerprint();
    let session = &world.session;
    let _ = (session.deadline(), session.state(), session.cause(), session.ready_state(), session.is_draining());
    let _ = (session.conn(), session.next_dial(), session.stats(), session.rtt(), session.queued(), session.held());
    assert_eq!(world.session.fingerprint(), before);
}

#[cfg(feature = "serde")]
mod stored {
    use super::*;
    use heartline::*;
    use std::fmt::Debug;

    fn stored<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + Debug>(value: &T) {
        let text = serde_json::to_string(value).expect("it can be stored");
        let read: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(&read, value, "{text}");
    }

    fn refused<T: serde::de::DeserializeOwned + Debug>(text: &str, complaint: &str) {
        let error = serde_json::from_str::<T>(text).expect_err("it is invalid").to_string();
        assert!(error.contains(complaint), "{error}");
    }

    /// [O3]
    #[test]
    fn everything_a_life_consists_of_can_be_stored_and_read_back() {
        let mut world = World::new(Settings { heartbeat: pulse(when_idle(seconds(2), seconds(2))), ..plain() });
        world.once("a");
        world.open();
        world.send(Outgoing::connection("b".into(), 1)).expect("accepted");
        let transmit = world.transmit().expect("b");
        stored(&transmit);
        let calls = [
            Call::Handle { now: at(1), input: Input::Connect },
            Call::Handle {
                now: at(1),
                input: Input::Closed { conn: conn(1), closed: Closed::from(IO).retry_after(SECOND) },
            },
            Call::Handle { now: at(1), input: Input::Message { conn: conn(1), message: "a".to_string() } },
            Call::Handle { now: at(1), input: Input::close_within(SECOND) },
            Call::Send { now: at(1), outgoing: Outgoing::at_least_once("a".into(), 1).time_to_live(SECOND) },
            Call::Transmit { now: Instant::MAX },
            Call::Unsent { now: at(1), transmit, why: Unsent::Rejected },
        ];
        calls.iter().for_each(stored);
        world.run(seconds(2));
        world.pong();
        stored(&world.session.rtt().expect("a sample"));
        world.message("c");
        world.lose(IO);
        world.close(SECOND);
        assert_eq!(world.said.len(), 8);
        world.said.iter().for_each(|(now, action)| stored(&(*now, action.clone())));
        stored(&world.session.stats());
        stored(&(world.session.state(), world.session.cause(), world.session.ready_state()));
        let refused = world.send(Outgoing::once("d".to_string(), 1)).expect_err("closed");
        stored(&refused);
    }

    /// [O3]
    #[test]
    fn a_config_can_be_stored_and_its_gaps_are_defaults() {
        let settings = Settings {
            retry: RetryPolicy::default().with(When::Close(4000, 4999), Verdict::RetryAfter(SECOND)),
            max_attempts: Some(3),
            ..plain()
        };
        let config = Config::new(settings).expect("valid");
        stored(&config);
        let parts =
            r#"{"outbox": {"max_messages": 100}, "heartbeat": {"rhythm": "Off"}, "backoff": {"jitter": "Equal"}}"#;
        let read: Config = serde_json::from_str(parts).expect("valid");
        assert_eq!((read.outbox.max_messages, read.outbox.ack_window, read.heartbeat.rhythm), (100, 64, Rhythm::Off));
        let read: Config = serde_json::from_str(r#"{"max_attempts": 3}"#).expect("valid");
        assert_eq!(read, Config::new(Settings { max_attempts: Some(3), ..Settings::default() }).expect("valid"));
    }

    /// [O3]
    #[test]
    fn what_would_be_invalid_is_not_read() {
        let zero = r#"{"connect_timeout": {"secs": 0, "nanos": 0}}"#;
        assert!(serde_json::from_str::<Settings>(zero).is_ok(), "as settings it is only data");
        refused::<Config>(zero, "connect_timeout is 0ns; allowed is 1ms to 86400s");
        refused::<Config>(r#"{"conect_timeout": null}"#, "unknown field `conect_timeout`");
        refused::<CloseCode>("1005", "close code 1005 may not be sent");
        refused::<ConnId>("0", "nonzero");
    }

    /// [O3] [Q2]
    #[test]
    fn an_at_least_once_message_is_still_one_after_it_was_read_back() {
        let text = serde_json::to_string(&Outgoing::at_least_once("a".to_string(), 1)).expect("stored");
        let mut world = World::opened(plain());
        world.send(serde_json::from_str(&text).expect("read")).expect("accepted");
        assert_eq!(world.transmit_all(), ["a"]);
        world.lose(IO);
        world.run(SECOND);
        world.open();
        assert_eq!(world.transmit_all(), ["a"]);
    }
}

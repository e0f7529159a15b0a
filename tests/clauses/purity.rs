use std::time::Duration;

use heartline::{
    Action, Backoff, Cause, Config, Input, Instant, Limits, Loss, Outcome, Outgoing, Overflow, Session, Settings,
    State, Transport, Unsent,
};

use crate::support::*;
use crate::{is_dial, unheard};

const IO: Loss = Loss::Transport(Transport::Io);

/// A session with a greeting, in the given state on connection 2 (where there is one); connection 1 has ended.
pub fn in_state(state: State) -> World {
    let mut world = World::new(Settings { greeting_timeout: Some(5 * SECOND), stable_after: seconds(9), ..plain() });
    world.open();
    world.lose(IO);
    if state == State::Idle {
        world.run(2 * SECOND);
        world.lose(Loss::Close(1008));
    }
    if matches!(state, State::Connecting | State::Greeting | State::Open | State::Closing) {
        world.run(2 * SECOND);
    }
    if matches!(state, State::Greeting | State::Open | State::Closing) {
        world.open();
    }
    if matches!(state, State::Open | State::Closing) {
        world.input(Input::Ready { conn: conn(2) });
    }
    if matches!(state, State::Closing | State::Closed) {
        world.close(SECOND);
    }
    world.input(Input::Timer);
    assert_eq!(world.state(), state);
    world
}

/// [P1]
#[test]
fn what_makes_no_sense_changes_nothing_and_is_counted_in_every_state() {
    for state in State::ALL {
        let fresh = in_state(state);
        let told = if fresh.session.conn().is_some() { 2 } else { 0 };
        let mut senseless = vec![Input::Acked { id: id(1) }, Input::Cancel { id: id(u64::MAX) }];
        for raw in [1, 3, u64::MAX].into_iter().filter(|raw| *raw != told) {
            let (conn, message) = (conn(raw), String::new());
            senseless.extend([Input::Ready { conn }, Input::Pong { conn }, Input::Message { conn, message }]);
            senseless.push(Input::Closed { conn, closed: IO.into() });
            senseless.extend((raw != 1).then_some(Input::Opened { conn }));
        }
        match state {
            State::Idle | State::Closed => senseless.push(Input::NetworkChanged),
            State::Waiting => {}
            State::Connecting => {
                senseless.extend([Input::Connect, Input::NetworkChanged, Input::Ready { conn: conn(2) }])
            }
            State::Greeting => {
                senseless.extend([Input::Connect, Input::NetworkChanged, Input::Opened { conn: conn(2) }])
            }
            State::Open => senseless.extend([Input::Connect, Input::NetworkChanged, Input::Ready { conn: conn(2) }]),
            State::Closing => senseless.extend([Input::NetworkChanged, Input::Pong { conn: conn(2) }]),
        }
        if state == State::Closed {
            senseless.push(Input::close_within(SECOND));
        }
        for input in senseless {
            let mut world = in_state(state);
            let (before, stats) = (world.session.fingerprint(), world.session.stats());
            assert_eq!(world.input(input.clone()), [], "{state}: {input:?}");
            assert_eq!(world.session.fingerprint(), before, "{state}: {input:?}");
            let counted = world.session.stats();
            assert_eq!(counted.stale + counted.ignored, stats.stale + stats.ignored + 1, "{state}: {input:?}");
        }
    }
}

/// [P1]
#[test]
fn inputs_of_ended_connections_are_stale_and_all_others_out_of_place_are_ignored() {
    let mut world = in_state(State::Open);
    let before = world.session.stats();
    world.input(Input::Pong { conn: conn(1) });
    world.input(Input::Closed { conn: conn(1), closed: IO.into() });
    assert_eq!((world.session.stats().stale, world.session.stats().ignored), (before.stale + 2, before.ignored));
    world.input(Input::Pong { conn: conn(3) });
    world.input(Input::Acked { id: id(9) });
    world.input(Input::Ready { conn: conn(2) });
    assert_eq!((world.session.stats().stale, world.session.stats().ignored), (before.stale + 2, before.ignored + 3));
}

/// [P1]
#[test]
fn a_connection_that_was_not_told_yet_is_nobodys() {
    let mut world = World::new(plain());
    unheard(&mut world, Input::Connect);
    let conn = world.session.conn().expect("a dial");
    let actions = world.input(Input::Opened { conn });
    assert_eq!(actions[0], Action::Connect { conn, attempt: 0 });
    assert_eq!((world.state(), world.session.stats().ignored), (State::Connecting, 1));
    world.input(Input::Opened { conn });
    assert_eq!(world.state(), State::Open);
}

/// [P1] [C3] [O2]
#[test]
fn a_dial_that_ended_before_it_was_told_never_was() {
    let mut world = World::new(plain());
    unheard(&mut world, Input::Connect);
    let untold = world.session.conn().expect("a dial");
    unheard(&mut world, Input::close_within(SECOND));
    assert_eq!(changes(&world.input(Input::Opened { conn: untold })).len(), 2, "and no abort");
    let stats = world.session.stats();
    assert_eq!((stats.ignored, stats.stale, stats.dials), (1, 0, 0));
}

/// [P1]
#[test]
fn a_message_that_was_not_pulled_last_cannot_come_back() {
    let mut world = World::opened(plain());
    world.once("a");
    let transmit = world.transmit().expect("a");
    world.input(Input::Timer);
    world.session.unsent(world.now, transmit, Unsent::Full);
    assert_eq!((world.session.stats().ignored, world.transmit()), (1, None));
    assert_eq!(world.outcomes(), [(id(1), Outcome::Committed)]);
}

/// A life with jitter, losses, messages and a drain, begun at `origin`.
fn a_life(seed: u64, origin: Instant) -> Vec<(Duration, Action<String>)> {
    let settings = Settings { backoff: Backoff::RFC_6455, ..Settings::default() };
    let config = Config::new(settings).expect("valid");
    let mut world = World { session: Session::new(config, seed), now: origin, said: Vec::new() };
    for text in ["a", "b", "c"] {
        world.open();
        world.at_least_once(text);
        world.transmit_all();
        world.run(seconds(25));
        world.lose(IO);
        world.run(seconds(40));
    }
    world.close(SECOND);
    world.run(SECOND);
    let since = |at: Instant| at.saturating_since(origin);
    let relative = world.said.into_iter().map(|(now, action)| match action {
        Action::ScheduleReconnect { attempt, at, cause } => {
            let at = Instant::after(since(at));
            (since(now), Action::ScheduleReconnect { attempt, at, cause })
        }
        other => (since(now), other),
    });
    relative.collect()
}

/// [P2]
#[test]
fn the_seed_decides_and_nothing_else_does() {
    assert_eq!(a_life(1, at(0)), a_life(1, at(0)));
    assert_ne!(a_life(1, at(0)), a_life(2, at(0)));
}

/// [P2]
#[test]
fn jitter_is_the_same_on_every_platform() {
    // Seed 7's first two outputs of SplitMix64, scaled to 0–5 s and 0–10 s.
    let mut world = World::new(Settings { backoff: Backoff::RFC_6455, ..plain() });
    let mut delays = Vec::new();
    for _ in 0..2 {
        world.open();
        world.lose(IO);
        let (_, at) = world.session.next_dial().expect("a retry");
        delays.push(at.saturating_since(world.now).as_nanos());
        world.run(seconds(10));
    }
    assert_eq!(delays, [1_949_148_742, 167_882_945]);
}

/// [P2]
#[test]
fn moving_all_times_moves_all_actions() {
    assert_eq!(a_life(3, at(0)), a_life(3, at(1_000_000_007)));
}

/// [P2]
#[test]
fn a_fingerprint_tells_what_decides_the_future_and_nothing_else() {
    let begun = |origin, message: Option<Outgoing<Message>>| {
        let mut world = World::new(plain());
        world.now = origin;
        world.input(Input::Connect);
        message.map(|message| world.send(message).expect("accepted"));
        world.session.fingerprint()
    };
    let mortal = |text: &str| Outgoing::once(text.into(), 1).time_to_live(SECOND);
    for message in [None, Some(mortal("a")), Some(Outgoing::once("a".into(), 1))] {
        assert_eq!(begun(at(0), message.clone()), begun(at(9_999), message));
    }
    assert_eq!(begun(at(0), Some(mortal("a"))), begun(at(0), Some(mortal("b"))));
    assert_ne!(begun(at(0), Some(mortal("a"))), begun(at(0), Some(Outgoing::once("a".into(), 1))));
}

/// [P3]
#[test]
fn nothing_grows_while_nobody_pulls() {
    let outbox = Limits { max_messages: 3, overflow: Overflow::EvictOldest, ack_window: 1, ..Limits::default() };
    let mut world = World::new(Settings { outbox, ..plain() });
    for round in 0..50 {
        for input in [Input::Connect, Input::close_within(SECOND), Input::Timer] {
            unheard(world.sleep(SECOND), input);
            for text in ["aa", "bb"] {
                let _ = world.send(Outgoing::once(text.into(), text.len()));
            }
        }
        assert!(world.session.held() <= 6, "round {round}: {} held", world.session.held());
        assert!(world.session.held_bytes() <= 12, "round {round}");
    }
    let events = world.input(Input::Timer).iter().filter(|action| matches!(action, Action::Event(_))).count();
    assert_eq!(events, 4);
    assert!(world.session.stats().dropped > 90);
}

/// [P3]
#[test]
fn a_message_takes_its_place_until_its_outcome_is_pulled() {
    let outbox = Limits { max_messages: 1, ack_window: 1, ..Limits::default() };
    let mut world = World::opened(Settings { outbox, ..plain() });
    world.once("a");
    assert_eq!(world.transmit_all(), ["a"]);
    assert_eq!((world.session.queued(), world.session.held()), (0, 1));
    assert!(world.send(Outgoing::once("b".into(), 1)).is_err());
    assert_eq!(world.input(Input::Timer), [Action::Outcome { id: id(1), outcome: Outcome::Committed }]);
    assert_eq!((world.session.held(), world.session.held_bytes()), (0, 0));
    assert_eq!(world.once("b"), id(2));
}

/// [P3] [O2]
#[test]
fn the_first_four_events_are_kept_and_the_rest_counted() {
    let mut world = World::new(plain());
    for _ in 0..3 {
        unheard(&mut world, Input::Connect);
        unheard(&mut world, Input::close_within(SECOND));
    }
    assert_eq!(world.session.stats().dropped, 2);
    let told = changes(&world.input(Input::Timer));
    let [dial, end, wait] = [State::Connecting, State::Closed, State::Waiting].map(|to| (to, Cause::Requested));
    assert_eq!(told, [dial, end, wait, end]);
}

/// [P4]
#[test]
fn time_never_runs_backwards() {
    let mut world = World::new(plain());
    world.session.handle(at(60_000), Input::Timer).for_each(drop);
    let actions: Vec<_> = world.session.handle(at(1), Input::Connect).collect();
    assert!(actions.iter().any(is_dial));
    assert_eq!(world.session.deadline(), Some(at(70_000)));
    assert_eq!(world.session.handle(at(2), Input::Timer).count(), 0);
    assert_eq!(world.session.handle(at(70_000), Input::Timer).next(), Some(Action::Abort { conn: conn(1) }));
}

/// [P4]
#[test]
fn a_deadline_has_passed_at_its_very_moment_and_not_a_nanosecond_before() {
    let mut world = World::new(plain());
    world.input(Input::Connect);
    let due = world.session.deadline().expect("the dial's");
    world.now = Instant::from_nanos(due.as_nanos() - 1);
    assert_eq!(world.input(Input::Timer), []);
    world.now = due;
    assert_eq!(world.input(Input::Timer)[0], Action::Abort { conn: conn(1) });
}

/// [P4]
#[test]
fn past_the_end_of_time_there_is_no_deadline() {
    for settings in [plain(), Settings::default(), Settings { greeting_timeout: Some(SECOND), ..plain() }] {
        let mut world = World::new(settings);
        world.now = Instant::from_nanos(u64::MAX - 1);
        world.input(Input::Connect);
        assert_eq!(world.session.deadline(), None, "the dial's");
        let conn = world.open();
        world.input(Input::Ready { conn });
        assert_eq!(world.session.deadline(), None, "the heartbeat's or the greeting's");
        let lasting = Outgoing::at_least_once(String::new(), 0).time_to_live(Duration::MAX);
        assert!(world.send(lasting).is_ok());
        world.close(Duration::MAX);
        assert_eq!(world.session.deadline(), None, "the drain's");
        world.lose(IO);
        assert_eq!((world.state(), world.session.deadline()), (State::Waiting, None), "the retry's");
        world.now = Instant::MAX;
        assert_eq!(world.input(Input::Timer), []);
    }
}

//! Total, deterministic, bounded, and safe with any clock.

use std::time::Duration;

use heartline::replay::Call;
use heartline::replay::Reply;

use crate::support::*;

/// A session with a greeting, in the given state on connection 2 (where there is one); connection 1 has ended.
pub fn in_state(state: State) -> Client {
    let mut client = Client::new(Settings { stable_after: seconds(9), ..greeting(seconds(5)) });
    client.open();
    client.lose(IO);
    if !matches!(state, State::Waiting | State::Closed) {
        client.run(seconds(1));
    }
    if matches!(state, State::Greeting | State::Open | State::Closing) {
        client.open();
    }
    if matches!(state, State::Open | State::Closing) {
        client.input(Input::Ready { conn: conn(2) });
    }
    match state {
        State::Idle => drop(client.lose(Loss::Close(1008))),
        State::Closing | State::Closed => drop(client.close(SECOND)),
        _ => {}
    }
    assert_eq!(client.state(), state);
    client
}

/// Inputs that make no sense in this state.
fn senseless(state: State) -> Vec<Input<Message>> {
    let mut inputs = vec![Input::Acked { id: id(1) }, Input::Cancel { id: id(u64::MAX) }];
    let client = in_state(state);
    for raw in [1, 2, 3, u64::MAX].into_iter().filter(|raw| client.session.conn() != Some(conn(*raw))) {
        let (conn, message, mode) = (conn(raw), String::new(), HeartbeatMode::Off);
        inputs.extend([Input::Ready { conn }, Input::Alive { conn }, Input::Pong { conn, token: None }]);
        inputs.extend([Input::Message { conn, message }, Input::Heartbeat { conn, mode }, Input::Unread { conn }]);
        inputs.extend([IO, Loss::Application(4000)].map(|loss| Input::closed(conn, loss)));
        // One that has ended is answered with its abort.
        inputs.extend((raw > u64::from(client.session.stats().dials)).then_some(Input::Opened { conn }));
    }
    let (conn, off) = (conn(2), HeartbeatMode::Off);
    match state {
        State::Idle => inputs.push(Input::NetworkChanged),
        State::Waiting => {}
        // The dial is younger than the gap.
        State::Connecting => {
            inputs.extend([Input::Connect, Input::NetworkChanged, Input::Ready { conn }, Input::Unread { conn }]);
        }
        State::Greeting => {
            inputs.extend([Input::Connect, Input::NetworkChanged, Input::Opened { conn }, Input::Unread { conn }]);
        }
        State::Open => inputs.extend([Input::Connect, Input::NetworkChanged, Input::Ready { conn }]),
        State::Closing => {
            inputs.extend([Input::NetworkChanged, Input::Heartbeat { conn, mode: off }, Input::Unread { conn }]);
        }
        State::Closed => inputs.extend([Input::NetworkChanged, Input::close_within(SECOND)]),
    }
    inputs
}

/// [P1]
#[test]
fn what_makes_no_sense_changes_nothing_and_is_counted_in_every_state() {
    for state in State::ALL {
        for input in senseless(state) {
            let mut client = in_state(state);
            let (before, stats) = (client.session.fingerprint(), client.session.stats());
            assert_eq!(client.input(input.clone()), [], "{state}: {input:?}");
            assert_eq!(client.session.fingerprint(), before, "{state}: {input:?}");
            let counted = client.session.stats();
            assert_eq!(counted.stale + counted.ignored, stats.stale + stats.ignored + 1, "{state}: {input:?}");
        }
    }
}

/// [P1]
#[test]
fn inputs_of_ended_connections_are_stale_and_all_others_out_of_place_are_ignored() {
    let mut client = in_state(State::Open);
    client.input(Input::closed(conn(client.session.conn().expect("open").as_raw() + 1), IO));
    assert_eq!((client.state(), client.session.stats().ignored), (State::Open, 1));
    client.input(Input::Pong { conn: conn(1), token: None });
    client.input(Input::closed(conn(1), IO));
    assert_eq!((client.session.stats().stale, client.session.stats().ignored), (2, 1));
    client.input(Input::Pong { conn: conn(3), token: None });
    client.input(Input::Acked { id: id(9) });
    client.input(Input::Ready { conn: conn(2) });
    client.sent(id(1));
    assert_eq!((client.session.stats().stale, client.session.stats().ignored), (2, 5));
}

/// [P1]
#[test]
fn a_connection_whose_dial_was_not_pulled_is_unknown() {
    let mut client = Client::new(plain());
    client.pull(0, Input::Connect);
    assert_eq!(client.input(Input::Opened { conn: conn(1) })[0], dial(1));
    assert_eq!((client.state(), client.session.stats().ignored), (State::Connecting, 1));
    client.input(Input::Opened { conn: conn(1) });
    assert_eq!(client.state(), State::Open);
}

/// [P1] [C3] [O2]
#[test]
fn a_dial_that_ended_before_it_was_pulled_never_was() {
    let mut client = Client::new(plain());
    client.pull(0, Input::Connect);
    client.pull(0, Input::close_within(SECOND));
    assert_eq!(changes(&client.input(Input::Opened { conn: conn(1) })).len(), 2, "and no abort");
    let stats = client.session.stats();
    assert_eq!((stats.ignored, stats.stale, stats.dials), (1, 0, 0));
}

/// A session with jitter, losses, messages and a drain, begun at `origin`.
fn a_life(seed: u64, origin: Timestamp) -> Vec<(Duration, Did)> {
    let mut client = Client::seeded(Settings::default(), seed);
    client.now = origin;
    for text in ["a", "b", "c"] {
        client.open();
        client.unacknowledged(text);
        client.run(seconds(25));
        client.lose(IO);
        client.run(seconds(40));
    }
    client.close(SECOND);
    client.run(SECOND);
    let since = |at: Timestamp| at.saturating_since(origin);
    let relative = |did| match did {
        Did::Schedule { attempt, at, cause } => Did::Schedule { attempt, at: Timestamp::after(since(at)), cause },
        other => other,
    };
    client.did.into_iter().map(|(now, did)| (since(now), relative(did))).collect()
}

/// [P2]
#[test]
fn the_seed_decides_and_nothing_else_does() {
    assert_eq!(a_life(1, at(0)), a_life(1, at(0)));
    assert_ne!(a_life(1, at(0)), a_life(2, at(0)));
}

/// [P2]
#[test]
fn moving_all_times_moves_all_actions() {
    assert_eq!(a_life(3, at(0)), a_life(3, at(1_000_000_007)));
}

/// [P2]
#[test]
fn jitter_is_the_same_on_every_platform() {
    // Seed 7's first two outputs of SplitMix64, scaled to 0–5 s and 0–10 s.
    let mut client = Client::new(Settings { backoff: Backoff::RFC_6455, ..plain() });
    let delays = [1, 2].map(|_| {
        client.open();
        client.lose(IO);
        let (_, at) = client.session.next_dial().expect("a retry");
        let delay = at.saturating_since(client.now);
        client.run(seconds(10));
        delay.as_nanos()
    });
    assert_eq!(delays, [1_949_148_742, 167_882_945]);
}

/// The next call of a careless driver, which pulls at most two actions of each step.
fn careless(session: &Session<Message>, step: u64) -> Call<Message> {
    let now = at(step * 137);
    let conn = session.conn().unwrap_or(conn(1));
    let handle = |input, pulled| Call::Handle { now, input, pulled: Some(pulled) };
    // Any mixture will do, as long as it is the same every time.
    let dice = step.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let pulled = (dice % 3) as u32;
    match dice / 3 % 12 {
        0 | 1 => handle(Input::Connect, pulled),
        2 | 3 => handle(Input::Opened { conn }, pulled),
        4 => handle(Input::closed(conn, IO), pulled),
        5 => handle(Input::Message { conn, message: "in".into() }, pulled),
        6 => Call::Send { now, outgoing: at_least_once("out") },
        7 => Call::Transmit { now },
        8 => Call::Sent { now, id: session.clone().transmit(now).map_or(id(1), |lent| lent.id) },
        9 => Call::Received { now, conn },
        10 => Call::NextAction,
        _ => handle(Input::Timer, pulled),
    }
}

/// What a call returned, as text.
fn answer(session: &mut Session<Message>, call: Call<Message>) -> String {
    match session.call(call) {
        Reply::Actions(actions) => format!("{:?}", actions.collect::<Vec<_>>()),
        other => format!("{other:?}"),
    }
}

/// [P2]
#[test]
fn a_log_replays_whatever_was_pulled_because_it_says_how_much() {
    let config = Config::new(Settings { backoff: Backoff::RFC_6455, ..plain() }).expect("valid");
    let [mut live, mut replay, mut pulls_all] = [(); 3].map(|()| Session::new(config.clone(), 5));
    for step in 0..2_000 {
        let call = careless(&live, step);
        assert_eq!(answer(&mut live, call.clone()), answer(&mut replay, call.clone()), "step {step}");
        let all = match call {
            Call::Handle { now, input, .. } => Call::Handle { now, input, pulled: None },
            other => other,
        };
        answer(&mut pulls_all, all);
    }
    assert_eq!((live.fingerprint(), live.stats()), (replay.fingerprint(), replay.stats()));
    assert!(live.stats().dials > 20 && live.stats().redeliveries > 0, "{:?}", live.stats());
    assert_ne!(live.stats(), pulls_all.stats(), "how many actions were pulled decides");
}

/// [P2]
#[test]
fn a_fingerprint_has_what_decides_the_future_and_nothing_else() {
    let begun = |origin, message: Option<Outgoing<Message>>| {
        let mut client = Client::new(plain());
        client.now = origin;
        client.connect();
        message.map(|message| client.send(message).expect("accepted"));
        client.session.fingerprint()
    };
    let live_expiries = |text: &str| at_most_once(text).expires_in(SECOND);
    for message in [None, Some(live_expiries("a")), Some(at_most_once("a"))] {
        assert_eq!(begun(at(0), message.clone()), begun(at(9_999), message));
    }
    assert_eq!(begun(at(0), Some(live_expiries("a"))), begun(at(0), Some(live_expiries("b"))));
    assert_ne!(begun(at(0), Some(live_expiries("a"))), begun(at(0), Some(at_most_once("a"))));
}

/// [P2] [P6]
#[test]
fn a_fingerprint_has_what_is_owed_by_its_kind() {
    let owing = |end: Input<Message>| {
        let mut client = Client::opened(plain());
        client.unacknowledged("a");
        client.pull(0, end);
        client.session.fingerprint()
    };
    let [first, second] = [1006, 1011].map(|code| owing(Input::closed(conn(1), Loss::Close(code))));
    assert_ne!(first, second, "another cause in the event");
    let outcomes = [Input::Acked { id: id(1) }, Input::Cancel { id: id(1) }].map(owing);
    assert_ne!(outcomes[0], outcomes[1], "another outcome");
}

/// [P3]
#[test]
fn nothing_grows_while_nothing_is_pulled() {
    let outbox = OutboxConfig {
        max_messages: 3,
        max_connection_messages: 2,
        overflow: Overflow::EvictOldest,
        ack_window: 1,
        ..OutboxConfig::default()
    };
    let mut client = Client::new(Settings { outbox, ..plain() });
    let mut most = 0;
    for round in 0..150 {
        let raw = client.session.conn().map_or(1, |conn| conn.as_raw());
        let opened = Input::Opened { conn: conn(raw) };
        // Only the dials are pulled.
        for input in [Input::Connect, opened, Input::closed(conn(raw), IO), Input::Timer] {
            client.sleep(SECOND);
            client.session.handle(client.now, input).take(round % 2).for_each(drop);
            for message in [at_most_once("aa"), at_least_once("bb"), this_connection("cc")] {
                let _ = client.send(message);
            }
            client.write_all();
            most = most.max(client.session.held());
        }
        assert!(client.session.held_bytes() <= 2 * 8, "round {round}");
    }
    assert_eq!(most, 3 + 3 + 2, "the bounds, once more for the evicted, and those of the connection");
    let events = client.rest().iter().filter(|did| matches!(did, Did::Event(_))).count();
    assert_eq!(events, 4);
    assert!(client.session.stats().dropped > 90);
}

/// [P3]
#[test]
fn a_message_takes_its_place_until_its_outcome_is_pulled() {
    let outbox = OutboxConfig { max_messages: 1, ack_window: 1, ..OutboxConfig::default() };
    let mut client = Client::opened(Settings { outbox, ..plain() });
    client.at_most_once("a");
    assert_eq!(client.write_all(), ["a"]);
    assert_eq!((client.session.queued(), client.session.held()), (0, 1));
    assert!(client.send(at_most_once("b")).is_err());
    assert_eq!(client.rest(), [transmitted(1)]);
    assert_eq!((client.session.held(), client.session.held_bytes()), (0, 0));
    assert_eq!(client.at_most_once("b"), id(2));
}

/// [P3] [O1] [O2]
#[test]
fn events_without_room_merge_so_that_the_last_one_tells_the_state() {
    let mut client = Client::new(plain());
    for _ in 0..5 {
        client.pull(0, Input::Connect);
        client.pull(0, Input::close_within(SECOND));
    }
    client.pull(0, Input::Connect);
    assert_eq!(client.session.stats().dropped, 7);
    let [dial, end, wait] = [State::Connecting, State::Closed, State::Waiting].map(|to| (to, Cause::Requested));
    let events = client.timer();
    assert_eq!(changes(&events), [dial, end, wait, wait]);
    assert_eq!(events[3], change(State::Waiting, State::Waiting, Cause::Requested), "its own beginning");
}

/// [P3] [O2]
#[test]
fn events_that_are_no_change_of_state_give_way_to_one() {
    let heartbeat = HeartbeatConfig { slow_after: Some(seconds(2)), ..watched_by(when_idle(5, 5)) };
    let mut client = Client::opened(Settings { heartbeat, ..plain() });
    for round in 0..3 {
        for due in [5_000, 7_000] {
            client.now = at(7_000 * round + due);
            client.pull(0, Input::Timer);
        }
        client.pull(0, Input::Alive { conn: conn(1) });
    }
    assert_eq!(client.session.stats().dropped, 2, "four are kept, the newest are dropped");
    client.pull(0, Input::closed(conn(1), IO));
    let lost = change(State::Open, State::Waiting, Cause::Lost(IO));
    assert_eq!(client.rest()[..4], [RECOVERED, DEGRADED, RECOVERED, lost]);
    assert_eq!(client.session.stats().dropped, 3);
}

/// [P4]
#[test]
fn time_never_runs_backwards() {
    let mut client = Client::new(plain());
    client.timer_at(60_000);
    client.now = at(1);
    assert_eq!(client.connect()[0], dial(1));
    assert_eq!(client.session.deadline(), Some(at(70_000)));
    assert_eq!(client.timer_at(2), []);
    assert_eq!(client.timer_at(70_000)[0], Did::Abort(1));
}

/// [P4]
#[test]
fn one_moment_in_the_far_future_holds_the_clock_until_time_catches_up() {
    let mut client = Client::opened(beating(when_idle(5, 5)));
    let a_century = at(100 * 365 * 86_400_000);
    client.now = a_century;
    client.message("with a wall clock");
    client.now = at(1_000);
    assert_eq!(client.run(seconds(3600)), [], "no ping for an hour");
    assert_eq!(client.session.deadline(), Some(a_century.saturating_add(seconds(5))));
    client.now = a_century.saturating_add(seconds(5));
    assert_eq!(client.timer(), [Did::Ping(1, 1)], "it goes on from there");
}

/// [P4]
#[test]
fn a_deadline_has_passed_at_its_very_moment_and_not_a_nanosecond_before() {
    let mut client = Client::new(plain());
    client.connect();
    let due = client.session.deadline().expect("the dial's");
    client.now = Timestamp::from_nanos(due.as_nanos() - 1);
    assert_eq!(client.timer(), []);
    client.now = due;
    assert_eq!(client.timer()[0], Did::Abort(1));
}

/// [P4]
#[test]
fn past_the_end_of_time_there_is_no_deadline() {
    for settings in [plain(), Settings::default(), greeting(SECOND)] {
        let mut client = Client::new(settings);
        client.now = Timestamp::from_nanos(u64::MAX - 1);
        client.connect();
        assert_eq!(client.session.deadline(), None, "the dial's");
        client.ready();
        assert_eq!(client.session.deadline(), None, "the heartbeat's or the greeting's");
        client.send(at_least_once("a").expires_in(Duration::MAX)).expect("accepted");
        client.write_all();
        client.close(Duration::MAX);
        assert_eq!(client.session.deadline(), None, "the drain's, the message's or the acknowledgement's");
        client.lose(IO);
        assert_eq!((client.state(), client.session.deadline()), (State::Waiting, None), "the retry's");
        client.now = Timestamp::MAX;
        assert_eq!(client.timer(), []);
    }
}

use std::time::Duration;

use heartline::{
    Action, Cause, Closed, DEFAULT_RULES, Input, Loss, Outgoing, Rhythm, Settings, State, Transport, Verdict, When,
};

use crate::change;
use crate::reconnecting::{IO, dials, lose_and_dial, waiting};
use crate::support::*;

/// [R4]
#[test]
fn every_loss_has_a_verdict_from_a_table_that_names_its_sources() {
    assert!(DEFAULT_RULES.iter().all(|rule| rule.source.len() > 20));
    for code in 0..=u16::MAX {
        for loss in [Loss::Close(code), Loss::Status(code)] {
            assert!(DEFAULT_RULES.iter().any(|rule| rule.when.matches(loss)), "{loss:?}");
        }
    }
    let cases: [(Loss, Option<u64>); 12] = [
        (Loss::Close(1000), None),
        (Loss::Close(1001), Some(0)),
        (Loss::Close(1008), None),
        (Loss::Close(1012), Some(5)),
        (Loss::Close(4401), None),
        (Loss::Close(4429), Some(5)),
        (Loss::Status(401), None),
        (Loss::Status(404), None),
        (Loss::Status(429), Some(5)),
        (Loss::Status(503), Some(0)),
        (Loss::Transport(Transport::Address), None),
        (Loss::Transport(Transport::Tls), Some(0)),
    ];
    for (loss, stay_away) in cases {
        let mut world = World::new(plain());
        world.input(Input::Connect);
        world.lose(loss);
        let expected = stay_away.map(|least| (1, at(1_000 * (least + 1))));
        assert_eq!(world.session.next_dial(), expected, "{loss:?}, with the backoff's second on top");
    }
}

/// [R4]
#[test]
fn own_rules_come_before_the_table() {
    let retry = heartline::RetryPolicy::default()
        .with(When::Close(1000, 1000), Verdict::RetryAfter(seconds(9)))
        .with(When::Timeout, Verdict::Stop);
    let mut world = World::opened(Settings { retry, ..plain() });
    world.lose(Loss::Close(1000));
    assert_eq!(world.session.next_dial(), Some((1, at(10_000))));
    world.run(seconds(30));
    assert_eq!((world.state(), world.session.cause()), (State::Idle, Cause::Stopped(Loss::ConnectTimeout)));
}

/// [R4]
#[test]
fn what_the_server_asks_for_is_honoured_up_to_the_maximum_with_the_delay_on_top() {
    for (asked, at_second) in
        [(seconds(0), 1), (seconds(7), 8), (seconds(300), 301), (seconds(301), 301), (Duration::MAX, 301)]
    {
        let mut world = World::new(plain());
        world.input(Input::Connect);
        world.lose(Closed::from(Loss::Status(503)).retry_after(asked));
        assert_eq!(world.session.next_dial(), Some((1, at(1_000 * at_second))), "{asked:?}");
    }
    let mut world = World::new(plain());
    world.input(Input::Connect);
    world.lose(Closed::from(Loss::Status(429)).retry_after(seconds(2)));
    assert_eq!(world.session.next_dial(), Some((1, at(6_000))), "the table's 5 s are more");
}

/// [R4] [R5]
#[test]
fn max_attempts_ends_the_retries() {
    for max in [0, 1, 3] {
        let mut world = World::new(Settings { max_attempts: Some(max), ..plain() });
        world.input(Input::Connect);
        for attempt in 1..=max {
            assert_eq!(lose_and_dial(&mut world), attempt);
        }
        assert_eq!(world.lose(IO), [change(State::Connecting, State::Idle, Cause::Exhausted(IO))]);
        assert_eq!(world.session.deadline(), None);
    }
}

/// [R5] [O1]
#[test]
fn after_a_stop_the_session_is_idle_says_why_and_keeps_what_is_queued() {
    let mut world = World::opened(plain());
    world.at_least_once("transmitted");
    world.transmit_all();
    world.once("queued");
    let cause = Cause::Stopped(Loss::Close(1008));
    assert_eq!(world.lose(Loss::Close(1008)), [change(State::Open, State::Idle, cause)]);
    assert_eq!((world.session.cause(), world.session.deadline(), world.session.queued()), (cause, None, 2));
    world.sleep(SECOND);
    world.open();
    assert_eq!(world.transmit_all(), ["transmitted", "queued"]);
}

/// [R6]
#[test]
fn connect_while_waiting_dials_at_once() {
    let mut world = waiting();
    world.sleep(millis(500));
    let expected =
        [Action::Connect { conn: conn(2), attempt: 1 }, change(State::Waiting, State::Connecting, Cause::Requested)];
    assert_eq!(world.input(Input::Connect), expected);
}

/// [R6] [R4]
#[test]
fn connect_while_waiting_ignores_what_the_server_asked_for() {
    let mut world = World::new(plain());
    world.input(Input::Connect);
    world.lose(Closed::from(Loss::Status(503)).retry_after(seconds(200)));
    world.sleep(millis(100));
    assert_eq!(world.input(Input::Connect)[0], Action::Connect { conn: conn(2), attempt: 1 });
}

/// [R6] [O1]
#[test]
fn connect_while_waiting_still_keeps_the_gap() {
    let mut world = waiting();
    world.sleep(millis(99));
    let moved = Action::ScheduleReconnect { attempt: 1, at: at(100), cause: Cause::Lost(IO) };
    assert_eq!(world.input(Input::Connect), [moved]);
    assert_eq!(world.input(Input::Connect), [], "it cannot be hurried further");
    assert_eq!(dials(&world.run(seconds(5))), [100]);
}

/// [R6]
#[test]
fn connect_does_nothing_where_there_is_a_dial_or_a_connection() {
    let mut world = World::new(Settings { greeting_timeout: Some(SECOND), ..plain() });
    world.input(Input::Connect);
    for state in [State::Connecting, State::Greeting, State::Open] {
        assert_eq!(world.state(), state);
        let before = world.session.fingerprint();
        assert_eq!(world.input(Input::Connect), []);
        assert_eq!(world.session.fingerprint(), before);
        let conn = world.session.conn().expect("a connection");
        world.input(if state == State::Connecting { Input::Opened { conn } } else { Input::Ready { conn } });
    }
    assert_eq!(world.session.stats().dials, 1);
}

/// [R7]
#[test]
fn a_changed_network_dials_at_once_if_nothing_is_against_it() {
    let mut world = waiting();
    world.sleep(millis(100));
    let expected = [
        Action::Connect { conn: conn(2), attempt: 1 },
        change(State::Waiting, State::Connecting, Cause::NetworkChanged),
    ];
    assert_eq!(world.input(Input::NetworkChanged), expected);
}

/// [R7] [O1]
#[test]
fn a_changed_network_respects_the_gap_and_the_servers_wish() {
    let mut world = waiting();
    world.sleep(millis(30));
    let moved = |millis| Action::ScheduleReconnect { attempt: 1, at: at(millis), cause: Cause::Lost(IO) };
    assert_eq!(world.input(Input::NetworkChanged), [moved(100)], "the gap");
    assert_eq!(world.input(Input::NetworkChanged), [], "as early as it gets");
    let mut world = World::opened(plain());
    world.lose(Closed::from(IO).retry_after(seconds(3)));
    world.sleep(SECOND);
    assert_eq!(world.input(Input::NetworkChanged), [moved(3_000)], "the wish, without the delay on top");
    assert_eq!(dials(&world.run(seconds(5))), [3_000]);
}

/// [R7] [H3]
#[test]
fn a_changed_network_pings_an_open_link_once_if_the_rhythm_pings() {
    let rhythms = [
        (Rhythm::Off, 0),
        (Rhythm::Listen { window: seconds(9) }, 0),
        (when_idle(seconds(5), seconds(5)), 1),
        (Rhythm::Steady { interval: seconds(5), timeout: None }, 3),
        (Rhythm::Steady { interval: seconds(5), timeout: Some(seconds(5)) }, 1),
    ];
    for (rhythm, pings) in rhythms {
        let mut world = World::opened(Settings { heartbeat: pulse(rhythm), ..plain() });
        for _ in 0..2 {
            world.sleep(millis(10));
            world.input(Input::NetworkChanged);
        }
        let pinged = world.said.iter().filter(|(_, action)| matches!(action, Action::Ping { .. }));
        assert_eq!(pinged.count(), pings, "{rhythm:?}");
    }
}

/// [R7] [H4]
#[test]
fn a_link_that_does_not_survive_the_change_is_found_by_the_probe() {
    let heartbeat = pulse(when_idle(seconds(60), seconds(5)));
    let mut world = World::opened(Settings { heartbeat, ..plain() });
    world.run(seconds(1));
    assert_eq!(world.input(Input::NetworkChanged), [Action::Ping { conn: conn(1) }]);
    world.run(seconds(5));
    assert_eq!(world.session.cause(), Cause::Lost(Loss::HeartbeatTimeout));
}

/// [R1] [X1]
#[test]
fn a_drain_reconnects_like_any_other_session() {
    let mut world = World::opened(plain());
    world.send(Outgoing::once("queued".into(), 6)).expect("accepted");
    world.close(seconds(60));
    world.lose(IO);
    assert_eq!(world.session.next_dial(), Some((1, at(1_000))));
    world.run(SECOND);
    world.open();
    assert_eq!(world.transmit_all(), ["queued"]);
    assert_eq!(world.input(Input::Timer)[0], Action::Close { conn: conn(2), code: heartline::CloseCode::NORMAL });
}

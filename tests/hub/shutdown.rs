//! Going down, and telling everybody when to come back.

use std::time::Duration;

use heartline::hub::{Event, Settings};
use heartline::{ConnId, Loss, RetryPolicy, Verdict};

use crate::desk::{Action, Desk, Input, NANOSECOND, at, code, offline, plain, seconds, when_idle};

const DRAINED: Action = Action::Event(Event::Drained);

/// The connections that were told to come back, and when.
fn returns(said: &[Action]) -> Vec<(ConnId, Duration)> {
    let told = |action: &Action| match action {
        Action::Close { conn, code, retry_after } => {
            assert_eq!(code.get(), 1012);
            Some((*conn, retry_after.expect("a moment to come back")))
        }
        _ => None,
    };
    said.iter().filter_map(told).collect()
}

/// [U12]
#[test]
fn a_shutdown_closes_every_connection_and_says_when_to_come_back() {
    let (mut desk, [ann, bob]) = Desk::with(plain(), ["ann", "bob"]);
    let conn = desk.admit();
    let said = desk.shut_down(seconds(10), seconds(30));
    let told = returns(&said);
    assert_eq!(told.iter().map(|(conn, _)| *conn).collect::<Vec<_>>(), [ann, bob, conn]);
    assert!(told.iter().all(|(_, wait)| *wait <= seconds(30)));
    assert_eq!(said[3..], [offline("ann"), offline("bob")]);
    assert_eq!((desk.hub.online().len(), desk.hub.anonymous(), desk.hub.connections()), (0, 0, 3));
}

/// [U12]
#[test]
fn the_code_of_a_shutdown_is_retried_by_the_default_policy() {
    assert!(matches!(RetryPolicy::default().verdict(Loss::Close(1012)), Verdict::RetryAfter(_)));
}

/// [U12]
#[test]
fn the_moments_to_come_back_fill_the_spread_evenly() {
    let mut desk = Desk::new(plain());
    (0..1000).for_each(|_| {
        desk.admit();
    });
    let told = returns(&desk.shut_down(seconds(10), seconds(10)));
    let mut tenths = [0; 10];
    told.iter().for_each(|(_, wait)| tenths[(wait.as_secs() as usize).min(9)] += 1);
    assert_eq!(told.len(), 1000);
    // Each is 100 give or take 9.5: these are five times that.
    assert!(tenths.iter().all(|count| (53..=147).contains(count)), "{tenths:?}");
}

/// [U12]
#[test]
fn without_a_spread_everybody_may_come_back_at_once() {
    let (mut desk, [ann]) = Desk::with(plain(), ["ann"]);
    assert_eq!(returns(&desk.shut_down(seconds(10), Duration::ZERO)), [(ann, Duration::ZERO)]);
    let (mut desk, [_ann]) = Desk::with(plain(), ["ann"]);
    assert_eq!(returns(&desk.shut_down(seconds(10), Duration::MAX)).len(), 1);
}

/// [U12]
#[test]
fn the_last_to_go_is_told() {
    let (mut desk, [ann, bob]) = Desk::with(plain(), ["ann", "bob"]);
    desk.shut_down(seconds(10), seconds(30));
    assert_eq!(desk.closed(ann), []);
    assert_eq!(desk.closed(bob), [DRAINED]);
    assert_eq!((desk.hub.deadline(), desk.closed(bob)), (None, vec![]));
}

/// [U12]
#[test]
fn an_empty_hub_is_drained_at_once_and_says_so_once() {
    let mut desk = Desk::new(plain());
    assert_eq!(desk.shut_down(seconds(10), seconds(30)), [DRAINED]);
    assert_eq!(desk.shut_down(seconds(10), seconds(30)), []);
    assert_eq!((desk.timer(), desk.hub.deadline()), (vec![], None));
}

/// [U12]
#[test]
fn whoever_has_not_answered_within_the_time_is_aborted() {
    let settings = Settings { close_timeout: seconds(60), ..plain() };
    let (mut desk, [ann, bob, eve]) = Desk::with(settings, ["ann", "bob", "eve"]);
    desk.shut_down(seconds(10), seconds(30));
    desk.closed(bob);
    assert_eq!(desk.run(seconds(10) - NANOSECOND), []);
    let gone = [Action::Abort { conn: ann }, Action::Abort { conn: eve }, DRAINED];
    assert_eq!(desk.run(seconds(60)), gone.map(|action| (at(10_000), action)));
    assert_eq!(desk.hub.connections(), 0);
}

/// [U12]
#[test]
fn a_close_handshake_takes_no_longer_than_ever_during_a_shutdown() {
    let (mut desk, [ann]) = Desk::with(plain(), ["ann"]);
    desk.shut_down(seconds(60), seconds(30));
    assert_eq!(desk.run(seconds(60)), [(at(5000), Action::Abort { conn: ann }), (at(5000), DRAINED)]);
}

/// [U12] [U10]
#[test]
fn whoever_is_being_closed_already_is_not_closed_again() {
    let (mut desk, [old, new]) = Desk::with(plain(), ["ann", "ann"]);
    assert_eq!(returns(&desk.shut_down(seconds(3), seconds(30))).iter().map(|told| told.0).collect::<Vec<_>>(), [new]);
    assert_eq!(returns(&desk.shut_down(seconds(3), seconds(30))), []);
    let gone = [Action::Abort { conn: old }, Action::Abort { conn: new }, DRAINED];
    assert_eq!(desk.run(seconds(60)), gone.map(|action| (at(3000), action)));
}

/// [U12]
#[test]
fn a_second_shutdown_can_only_shorten_the_time() {
    for (first, second) in [(seconds(4), seconds(1)), (seconds(1), seconds(4))] {
        let (mut desk, [ann]) = Desk::with(plain(), ["ann"]);
        desk.shut_down(first, seconds(30));
        desk.shut_down(second, seconds(30));
        let gone = [Action::Abort { conn: ann }, DRAINED];
        assert_eq!(desk.run(seconds(60)), gone.map(|action| (at(1000), action)));
    }
}

/// [U12]
#[test]
fn a_shutdown_without_patience_aborts_with_the_next_timer() {
    let (mut desk, [ann]) = Desk::with(Settings { heartbeat: when_idle(), ..plain() }, ["ann"]);
    assert_eq!(returns(&desk.shut_down(Duration::ZERO, seconds(30))).len(), 1);
    assert_eq!(desk.hub.deadline(), Some(desk.now));
    assert_eq!(desk.timer(), [Action::Abort { conn: ann }, DRAINED]);
    assert_eq!(desk.hub.deadline(), None);
}

/// [U12] [U5]
#[test]
fn what_the_clients_say_during_a_shutdown_has_no_effect() {
    let (mut desk, [ann, bob]) = Desk::with(plain(), ["ann", "bob"]);
    desk.shut_down(seconds(10), seconds(30));
    assert_eq!(desk.relay(ann, "bob", "hello"), []);
    assert_eq!(desk.login(bob, "bob"), []);
    assert_eq!(desk.input(Input::Close { conn: ann, code: code(4000) }), []);
    assert_eq!(desk.hub.stats().stale, 3);
}

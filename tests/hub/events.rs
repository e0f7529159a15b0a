//! Replies to what cannot be handled, and who is told to be online.

use heartline::Instant;
use heartline::hub::{self, Event, LoginRefusal, SecondLogin, Settings};

use crate::desk::{Action, Desk, Input, NANOSECOND, close, offline, online, plain, seconds};

/// [U10]
#[test]
fn an_unknown_event_gets_one_reply_in_the_gap() {
    let (mut desk, [ann]) = Desk::with(plain(), ["ann"]);
    assert_eq!(desk.unknown(ann), [Action::CannotHandle { conn: ann }]);
    assert_eq!(desk.unknown(ann), []);
    desk.sleep(seconds(1) - NANOSECOND);
    assert_eq!(desk.unknown(ann), []);
    desk.sleep(NANOSECOND);
    assert_eq!(desk.unknown(ann), [Action::CannotHandle { conn: ann }]);
    assert_eq!(desk.hub.stats().unanswered, 2);
}

/// [U10]
#[test]
fn refused_logins_and_unknown_events_share_the_gap() {
    let settings = Settings { second_login: SecondLogin::Reject, ..plain() };
    let (mut desk, [_ann]) = Desk::with(settings, ["ann"]);
    let conn = desk.admit();
    assert_eq!(desk.login(conn, "ann"), [Action::LoginRefused { conn, reason: LoginRefusal::UserOnline }]);
    assert_eq!((desk.login(conn, "ann"), desk.unknown(conn)), (vec![], vec![]));
    desk.sleep(seconds(1));
    assert_eq!(desk.unknown(conn), [Action::CannotHandle { conn }]);
    assert_eq!(desk.login(conn, "ann"), []);
    assert_eq!((desk.hub.stats().logins_refused, desk.hub.stats().unanswered), (3, 3));
}

/// [U10]
#[test]
fn a_flood_on_one_connection_costs_no_other_its_reply() {
    let (mut desk, [ann, bob]) = Desk::with(plain(), ["ann", "bob"]);
    (0..100).for_each(|_| drop(desk.unknown(ann)));
    assert_eq!(desk.unknown(bob), [Action::CannotHandle { conn: bob }]);
    assert_eq!(desk.hub.stats().unanswered, 99);
}

/// [U10]
#[test]
fn without_a_gap_every_event_is_answered() {
    let (mut desk, [ann]) = Desk::with(Settings { reply_gap: seconds(0), ..plain() }, ["ann"]);
    assert_eq!(desk.unknown(ann), desk.unknown(ann));
}

/// [U10] [P4]
#[test]
fn a_flood_at_the_end_of_time_is_a_flood() {
    let mut desk = Desk::new(plain());
    desk.now = Instant::MAX;
    let conn = desk.admit();
    assert_eq!(desk.unknown(conn), [Action::CannotHandle { conn }]);
    assert_eq!(desk.unknown(conn), []);
}

/// [U10]
#[test]
fn the_replies_of_a_connection_that_is_being_closed_are_none() {
    let (mut desk, [ann]) = Desk::with(plain(), ["ann"]);
    desk.queued(ann, 101);
    assert_eq!(desk.unknown(ann), []);
    assert_eq!((desk.hub.stats().stale, desk.hub.stats().unanswered), (1, 0));
}

/// [U10]
#[test]
fn whoever_goes_and_comes_before_anybody_was_told_neither_went_nor_came() {
    let (mut desk, [ann]) = Desk::with(plain(), ["ann"]);
    let now = desk.now;
    drop(desk.hub.handle(now, hub::Input::Closed { conn: ann }));
    let conn = desk.admit();
    assert_eq!(desk.login(conn, "ann"), [Action::LoggedIn { conn, user: "ann" }]);

    let conn = desk.admit();
    drop(desk.hub.handle(now, hub::Input::Login { conn, user: "bob" }));
    assert_eq!(desk.closed(conn), []);
    assert_eq!(desk.hub.deadline(), Some(desk.now.saturating_add(seconds(10))), "only the timer of the login is left");
}

/// [U10]
#[test]
fn online_and_offline_alternate_for_each_user() {
    let mut desk = Desk::new(plain());
    for _ in 0..3 {
        let old = desk.user("ann");
        let new = desk.user("ann");
        assert_eq!(desk.closed(old), []);
        assert_eq!(desk.queued(new, 101), [close(new, 1013), offline("ann")]);
        assert_eq!(desk.closed(new), []);
    }
    let events: Vec<_> = desk.said.iter().filter(|(_, said)| matches!(said, Action::Event(_))).collect();
    assert_eq!(events.len(), 6);
    for (nth, (_, said)) in events.into_iter().enumerate() {
        assert_eq!(*said, [online("ann"), offline("ann")][nth % 2]);
    }
}

/// [U10]
#[test]
fn whoever_left_is_told_before_whoever_came() {
    let (mut desk, [zoe]) = Desk::with(plain(), ["zoe"]);
    let conn = desk.admit();
    let now = desk.now;
    drop(desk.hub.handle(now, hub::Input::Login { conn, user: "ann" }));
    drop(desk.hub.handle(now, hub::Input::Closed { conn: zoe }));
    assert_eq!(desk.timer(), [offline("zoe"), online("ann")]);
}

/// [U10]
#[test]
fn an_event_that_was_not_pulled_comes_with_the_next_step() {
    let mut desk = Desk::new(plain());
    let conn = desk.admit();
    let now = desk.now;
    let first = desk.hub.handle(now, Input::Login { conn, user: "ann" }).next();
    assert_eq!(first, Some(Action::LoggedIn { conn, user: "ann" }));
    assert_eq!(desk.hub.deadline(), Some(now));
    assert_eq!(desk.input(Input::Ping { conn }), [Action::Pong { conn }, Action::Event(Event::Online("ann"))]);
}

//! How connections end, and what the dead still say.

use heartline::CloseCode;
use heartline::hub::Fate;

use crate::desk::{Action, Desk, Input, at, close, code, frames, offline, plain, raw, seconds, told};

/// [U5]
#[test]
fn the_close_of_a_users_connection_unregisters_the_user() {
    let (mut desk, [ann]) = Desk::with(plain(), ["ann"]);
    assert_eq!(desk.closed(ann), [offline("ann")]);
    assert_eq!((desk.hub.online().len(), desk.hub.connections()), (0, 0));
    assert_eq!(desk.hub.deadline(), None);
}

/// [U5]
#[test]
fn the_late_close_of_a_replaced_connection_leaves_the_user_online() {
    let (mut desk, [old, new]) = Desk::with(plain(), ["ann", "ann"]);
    assert_eq!(desk.closed(old), []);
    assert_eq!((desk.online(), desk.hub.connections()), (vec![("ann", new)], 1));
}

/// [U5]
#[test]
fn what_a_replaced_connection_says_has_no_effect_and_is_counted() {
    let (mut desk, [old, new, _bob]) = Desk::with(plain(), ["ann", "ann", "bob"]);
    let late = [
        Input::Queued { conn: old, bytes: 1000 },
        Input::Written { conn: old, bytes: 1000 },
        Input::Close { conn: old, code: CloseCode::NORMAL },
    ];
    for (nth, input) in (1..).zip(frames(old).into_iter().chain(late)) {
        assert_eq!(desk.input(input.clone()), [], "{input:?}");
        assert_eq!(desk.hub.stats().stale, nth);
    }
    assert_eq!(desk.hub.conn_of(&"ann"), Some(new));
    assert_eq!((desk.hub.stats().routed, desk.hub.stats().closed_slow), (0, 0));
}

/// [U5] [U6]
#[test]
fn nothing_is_routed_to_a_connection_that_is_being_closed() {
    let (mut desk, [ann, bob]) = Desk::with(plain(), ["ann", "bob"]);
    assert_eq!(desk.input(Input::Close { conn: bob, code: code(4000) }), [close(bob, 4000), offline("bob")]);
    assert_eq!(desk.relay(ann, "bob", "hello"), [told(ann, "bob", Fate::Offline("hello"))]);
    assert_eq!(desk.broadcast(Some(ann), &[], "news"), [Action::Told { conn: ann, to: None, fate: Fate::Routed(0) }]);
}

/// [U5]
#[test]
fn an_end_that_is_reported_again_is_counted_and_nothing_else() {
    let (mut desk, [ann]) = Desk::with(plain(), ["ann"]);
    desk.closed(ann);
    assert_eq!((desk.closed(ann), desk.closed(raw(u64::MAX))), (vec![], vec![]));
    assert_eq!((desk.hub.stats().stale, desk.hub.stats().ignored), (1, 1));
}

/// [U5]
#[test]
fn a_replaced_connection_that_logs_in_again_does_not_come_back_to_life() {
    let (mut desk, [old, new]) = Desk::with(plain(), ["ann", "ann"]);
    assert_eq!(desk.login(old, "ann"), []);
    assert_eq!(desk.login(old, "eve"), []);
    assert_eq!(desk.online(), [("ann", new)]);
}

/// [U10]
#[test]
fn a_connection_is_closed_once_whatever_speaks_for_closing_it() {
    let (mut desk, [ann]) = Desk::with(plain(), ["ann"]);
    assert_eq!(desk.queued(ann, 101), [close(ann, 1013), offline("ann")]);
    assert_eq!(desk.queued(ann, 101), []);
    assert_eq!(desk.input(Input::Close { conn: ann, code: code(4000) }), []);
    desk.user("ann");
    let said = desk.shut_down(seconds(60), seconds(30));
    assert!(said.iter().all(|action| !matches!(action, Action::Close { conn, .. } if *conn == ann)));
}

/// [U5]
#[test]
fn a_close_handshake_that_takes_too_long_is_cut_short() {
    let (mut desk, [ann]) = Desk::with(plain(), ["ann"]);
    desk.input(Input::Close { conn: ann, code: code(4000) });
    assert_eq!(desk.run(seconds(60)), [(at(5000), Action::Abort { conn: ann })]);
    assert_eq!((desk.hub.connections(), desk.closed(ann)), (0, vec![]));
}

/// [U10]
#[test]
fn a_close_that_was_not_pulled_before_the_end_is_not_told_after_it() {
    let (mut desk, [ann]) = Desk::with(plain(), ["ann"]);
    let now = desk.now;
    drop(desk.hub.handle(now, heartline::hub::Input::Close { conn: ann, code: code(4000) }));
    assert_eq!(desk.hub.deadline(), Some(desk.now), "something is owed");
    assert_eq!(desk.closed(ann), [offline("ann")]);
    assert_eq!(desk.hub.deadline(), None);
}

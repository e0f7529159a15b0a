//! Anonymous, logged in, replaced.

use heartline::hub::{Fate, LoginRefusal, SecondLogin, Settings};
use heartline::{Loss, RetryPolicy, Verdict};

use crate::desk::{Action, Desk, Input, NANOSECOND, at, close, code, frames, offline, online, plain, seconds, told};

fn rejecting() -> Settings {
    Settings { second_login: SecondLogin::Reject, ..plain() }
}

/// [U3]
#[test]
fn an_anonymous_connection_is_not_online_and_nothing_is_routed_to_it() {
    let (mut desk, [ann]) = Desk::with(plain(), ["ann"]);
    let anonymous = desk.admit();
    assert_eq!((desk.online(), desk.hub.anonymous(), desk.hub.connections()), (vec![("ann", ann)], 1, 2));
    assert_eq!(desk.hub.user_of(anonymous), None);
    assert_eq!(
        desk.broadcast(None, &[], "news"),
        [Action::Broadcast { conns: vec![ann], from: None, message: "news" }]
    );
}

/// [U3] [U6]
#[test]
fn an_anonymous_connection_sends_nothing_to_anybody() {
    let (mut desk, [_bob]) = Desk::with(plain(), ["bob"]);
    let conn = desk.admit();
    assert_eq!(desk.relay(conn, "bob", "hello"), [told(conn, "bob", Fate::NotLoggedIn("hello"))]);
    let back = Action::Told { conn, to: None, fate: Fate::NotLoggedIn("hello") };
    assert_eq!(desk.broadcast(Some(conn), &[], "hello"), [back]);
}

/// [U3]
#[test]
fn whoever_has_not_logged_in_at_the_deadline_is_closed() {
    let mut desk = Desk::new(plain());
    let conn = desk.admit();
    assert_eq!(desk.hub.deadline(), Some(at(10_000)));
    desk.sleep(seconds(10) - NANOSECOND);
    assert_eq!(desk.timer(), [], "a nanosecond before");
    desk.sleep(NANOSECOND);
    assert_eq!(desk.timer(), [close(conn, 4408)]);
    assert_eq!((desk.hub.anonymous(), desk.hub.stats().closed_anonymous), (0, 1));
}

/// [U3] [P5]
#[test]
fn a_login_that_comes_late_but_before_the_timer_is_in_time() {
    let mut desk = Desk::new(plain());
    let conn = desk.admit();
    desk.sleep(seconds(60));
    assert_eq!(desk.login(conn, "ann"), [Action::LoggedIn { conn, user: "ann" }, online("ann")]);
    assert_eq!(desk.run(seconds(60)), []);
    assert_eq!(desk.online(), [("ann", conn)]);
}

/// [U3]
#[test]
fn no_other_frame_prolongs_the_time_to_log_in() {
    let (mut desk, [_bob]) = Desk::with(rejecting(), ["bob"]);
    let conn = desk.admit();
    for frame in frames(conn) {
        desk.sleep(seconds(1));
        let login = matches!(frame, Input::Login { .. });
        desk.input(if login { Input::Login { conn, user: "bob" } } else { frame });
    }
    assert_eq!(desk.run(seconds(60)).first(), Some(&(at(10_000), close(conn, 4408))));
}

/// [U4]
#[test]
fn a_login_registers() {
    let mut desk = Desk::new(plain());
    let conn = desk.admit();
    assert_eq!(desk.login(conn, "ann"), [Action::LoggedIn { conn, user: "ann" }, online("ann")]);
    assert_eq!((desk.hub.conn_of(&"ann"), desk.hub.user_of(conn)), (Some(conn), Some(&"ann")));
    assert_eq!((desk.hub.online().len(), desk.hub.anonymous(), desk.hub.stats().logins), (1, 0, 1));
}

/// [U4] [U10]
#[test]
fn a_second_login_takes_over_in_one_step_and_nobody_goes_offline() {
    let (mut desk, [old]) = Desk::with(plain(), ["ann"]);
    let new = desk.admit();
    assert_eq!(desk.login(new, "ann"), [Action::LoggedIn { conn: new, user: "ann" }, close(old, 4409)]);
    assert_eq!((desk.online(), desk.hub.user_of(old)), (vec![("ann", new)], None));
    assert_eq!((desk.hub.stats().superseded, desk.hub.connections()), (1, 2));
}

/// [U4]
#[test]
fn the_default_code_for_the_replaced_is_final_for_the_default_policy_and_another_can_be_set() {
    assert_eq!(RetryPolicy::default().verdict(Loss::Close(Settings::default().superseded.get())), Verdict::Stop);
    let (mut desk, [old]) = Desk::with(Settings { superseded: code(4000), ..plain() }, ["ann"]);
    let new = desk.admit();
    assert_eq!(desk.login(new, "ann")[1], close(old, 4000));
}

/// [U4]
#[test]
fn a_second_login_is_refused_where_that_is_configured() {
    let (mut desk, [old]) = Desk::with(rejecting(), ["ann"]);
    let new = desk.admit();
    let refused = Action::LoginRefused { conn: new, reason: LoginRefusal::UserOnline };
    assert_eq!(desk.login(new, "ann"), [refused]);
    assert_eq!((desk.online(), desk.hub.anonymous()), (vec![("ann", old)], 1));
    desk.closed(old);
    assert_eq!(desk.login(new, "ann"), [Action::LoggedIn { conn: new, user: "ann" }, online("ann")]);
}

/// [U4]
#[test]
fn a_connection_cannot_become_another_users() {
    for settings in [plain(), rejecting()] {
        let (mut desk, [ann, bob]) = Desk::with(settings, ["ann", "bob"]);
        let refused = Action::LoginRefused { conn: ann, reason: LoginRefusal::OtherUser };
        assert_eq!(desk.login(ann, "eve"), std::slice::from_ref(&refused));
        desk.sleep(seconds(1));
        assert_eq!(desk.login(ann, "bob"), [refused]);
        assert_eq!(desk.online(), [("ann", ann), ("bob", bob)]);
        assert_eq!(desk.hub.stats().logins_refused, 2);
    }
}

/// [U4]
#[test]
fn logging_in_again_as_oneself_is_confirmed_and_changes_nothing() {
    for settings in [plain(), rejecting()] {
        let (mut desk, [ann]) = Desk::with(settings, ["ann"]);
        assert_eq!(desk.login(ann, "ann"), [Action::LoggedIn { conn: ann, user: "ann" }]);
        assert_eq!((desk.online(), desk.hub.stats().logins), (vec![("ann", ann)], 1));
    }
}

/// [U4] [U5]
#[test]
fn the_online_count_is_the_number_of_users_however_often_they_change_their_connection() {
    let mut desk = Desk::new(plain());
    for _ in 0..10 {
        for name in ["ann", "bob", "eve"] {
            desk.user(name);
        }
        assert!(desk.online().iter().all(|(user, conn)| desk.hub.user_of(*conn) == Some(user)));
        assert_eq!(desk.hub.online().len(), 3);
    }
    assert_eq!((desk.hub.connections(), desk.hub.stats().superseded), (30, 27));
    let conn = desk.hub.conn_of(&"bob").expect("online");
    assert_eq!(desk.closed(conn), [offline("bob")]);
    assert_eq!(desk.hub.online().len(), 2);
}

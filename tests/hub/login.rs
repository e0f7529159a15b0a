//! Anonymous, logged in, replaced.

use heartline::Loss;
use heartline::hub::{LoginRefusal, Outcome, SecondLogin, Settings};
use heartline::retry::{RetryPolicy, Verdict};

use crate::reference::Act::{Broadcast, Close, Ended, LoggedIn, LoginRefused, Offline, Online};
use crate::world::{Input, NANOSECOND, World, code, frames, plain, seconds};

fn rejecting() -> Settings {
    Settings { second_login: SecondLogin::Refuse, ..plain() }
}

/// [U3]
#[test]
fn an_anonymous_connection_is_not_online_and_nothing_is_routed_to_it() {
    let (mut world, [ann]) = World::with(plain(), ["ann"]);
    let anonymous = world.admit();
    assert_eq!((world.online(), world.hub.anonymous(), world.hub.connections()), (vec![("ann", ann)], 1, 2));
    assert_eq!(world.hub.user_of(anonymous), None);
    assert_eq!(world.broadcast(None, &[], "news"), [Broadcast(vec![ann], None, "news")]);
}

/// [U3] [U6]
#[test]
fn an_anonymous_connection_sends_nothing_to_anybody() {
    let (mut world, [_bob]) = World::with(plain(), ["bob"]);
    let conn = world.admit();
    let back = Outcome::NotLoggedIn("hello");
    assert_eq!(world.relay(conn, "bob", "hello"), [Ended(conn, Some("bob"), back)]);
    assert_eq!(world.broadcast(Some(conn), &[], "hello"), [Ended(conn, None, back)]);
}

/// [U3]
#[test]
fn a_connection_that_has_not_logged_in_at_the_deadline_is_closed() {
    let mut world = World::new(plain());
    let conn = world.admit();
    assert_eq!(world.deadline(), Some(seconds(10)));
    world.sleep(seconds(10) - NANOSECOND);
    assert_eq!(world.timer(), [], "a nanosecond before");
    world.sleep(NANOSECOND);
    assert_eq!(world.timer(), [Close(conn, 4408, None)]);
    assert_eq!((world.hub.anonymous(), world.hub.stats().closed_anonymous), (0, 1));
}

/// [U3] [P5]
#[test]
fn a_login_that_comes_late_but_before_the_timer_is_in_time() {
    let mut world = World::new(plain());
    let conn = world.admit();
    world.sleep(seconds(60));
    assert_eq!(world.login(conn, "ann"), [LoggedIn(conn, "ann"), Online("ann")]);
    assert_eq!(world.run(seconds(60)), []);
    assert_eq!(world.online(), [("ann", conn)]);
}

/// [U3]
#[test]
fn no_other_frame_prolongs_the_time_to_log_in() {
    let (mut world, [_bob]) = World::with(rejecting(), ["bob"]);
    let conn = world.admit();
    for frame in frames(conn) {
        world.sleep(seconds(1));
        let login = matches!(frame, Input::Login { .. });
        world.input(if login { Input::Login { conn, user: "bob", until: None } } else { frame });
    }
    assert_eq!(world.run(seconds(60)).first(), Some(&(seconds(10), Close(conn, 4408, None))));
}

/// [U4]
#[test]
fn a_login_registers_and_a_repeated_one_is_confirmed() {
    for settings in [plain(), rejecting()] {
        let mut world = World::new(settings);
        let conn = world.admit();
        assert_eq!(world.login(conn, "ann"), [LoggedIn(conn, "ann"), Online("ann")]);
        assert_eq!(world.login(conn, "ann"), [LoggedIn(conn, "ann")]);
        assert_eq!((world.hub.conn_of(&"ann"), world.hub.user_of(conn)), (Some(conn), Some(&"ann")));
        assert_eq!((world.hub.online().len(), world.hub.anonymous(), world.hub.stats().logins), (1, 0, 1));
    }
}

/// [U4] [U10]
#[test]
fn a_second_login_takes_over_in_one_step_and_nobody_goes_offline() {
    let (mut world, [old]) = World::with(plain(), ["ann"]);
    let new = world.admit();
    assert_eq!(world.login(new, "ann"), [LoggedIn(new, "ann"), Close(old, 4409, None)]);
    assert_eq!((world.online(), world.hub.user_of(old)), (vec![("ann", new)], Some(&"ann")));
    assert_eq!((world.hub.stats().superseded, world.hub.connections()), (1, 2));
}

/// [U4]
#[test]
fn the_default_code_for_a_replaced_connection_is_final_for_the_default_policy_and_another_can_be_set() {
    assert_eq!(RetryPolicy::default().verdict(Loss::Close(Settings::default().superseded_code.get())), Verdict::Stop);
    let (mut world, [old]) = World::with(Settings { superseded_code: code(4000), ..plain() }, ["ann"]);
    let new = world.admit();
    assert_eq!(world.login(new, "ann")[1], Close(old, 4000, None));
}

/// [U4]
#[test]
fn a_second_login_is_refused_where_that_is_configured() {
    let (mut world, [old]) = World::with(rejecting(), ["ann"]);
    let new = world.admit();
    assert_eq!(world.login(new, "ann"), [LoginRefused(new, LoginRefusal::UserOnline)]);
    assert_eq!((world.online(), world.hub.anonymous()), (vec![("ann", old)], 1));
    world.closed(old);
    assert_eq!(world.login(new, "ann"), [LoggedIn(new, "ann"), Online("ann")]);
}

/// [U4]
#[test]
fn a_connection_cannot_become_another_users() {
    for settings in [plain(), rejecting()] {
        let (mut world, [ann, bob]) = World::with(settings, ["ann", "bob"]);
        for other in ["eve", "bob"] {
            assert_eq!(world.login(ann, other), [LoginRefused(ann, LoginRefusal::OtherUser)]);
            world.sleep(seconds(1));
        }
        assert_eq!(world.online(), [("ann", ann), ("bob", bob)]);
        assert_eq!(world.hub.stats().logins_refused, 2);
    }
}

/// [U4] [U5]
#[test]
fn the_online_count_is_the_number_of_users_however_often_they_change_their_connection() {
    let mut world = World::new(Settings { supersede_limit: None, ..plain() });
    for _ in 0..10 {
        for name in ["ann", "bob", "eve"] {
            world.user(name);
        }
        assert!(world.online().iter().all(|(user, conn)| world.hub.user_of(*conn) == Some(user)));
        assert_eq!(world.hub.online().len(), 3);
    }
    assert_eq!((world.hub.connections(), world.hub.stats().superseded), (30, 27));
    let conn = world.hub.conn_of(&"bob").expect("online");
    assert_eq!(world.closed(conn), [Offline("bob")]);
    assert_eq!(world.hub.online().len(), 2);
}

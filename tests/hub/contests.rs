//! Two clients of one user that replace each other.

use heartline::hub::{Action, LoginRefusal, RateLimit, SecondLogin, Settings};

use crate::reference::Act::{Close, Contested, LoggedIn, LoginRefused, Offline, Online};
use crate::world::{Input, NANOSECOND, World, plain, seconds};

/// Twice at once and then once in 10 s.
fn twice() -> Settings {
    Settings {
        supersede_limit: Some(RateLimit { burst: 2, every: seconds(10) }),
        login_timeout: seconds(3600),
        ..plain()
    }
}

/// A user whose connection was replaced twice, at once.
fn contested() -> (World, heartline::ConnId) {
    let (mut world, [_, _, third]) = World::with(twice(), ["ann", "ann", "ann"]);
    world.sleep(seconds(5));
    world.run(seconds(0));
    (world, third)
}

/// [U17]
#[test]
fn beyond_the_limit_the_newer_login_is_refused_and_the_old_connection_stays() {
    let (mut world, third) = contested();
    let fourth = world.admit();
    assert_eq!(world.login(fourth, "ann"), [LoginRefused(fourth, LoginRefusal::Contested), Contested("ann")]);
    assert_eq!((world.online(), world.hub.user_of(fourth)), (vec![("ann", third)], None));
    let stats = world.hub.stats();
    assert_eq!((stats.superseded, stats.contested, stats.logins_refused, stats.logins), (2, 1, 1, 3));
}

/// [U17]
#[test]
fn the_refusal_says_when_the_next_attempt_succeeds() {
    let (mut world, third) = contested();
    let fourth = world.admit();
    let mut actions = world.hub.handle(world.now, Input::Login { conn: fourth, user: "ann", until: None });
    let Some(Action::LoginRefused { retry_after: Some(wait), .. }) = actions.next() else { panic!("refused") };
    drop(actions);
    assert_eq!(wait, seconds(5), "ten seconds after the first two");
    world.sleep(wait - NANOSECOND);
    assert_eq!(world.login(fourth, "ann")[0], LoginRefused(fourth, LoginRefusal::Contested));
    world.sleep(NANOSECOND);
    assert_eq!(world.login(fourth, "ann"), [LoggedIn(fourth, "ann"), Close(third, 4409, None)]);
}

/// [U17]
#[test]
fn the_limit_is_a_users_and_begins_anew_when_the_last_connection_has_ended() {
    let (mut world, third) = contested();
    assert_eq!(world.closed(third), [Offline("ann")]);
    let (fourth, fifth) = (world.user("ann"), world.admit());
    assert_eq!(world.login(fifth, "ann"), [LoggedIn(fifth, "ann"), Close(fourth, 4409, None)]);
    let (bob, again) = (world.user("bob"), world.admit());
    assert_eq!(world.login(again, "bob"), [LoggedIn(again, "bob"), Close(bob, 4409, None)]);
}

/// [U17]
#[test]
fn a_contest_is_one_event_until_it_is_pulled_and_none_once_the_user_is_not_online() {
    let (mut world, third) = contested();
    let conn = world.admit();
    for _ in 0..3 {
        world.unpulled(Input::Login { conn, user: "ann", until: None });
    }
    assert_eq!((world.deadline(), world.timer()), (Some(seconds(5)), vec![Contested("ann")]));
    assert_eq!((world.hub.stats().contested, world.timer()), (3, vec![]));
    world.unpulled(Input::Login { conn, user: "ann", until: None });
    assert_eq!(world.closed(third), [Offline("ann")]);
}

/// [U17]
#[test]
fn where_second_logins_are_refused_nothing_is_contested_and_without_a_limit_nothing_either() {
    let settings = Settings { second_login: SecondLogin::Refuse, reply_gap: seconds(0), ..twice() };
    let (mut world, [_ann]) = World::with(settings, ["ann"]);
    let conn = world.admit();
    for _ in 0..5 {
        assert_eq!(world.login(conn, "ann"), [LoginRefused(conn, LoginRefusal::UserOnline)]);
    }
    let mut world = World::new(Settings { supersede_limit: None, ..plain() });
    (0..100).for_each(|_| _ = world.user("ann"));
    assert_eq!((world.hub.stats().contested, world.hub.stats().superseded), (0, 99));
}

/// [U17]
#[test]
fn a_repeated_login_on_the_same_connection_takes_no_token() {
    let (mut world, [ann]) = World::with(twice(), ["ann"]);
    (0..10).for_each(|_| assert_eq!(world.login(ann, "ann"), [LoggedIn(ann, "ann")]));
    (0..2).for_each(|_| _ = world.user("ann"));
    assert_eq!(world.hub.stats().superseded, 2);
    let events = world.log.iter().filter(|(_, act)| matches!(act, Online(_) | Contested(_)));
    assert_eq!(events.count(), 1);
}

//! Replies to what cannot be handled, and who is reported to be online.

use heartline::Timestamp;
use heartline::hub::{LoginRefusal, SecondLogin, Settings};

use crate::reference::Act::{Close, LoggedIn, LoginRefused, Offline, Online, Pong, UnknownMessage};
use crate::world::{Input, NANOSECOND, World, plain, seconds};

/// [U10]
#[test]
fn an_unknown_event_gets_one_reply_in_the_gap() {
    let (mut world, [ann, bob]) = World::with(plain(), ["ann", "bob"]);
    assert_eq!((world.unknown(ann), world.unknown(ann)), (vec![UnknownMessage(ann)], vec![]));
    assert_eq!(world.unknown(bob), [UnknownMessage(bob)], "another connection has its own");
    world.sleep(seconds(1) - NANOSECOND);
    (0..98).for_each(|_| assert_eq!(world.unknown(ann), []));
    world.sleep(NANOSECOND);
    assert_eq!(world.unknown(ann), [UnknownMessage(ann)]);
    assert_eq!(world.hub.stats().unanswered, 99);
}

/// [U10]
#[test]
fn refused_logins_and_unknown_events_share_the_gap() {
    let settings = Settings { second_login: SecondLogin::Refuse, ..plain() };
    let (mut world, [_ann]) = World::with(settings, ["ann"]);
    let conn = world.admit();
    assert_eq!(world.login(conn, "ann"), [LoginRefused(conn, LoginRefusal::UserOnline)]);
    assert_eq!((world.login(conn, "ann"), world.unknown(conn)), (vec![], vec![]));
    world.sleep(seconds(1));
    assert_eq!((world.unknown(conn), world.login(conn, "ann")), (vec![UnknownMessage(conn)], vec![]));
    assert_eq!((world.hub.stats().logins_refused, world.hub.stats().unanswered), (3, 3));
}

/// [U10] [P4]
#[test]
fn without_a_gap_every_event_is_answered_and_with_one_it_holds_at_the_end_of_time() {
    let (mut world, [ann]) = World::with(Settings { reply_gap: seconds(0), ..plain() }, ["ann"]);
    assert_eq!([world.unknown(ann), world.unknown(ann)], [[UnknownMessage(ann)], [UnknownMessage(ann)]]);
    let mut world = World::new(plain());
    world.now = Timestamp::MAX;
    let conn = world.admit();
    assert_eq!((world.unknown(conn), world.unknown(conn)), (vec![UnknownMessage(conn)], vec![]));
}

/// [U10]
#[test]
fn a_connection_that_is_being_closed_gets_no_reply() {
    let (mut world, [ann]) = World::with(plain(), ["ann"]);
    world.queued(ann, 121);
    assert_eq!(world.unknown(ann), []);
    assert_eq!((world.hub.stats().stale, world.hub.stats().unanswered), (1, 0));
}

/// [U10]
#[test]
fn a_change_that_is_undone_before_it_is_reported_is_no_event() {
    let (mut world, [ann]) = World::with(plain(), ["ann"]);
    world.unpulled(Input::Closed { conn: ann });
    let conn = world.admit();
    assert_eq!(world.login(conn, "ann"), [LoggedIn(conn, "ann")]);

    let conn = world.admit();
    world.unpulled(Input::Login { conn, user: "bob", until: None });
    assert_eq!(world.closed(conn), []);
    assert_eq!(world.deadline(), Some(seconds(10)), "only the timer of the login is left");
}

/// [U10]
#[test]
fn online_and_offline_alternate_for_each_user() {
    let mut world = World::new(plain());
    for _ in 0..3 {
        let (old, new) = (world.user("ann"), world.user("ann"));
        assert_eq!(world.closed(old), []);
        assert_eq!(world.queued(new, 121), [Close(new, 1013, None), Offline("ann")]);
        assert_eq!(world.closed(new), []);
    }
    let events = world.log.into_iter().map(|(_, act)| act).filter(|act| matches!(act, Online(_) | Offline(_)));
    assert!(events.eq((0..3).flat_map(|_| [Online("ann"), Offline("ann")])));
}

/// [U10]
#[test]
fn departures_are_reported_before_arrivals() {
    let (mut world, [zoe]) = World::with(plain(), ["zoe"]);
    let conn = world.admit();
    world.unpulled(Input::Login { conn, user: "ann", until: None });
    world.unpulled(Input::Closed { conn: zoe });
    assert_eq!(world.timer(), [Offline("zoe"), Online("ann")]);
}

/// [U10]
#[test]
fn an_event_that_was_not_pulled_comes_with_the_next_step() {
    let mut world = World::new(plain());
    let conn = world.admit();
    let first = world.hub.handle(world.now, Input::Login { conn, user: "ann", until: None }).next().map(Into::into);
    assert_eq!((first, world.hub.deadline()), (Some(LoggedIn(conn, "ann")), Some(world.now)));
    assert_eq!(world.input(Input::Ping { conn }), [Pong(conn), Online("ann")]);
}

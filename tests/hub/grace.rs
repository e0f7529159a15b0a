//! Whoever comes back soon was not away.

use heartline::hub::{Action, Cause, Event, Outcome, SecondLogin, Settings};
use heartline::{CloseCode, ConnId};

use crate::reference::Act::{Abort, Close, Drained, Ended, LoggedIn, Offline, Online};
use crate::world::{Input, NANOSECOND, World, heartbeat, plain, seconds};

fn settings() -> Settings {
    Settings { offline_grace: seconds(10), login_timeout: seconds(3600), ..plain() }
}

/// [U10]
#[test]
fn a_user_is_reported_as_offline_when_the_grace_is_over() {
    let (mut world, [ann]) = World::with(settings(), ["ann"]);
    assert_eq!((world.closed(ann), world.deadline()), (vec![], Some(seconds(10))));
    assert_eq!(world.run(seconds(10) - NANOSECOND), []);
    assert_eq!(world.run(seconds(1)), [(seconds(10), Offline("ann"))]);
    assert_eq!(world.deadline(), None);
}

/// [U10]
#[test]
fn a_login_within_the_grace_is_no_event_and_a_later_end_begins_another() {
    let (mut world, [first]) = World::with(settings(), ["ann"]);
    world.closed(first);
    world.run(seconds(9));
    let second = world.admit();
    assert_eq!(world.login(second, "ann"), [LoggedIn(second, "ann")]);
    assert_eq!(world.run(seconds(60)), []);
    assert_eq!(world.closed(second), []);
    assert_eq!(world.run(seconds(60)), [(seconds(79), Offline("ann"))]);
    let third = world.admit();
    assert_eq!(world.login(third, "ann"), [LoggedIn(third, "ann"), Online("ann")]);
}

/// [U10] [U6]
#[test]
fn nothing_is_routed_to_a_user_in_a_grace() {
    let settings = Settings { second_login: SecondLogin::Refuse, ..settings() };
    let (mut world, [ann, bob]) = World::with(settings, ["ann", "bob"]);
    world.closed(ann);
    assert_eq!((world.hub.conn_of(&"ann"), world.online()), (None, vec![("bob", bob)]));
    assert_eq!(world.relay(bob, "ann", "hello"), [Ended(bob, Some("ann"), Outcome::Offline("hello"))]);
    assert_eq!(world.broadcast(Some(bob), &[], "hello").len(), 1, "no recipients");
    let conn = world.admit();
    assert_eq!(world.login(conn, "ann"), [LoggedIn(conn, "ann")], "the name is free");
}

/// [U10]
#[test]
fn whoever_was_never_reported_to_be_online_is_not_reported_to_be_offline() {
    let mut world = World::new(settings());
    let conn = world.admit();
    world.unpulled(Input::Login { conn, user: "ann", until: None });
    assert_eq!((world.closed(conn), world.deadline()), (vec![], None));
}

/// The last connection of each user who went offline, and what ended it.
fn causes(world: &mut World, input: Input) -> Vec<(ConnId, Cause)> {
    let offline = |action| match action {
        Action::Event(Event::Offline { conn, cause, .. }) => Some((conn, cause)),
        _ => None,
    };
    world.hub.handle(world.now, input).filter_map(offline).collect()
}

/// [U10]
#[test]
fn an_offline_event_says_what_ended_the_last_connection() {
    for grace in [0, 10] {
        let settings = Settings { offline_grace: seconds(grace), ..settings() };
        let (mut world, [ann, bob, eve]) = World::with(settings, ["ann", "bob", "eve"]);
        let mut ended = Vec::new();
        for input in [
            Input::Closed { conn: ann },
            Input::Close { conn: bob, code: CloseCode::POLICY_VIOLATION },
            Input::Closed { conn: bob },
            Input::Queued { conn: eve, bytes: 121 },
        ] {
            ended.extend(causes(&mut world, input));
        }
        world.sleep(seconds(grace));
        ended.extend(causes(&mut world, Input::Timer));
        let slow = Cause::Closed(CloseCode::TRY_AGAIN_LATER);
        assert_eq!(ended, [(ann, Cause::Ended), (bob, Cause::Closed(CloseCode::POLICY_VIOLATION)), (eve, slow)]);
    }
}

/// [U10]
#[test]
fn of_several_connections_within_the_grace_the_last_is_named() {
    let (mut world, [first]) = World::with(settings(), ["ann"]);
    world.close(first);
    let second = world.admit();
    world.login(second, "ann");
    world.closed(first);
    world.closed(second);
    world.sleep(seconds(10));
    assert_eq!(causes(&mut world, Input::Timer), [(second, Cause::Ended)]);
}

/// [U10] [U12]
#[test]
fn a_shutdown_ends_every_grace_and_its_end_comes_after_the_last_offline_event() {
    let (mut world, [ann, bob]) = World::with(settings(), ["ann", "bob"]);
    world.closed(ann);
    assert_eq!(world.shut_down(seconds(5), seconds(0))[1..], [Offline("ann"), Offline("bob")]);
    assert_eq!(world.run(seconds(60)), [Abort(bob), Drained].map(|act| (seconds(5), act)));
    let (mut world, [ann]) = World::with(settings(), ["ann"]);
    world.closed(ann);
    assert_eq!(world.shut_down(seconds(5), seconds(0)), [Offline("ann"), Drained]);
}

/// [U10] [P3]
#[test]
fn no_more_users_are_in_a_grace_than_there_may_be_connections() {
    let settings = Settings { max_connections: 2, ..settings() };
    let mut world = World::new(settings);
    for (second, name) in (0..).zip(["ann", "bob", "eve"]) {
        let conn = world.user(name);
        let early = world.closed(conn);
        assert_eq!(early, Vec::from_iter((second == 2).then_some(Offline("ann"))), "the first makes room");
        world.run(seconds(1));
    }
    let names = [(seconds(11), Offline("bob")), (seconds(12), Offline("eve"))];
    assert_eq!(world.run(seconds(60)), names);
}

/// [U10]
#[test]
fn of_graces_that_end_together_that_of_the_oldest_connection_makes_room_even_if_it_began_last() {
    let settings = Settings { max_connections: 2, ..settings() };
    let (mut world, [ann, bob]) = World::with(settings, ["ann", "bob"]);
    assert_eq!(world.closed(bob), []);
    let eve = world.user("eve");
    assert_eq!(world.closed(eve), []);
    assert_eq!(world.closed(ann), [Offline("ann")]);
}

/// [U10] [U13]
#[test]
fn a_grace_starts_anew_after_a_suspension_in_any_mode_because_nobody_could_come_back() {
    let mut off = heartbeat(heartline::heartbeat::HeartbeatMode::Off);
    off.late_tolerance = seconds(2);
    let (mut world, [ann, bob]) = World::with(Settings { heartbeat: off, ..settings() }, ["ann", "bob"]);
    world.sleep(seconds(100));
    assert_eq!((world.closed(ann), world.deadline()), (vec![], Some(seconds(101))));
    world.run(seconds(5));
    world.sleep(seconds(60));
    assert_eq!((world.timer(), world.hub.stats().suspensions), (vec![], 1));
    assert_eq!(world.run(seconds(60)), [(seconds(175), Offline("ann"))]);
    assert_eq!((world.deadline(), world.close(bob).len()), (None, 1));
}

/// [U13]
#[test]
fn that_nobody_was_watched_before_a_grace_is_no_suspension() {
    let mut off = heartbeat(heartline::heartbeat::HeartbeatMode::Off);
    off.late_tolerance = seconds(4);
    let (mut world, [ann]) = World::with(Settings { heartbeat: off, ..settings() }, ["ann"]);
    world.sleep(seconds(3));
    assert_eq!((world.closed(ann), world.deadline()), (vec![], Some(seconds(5))));
    world.sleep(seconds(3));
    assert_eq!((world.timer(), world.hub.stats().suspensions), (vec![], 0));
}

/// [U5]
#[test]
fn the_user_of_a_connection_that_is_being_closed_can_be_named_until_it_is_gone() {
    let (mut world, [ann]) = World::with(plain(), ["ann"]);
    assert_eq!(world.close(ann), [Close(ann, 4000, None), Offline("ann")]);
    assert_eq!((world.hub.user_of(ann), world.hub.conn_of(&"ann")), (Some(&"ann"), None));
    let anonymous = world.admit();
    world.close(anonymous);
    assert_eq!(world.hub.user_of(anonymous), None);
    world.sleep(seconds(5));
    world.unpulled(Input::Timer);
    assert_eq!(world.hub.user_of(ann), Some(&"ann"), "the abort was not pulled");
    world.timer();
    assert_eq!(world.hub.user_of(ann), None);
}

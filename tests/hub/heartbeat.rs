//! The heartbeat of each connection.

use heartline::heartbeat::HeartbeatMode;
use heartline::hub::{SecondLogin, Settings};

use crate::reference::Act::{Abort, Close, Offline, Ping, Pong};
use crate::reference::NOBODY;
use crate::world::{Input, NANOSECOND, World, frames, heartbeat, plain, seconds, watched};

/// [U8]
#[test]
fn an_idle_connection_is_pinged_and_a_silent_one_is_closed() {
    let (mut world, [ann]) = World::with(watched(), ["ann"]);
    assert_eq!(world.run(seconds(30) - NANOSECOND), [(seconds(20), Ping(ann))]);
    assert_eq!(world.timer(), []);
    let end = [(30, Close(ann, 3008, None)), (30, Offline("ann")), (35, Abort(ann))];
    assert_eq!(world.run(seconds(30)), end.map(|(at, act)| (seconds(at), act)));
    assert_eq!((world.hub.stats().pings, world.hub.stats().closed_silent), (1, 1));
}

/// [U8]
#[test]
fn any_inbound_frame_is_life() {
    for nth in 0..frames(NOBODY).len() {
        let (mut world, [ann]) = World::with(watched(), ["ann"]);
        world.run(seconds(29));
        let frame = frames(ann)[nth].clone();
        world.input(frame.clone());
        assert_eq!(world.run(seconds(20) - NANOSECOND), [], "{frame:?}");
        assert_eq!(world.run(NANOSECOND), [(seconds(49), Ping(ann))], "{frame:?}");
    }
}

/// [U8]
#[test]
fn a_frame_that_is_refused_is_life_too() {
    let settings = Settings { second_login: SecondLogin::Refuse, login_timeout: seconds(600), ..watched() };
    let (mut world, [bob]) = World::with(settings, ["bob"]);
    let conn = world.admit();
    world.run(seconds(25));
    world.login(conn, "bob");
    world.login(conn, "bob");
    assert_eq!(world.run(seconds(15)).last(), Some(&(seconds(35), Abort(bob))));
    assert_eq!(world.run(seconds(5)), [(seconds(45), Ping(conn))]);
}

/// [U8]
#[test]
fn what_the_server_does_is_no_life() {
    let (mut world, [ann]) = World::with(watched(), ["ann"]);
    world.run(seconds(25));
    world.queued(ann, 5);
    world.written(ann, 5);
    world.broadcast(None, &[], "news");
    assert_eq!(world.run(seconds(5)), [(seconds(30), Close(ann, 3008, None)), (seconds(30), Offline("ann"))]);
}

/// [U8]
#[test]
fn the_clients_own_ping_is_answered_whether_it_has_logged_in_or_not() {
    let (mut world, [ann]) = World::with(plain(), ["ann"]);
    for conn in [ann, world.admit()] {
        assert_eq!(world.input(Input::Ping { conn }), [Pong(conn)]);
    }
}

/// [U8]
#[test]
fn a_hub_that_only_listens_never_pings() {
    let heartbeat = heartbeat(HeartbeatMode::Listen { timeout: seconds(10) });
    let (mut world, [ann, bob]) = World::with(Settings { heartbeat, ..plain() }, ["ann", "bob"]);
    world.run(seconds(7));
    world.alive(bob);
    let end = |at, conn, user| [(seconds(at), Close(conn, 3008, None)), (seconds(at), Offline(user))];
    assert_eq!(world.run(seconds(9)), [&end(10, ann, "ann")[..], &[(seconds(15), Abort(ann))]].concat());
    assert_eq!(world.run(seconds(1)), end(17, bob, "bob"));
}

/// [U8]
#[test]
fn a_periodic_heartbeat_pings_from_the_admission_on() {
    let heartbeat = heartbeat(HeartbeatMode::Periodic { interval: seconds(4), timeout: None });
    let mut world = World::new(Settings { heartbeat, ..plain() });
    let conn = world.admit();
    assert_eq!(world.hub.deadline(), Some(world.now), "the first is owed");
    assert_eq!(world.run(seconds(8)), [0, 4, 8].map(|at| (seconds(at), Ping(conn))));
}

/// [U8]
#[test]
fn without_a_heartbeat_nothing_is_due_and_nobody_is_silent() {
    let (mut world, [ann]) = World::with(plain(), ["ann"]);
    world.sleep(seconds(10));
    assert_eq!(world.timer(), [], "the login timeout of somebody who has logged in");
    assert_eq!(world.deadline(), None);
    world.sleep(seconds(1_000_000));
    assert_eq!((world.timer(), world.hub.conn_of(&"ann")), (vec![], Some(ann)));
}

/// [U8] [P7]
#[test]
fn a_frame_does_not_move_the_deadline() {
    let (mut world, [ann]) = World::with(watched(), ["ann"]);
    world.sleep(seconds(10));
    world.timer();
    for step in 1..9 {
        world.sleep(seconds(1));
        frames(ann).into_iter().for_each(|frame| drop(world.input(frame)));
        assert_eq!(world.deadline(), Some(seconds(20)), "after {step} s");
    }
    world.sleep(seconds(2));
    assert_eq!((world.timer(), world.deadline()), (vec![], Some(seconds(38))));
}

/// [U8]
#[test]
fn a_connection_that_is_being_closed_is_not_pinged_or_answered_any_more() {
    let (mut world, [ann]) = World::with(watched(), ["ann"]);
    world.sleep(seconds(20));
    world.unpulled(Input::Timer);
    world.unpulled(Input::Ping { conn: ann });
    assert_eq!(world.close(ann), [Close(ann, 4000, None), Offline("ann")], "the ping and the pong are withdrawn");
    assert_eq!(world.run(seconds(60)), [(seconds(25), Abort(ann))]);
}

/// [U8] [P5]
#[test]
fn a_frame_that_was_waiting_while_the_timer_was_late_saves_its_connection() {
    let (mut world, [ann]) = World::with(watched(), ["ann"]);
    world.run(seconds(20));
    world.sleep(seconds(10));
    world.alive(ann);
    assert_eq!((world.timer(), world.online().len()), (vec![], 1));
}

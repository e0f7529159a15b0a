//! The heartbeat of each connection.

use heartline::Rhythm;
use heartline::hub::{SecondLogin, Settings};

use crate::desk::{
    Action, Desk, Input, NANOSECOND, at, close, code, frames, offline, plain, pulse, seconds, when_idle,
};

fn watched() -> Settings {
    Settings { heartbeat: when_idle(), ..plain() }
}

/// [U8]
#[test]
fn an_idle_connection_is_pinged_and_a_silent_one_is_closed() {
    let (mut desk, [ann]) = Desk::with(watched(), ["ann"]);
    let expected = [
        (at(20_000), Action::Ping { conn: ann }),
        (at(30_000), close(ann, 3008)),
        (at(30_000), offline("ann")),
        (at(35_000), Action::Abort { conn: ann }),
    ];
    assert_eq!(desk.run(seconds(60)), expected);
    assert_eq!((desk.hub.stats().pings, desk.hub.stats().closed_silent), (1, 1));
}

/// [U8]
#[test]
fn the_verdict_falls_at_its_very_moment_and_not_before() {
    let (mut desk, [ann]) = Desk::with(watched(), ["ann"]);
    desk.run(seconds(30) - NANOSECOND);
    assert_eq!(desk.timer(), []);
    desk.sleep(NANOSECOND);
    assert_eq!(desk.timer(), [close(ann, 3008), offline("ann")]);
}

/// [U8]
#[test]
fn any_inbound_frame_is_life() {
    for nth in 0..frames(crate::desk::raw(1)).len() {
        let (mut desk, [ann]) = Desk::with(watched(), ["ann"]);
        desk.run(seconds(29));
        let frame = frames(ann)[nth].clone();
        desk.input(frame.clone());
        assert_eq!(desk.run(seconds(20) - NANOSECOND), [], "{frame:?}");
        assert_eq!(desk.run(NANOSECOND), [(at(49_000), Action::Ping { conn: ann })], "{frame:?}");
    }
}

/// [U8]
#[test]
fn a_frame_that_is_refused_is_life_too() {
    let settings = Settings { second_login: SecondLogin::Reject, login_timeout: seconds(600), ..watched() };
    let (mut desk, [bob]) = Desk::with(settings, ["bob"]);
    let conn = desk.admit();
    desk.run(seconds(25));
    desk.login(conn, "bob");
    desk.login(conn, "bob");
    assert_eq!(desk.run(seconds(15)).last(), Some(&(at(35_000), Action::Abort { conn: bob })));
    assert_eq!(desk.run(seconds(5)), [(at(45_000), Action::Ping { conn })]);
}

/// [U8]
#[test]
fn what_the_driver_does_is_no_life() {
    let (mut desk, [ann]) = Desk::with(watched(), ["ann"]);
    desk.run(seconds(25));
    desk.queued(ann, 5);
    desk.written(ann, 5);
    desk.broadcast(None, &[], "news");
    assert_eq!(desk.run(seconds(5)), [(at(30_000), close(ann, 3008)), (at(30_000), offline("ann"))]);
}

/// [U8]
#[test]
fn the_clients_own_ping_is_answered_whether_it_has_logged_in_or_not() {
    let (mut desk, [ann]) = Desk::with(plain(), ["ann"]);
    let conn = desk.admit();
    assert_eq!(desk.input(Input::Ping { conn: ann }), [Action::Pong { conn: ann }]);
    assert_eq!(desk.input(Input::Ping { conn }), [Action::Pong { conn }]);
}

/// [U8]
#[test]
fn a_hub_that_only_listens_never_pings() {
    let heartbeat = pulse(Rhythm::Listen { window: seconds(10) });
    let (mut desk, [ann, bob]) = Desk::with(Settings { heartbeat, ..plain() }, ["ann", "bob"]);
    desk.run(seconds(7));
    desk.alive(bob);
    desk.run(seconds(9));
    let closed: Vec<_> =
        desk.said.iter().filter(|(_, said)| matches!(said, Action::Close { .. } | Action::Ping { .. })).collect();
    assert_eq!(closed, [&(at(10_000), close(ann, 3008))]);
    assert_eq!(desk.run(seconds(1)), [(at(17_000), close(bob, 3008)), (at(17_000), offline("bob"))]);
}

/// [U8]
#[test]
fn a_steady_hub_pings_from_the_admission_on() {
    let heartbeat = pulse(Rhythm::Steady { interval: seconds(4), timeout: None });
    let mut desk = Desk::new(Settings { heartbeat, ..plain() });
    let conn = desk.admit();
    assert_eq!(desk.hub.deadline(), Some(desk.now), "the first is owed");
    let pings = desk.run(seconds(8));
    assert_eq!(pings, [0, 4000, 8000].map(|when| (at(when), Action::Ping { conn })));
}

/// [U8]
#[test]
fn without_a_rhythm_nothing_is_due_and_nobody_is_silent() {
    let (mut desk, [ann]) = Desk::with(plain(), ["ann"]);
    desk.sleep(seconds(10));
    assert_eq!(desk.timer(), [], "the login timeout of somebody who has logged in");
    assert_eq!(desk.hub.deadline(), None);
    desk.sleep(seconds(1_000_000));
    assert_eq!((desk.timer(), desk.hub.conn_of(&"ann")), (vec![], Some(ann)));
}

/// [U8] [P7]
#[test]
fn a_frame_does_not_move_the_deadline() {
    let (mut desk, [ann]) = Desk::with(watched(), ["ann"]);
    desk.sleep(seconds(10));
    desk.timer();
    for step in 1..9 {
        desk.sleep(seconds(1));
        frames(ann).into_iter().for_each(|frame| drop(desk.input(frame)));
        assert_eq!(desk.hub.deadline(), Some(at(20_000)), "after {step} s");
    }
    desk.sleep(seconds(2));
    assert_eq!((desk.timer(), desk.hub.deadline()), (vec![], Some(at(38_000))));
}

/// [U8] [H6]
#[test]
fn a_server_that_was_suspended_asks_everybody_once_before_it_believes_the_silence() {
    let (mut desk, [ann, bob]) = Desk::with(watched(), ["ann", "bob"]);
    desk.run(seconds(20));
    desk.sleep(seconds(3600));
    assert_eq!(desk.timer(), [Action::Ping { conn: ann }, Action::Ping { conn: bob }]);
    assert_eq!((desk.hub.stats().slept, desk.hub.stats().closed_silent), (2, 0));
    desk.alive(ann);
    desk.run(seconds(10));
    assert_eq!(desk.online(), [("ann", ann)]);
}

/// [U8]
#[test]
fn a_connection_that_is_being_closed_is_not_pinged_or_answered_any_more() {
    let (mut desk, [ann]) = Desk::with(watched(), ["ann"]);
    desk.sleep(seconds(20));
    let now = desk.now;
    drop(desk.hub.handle(now, heartline::hub::Input::Timer));
    drop(desk.hub.handle(now, heartline::hub::Input::Ping { conn: ann }));
    let said = desk.input(Input::Close { conn: ann, code: code(4000) });
    assert_eq!(said, [close(ann, 4000), offline("ann")], "the ping and the pong are withdrawn");
    assert_eq!(desk.run(seconds(60)), [(at(25_000), Action::Abort { conn: ann })]);
}

/// [U8] [P5]
#[test]
fn a_frame_that_was_waiting_while_the_timer_was_late_saves_its_connection() {
    let (mut desk, [ann]) = Desk::with(watched(), ["ann"]);
    desk.run(seconds(20));
    desk.sleep(seconds(10));
    desk.alive(ann);
    assert_eq!((desk.timer(), desk.online().len()), (vec![], 1));
}

//! What waits to be written: messages that are full, who is told what it missed, who is slow for too long, and what the hub
//! does when it is too much for all.

use heartline::ConnId;
use heartline::hub::{self, Denial, Outcome, Route, Settings};

use crate::reference::Act::{Abort, Broadcast, Close, Deliver, Ended, Missed, Offline, Ping, Pong, Tagged};
use crate::world::{Act, Input, NANOSECOND, Name, REQUEST, World, heartbeat, plain, seconds, watched};

fn relay(conn: ConnId, to: Name, bytes: u32, volatile: bool, tag: u64) -> Input {
    Input::Relay { conn, to, message: "hello", bytes, volatile, tag }
}

fn news(from: Option<ConnId>, bytes: u32, volatile: bool) -> Input {
    Input::Broadcast { from, room: None, except: Vec::new(), message: "news", bytes, volatile, tag: 0 }
}

/// How the broadcast of a server ended: whom it reached.
fn reached(world: &mut World, bytes: u32) -> Vec<ConnId> {
    match world.input(news(None, bytes, false)).into_iter().next() {
        Some(Broadcast(conns, ..)) => conns,
        _ => Vec::new(),
    }
}

/// [U6] [U9]
#[test]
fn a_message_that_would_exceed_the_budget_comes_back_and_closes_nobody() {
    let (mut world, [ann, bob]) = World::with(plain(), ["ann", "bob"]);
    world.queued(bob, 90);
    assert_eq!(world.input(relay(ann, "bob", 10, false, 0))[0], Deliver(bob, "ann", "hello"), "it fits exactly");
    let full = [Ended(ann, Some("bob"), Outcome::Full("hello"))];
    for _ in 0..100 {
        assert_eq!(world.input(relay(ann, "bob", 11, false, 0)), full);
    }
    assert_eq!(world.hub.route(world.now, ann, &"bob", 11, false), Route::Full);
    assert_eq!(world.hub.route(world.now, ann, &"bob", 11, true), Route::Dropped, "it is slow");
    world.written(bob, 90);
    assert_eq!(world.input(relay(ann, "bob", u32::MAX, true, 0)), full, "too much for whoever");
    assert_eq!(world.input(relay(ann, "bob", 100, false, 0))[0], Deliver(bob, "ann", "hello"));
    let stats = world.hub.stats();
    assert_eq!((stats.routed, stats.full, stats.dropped, stats.closed_slow), (2, 102, 1, 0));
}

/// [U6] [U7]
#[test]
fn the_tag_of_a_message_comes_back_with_its_outcome_however_it_ended() {
    let (mut world, [ann, bob]) = World::with(plain(), ["ann", "bob"]);
    let anonymous = world.admit();
    world.queued(bob, 11);
    for (conn, to, bytes, volatile, outcome) in [
        (ann, "ann", 1, false, Outcome::Routed),
        (ann, "bob", 100, false, Outcome::Full("hello")),
        (ann, "bob", 1, true, Outcome::Dropped("hello")),
        (ann, "eve", 1, false, Outcome::Offline("hello")),
        (anonymous, "bob", 1, false, Outcome::NotLoggedIn("hello")),
    ] {
        let ended = world.input(relay(conn, to, bytes, volatile, u64::MAX)).pop();
        assert_eq!(ended, Some(Tagged(u64::MAX, Box::new(Ended(conn, Some(to), outcome)))));
    }
    for (conn, outcome) in
        [(ann, Outcome::Broadcast { reached: 1, missed: 0 }), (anonymous, Outcome::NotLoggedIn("news"))]
    {
        let mut news = news(Some(conn), 1, false);
        if let Input::Broadcast { tag, .. } = &mut news {
            *tag = 7;
        }
        assert_eq!(world.input(news).pop(), Some(Tagged(7, Box::new(Ended(conn, None, outcome)))));
    }
}

/// [U7]
#[test]
fn a_broadcast_leaves_out_the_full_who_are_told_once_what_they_missed() {
    let (mut world, [ann, bob, eve]) = World::with(plain(), ["ann", "bob", "eve"]);
    world.queued(bob, 95);
    for _ in 0..3 {
        let expected =
            [Broadcast(vec![eve], Some("ann"), "news"), Ended(ann, None, Outcome::Broadcast { reached: 1, missed: 1 })];
        assert_eq!(world.input(news(Some(ann), 6, false)), expected);
    }
    assert_eq!(world.input(news(Some(ann), 5, false))[0], Broadcast(vec![bob, eve], Some("ann"), "news"));
    assert_eq!((world.hub.stats().full, world.hub.stats().routed), (3, 5));
    assert_eq!(world.written(bob, 84), [], "eleven are one too many");
    assert_eq!(world.written(bob, 1), [Missed(bob, 3)]);
    assert_eq!((world.queued(bob, 10), world.written(bob, 20), world.timer()), (vec![], vec![], vec![]), "once");
}

/// [U7]
#[test]
fn what_is_missed_until_it_is_pulled_is_one_report_and_nothing_volatile_is_in_it() {
    let (mut world, [bob]) = World::with(plain(), ["bob"]);
    world.queued(bob, 11);
    assert_eq!(world.input(news(None, 100, true)), [], "dropped");
    world.written(bob, 11);
    assert_eq!(world.input(news(None, 101, true)), [], "volatile and full");
    assert_eq!((world.hub.stats().dropped, world.hub.stats().full), (1, 1));
    for _ in 0..2 {
        world.unpulled(news(None, 101, false));
    }
    world.unpulled(Input::Queued { conn: bob, bytes: 50 });
    assert_eq!(world.timer(), [Missed(bob, 2)], "what is owed stays owed");
    world.unpulled(news(None, 101, false));
    world.closed(bob);
    assert_eq!(world.timer(), [], "who is gone is told nothing");
    let new = world.user("bob");
    assert_eq!(world.input(news(None, 101, false)), [Missed(new, 1)], "and nobody else is told in its place");
}

/// [U5] [U7]
#[test]
fn a_connection_that_is_being_closed_is_not_told_what_it_missed() {
    let (mut world, [bob]) = World::with(plain(), ["bob"]);
    world.unpulled(news(None, 101, false));
    assert_eq!(world.close(bob), [Close(bob, 4000, None), Offline("bob")]);
    assert_eq!((world.timer(), world.run(seconds(60)).len()), (vec![], 1), "the abort");
}

/// [U9]
#[test]
fn a_connection_is_closed_when_it_was_slow_for_too_long_on_end() {
    let (mut world, [ann]) = World::with(plain(), ["ann"]);
    world.queued(ann, 10);
    assert_eq!(world.run(seconds(60)), [], "at the mark it is not slow");
    world.queued(ann, 1);
    assert_eq!(world.deadline(), Some(seconds(65)));
    world.run(seconds(4));
    world.queued(ann, 50);
    world.written(ann, 50);
    world.alive(ann);
    assert_eq!(world.run(seconds(1) - NANOSECOND), []);
    assert_eq!(world.run(NANOSECOND), [(seconds(65), Close(ann, 1013, None)), (seconds(65), Offline("ann"))]);
    assert_eq!((world.hub.stats().closed_slow, world.run(seconds(5))), (1, vec![(seconds(70), Abort(ann))]));
}

/// [U9]
#[test]
fn whoever_reads_up_to_the_mark_within_the_time_is_never_closed_logged_in_or_not() {
    let mut world = World::new(plain());
    let conn = world.admit();
    world.sleep(seconds(1));
    assert_eq!(world.queued(conn, 100), []);
    assert_eq!(world.run(seconds(5)), [(seconds(6), Close(conn, 1013, None))], "before the time to log in is over");
    let ann = world.user("ann");
    for _ in 0..100 {
        world.queued(ann, 100);
        let acts = world.run(seconds(5) - NANOSECOND);
        assert!(acts.iter().all(|(_, act)| *act == Abort(conn)), "{acts:?}");
        world.written(ann, 90);
        world.queued(ann, 1);
        world.written(ann, 11);
    }
}

/// [U9]
#[test]
fn a_time_to_be_slow_does_not_outlive_the_slowness_but_begins_anew_with_the_next() {
    let (mut world, [ann]) = World::with(plain(), ["ann"]);
    world.queued(ann, 11);
    world.run(seconds(3));
    world.written(ann, 11);
    world.queued(ann, 11);
    assert_eq!(world.run(seconds(5) - NANOSECOND), []);
    assert_eq!(world.run(NANOSECOND)[0], (seconds(8), Close(ann, 1013, None)));
}

/// [U9] [U14]
#[test]
fn a_pause_does_not_prolong_the_time_to_be_slow() {
    let bytes = Some(hub::RateLimit { burst: 100, every: seconds(1) });
    let (mut world, [ann]) = World::with(Settings { bytes, ..watched() }, ["ann"]);
    world.frame(ann, 200);
    world.queued(ann, 11);
    assert_eq!(world.run(seconds(5))[0], (seconds(5), Close(ann, 1013, None)));
}

/// [U13] [U9]
#[test]
fn a_suspension_gives_the_slow_and_the_hub_their_time_again_in_every_mode() {
    for settings in [plain(), watched()] {
        let late_tolerance = seconds(1);
        let heartbeat = heartline::heartbeat::HeartbeatConfig { late_tolerance, ..heartbeat(settings.heartbeat.mode) };
        let settings = Settings { heartbeat, total_budget: 50, slow_timeout: seconds(3), ..settings };
        let (mut world, [ann, _bob]) = World::with(settings, ["ann", "bob"]);
        world.sleep(seconds(30));
        world.queued(ann, 60);
        world.run(seconds(2));
        world.sleep(seconds(2) + NANOSECOND);
        assert_eq!(world.timer(), []);
        let again = world.now.since_origin() + seconds(3);
        let acts = world.run(seconds(3));
        let closed: Vec<_> = acts.into_iter().filter(|(_, act)| matches!(act, Close(..))).collect();
        assert_eq!(closed, [(again, Close(ann, 1013, None))]);
    }
}

/// A hub for 250 bytes in all.
fn small() -> Settings {
    Settings { total_budget: 250, budget: 200, volatile_above: 150, ..plain() }
}

/// [U16] [U6] [U2]
#[test]
fn over_the_budget_of_the_hub_every_message_is_full_and_nobody_is_admitted() {
    let (mut world, [ann, bob, eve]) = World::with(small(), ["ann", "bob", "eve"]);
    world.queued(ann, 100);
    world.queued(bob, 150);
    assert_eq!(world.input(relay(ann, "eve", 1, false, 0))[0], Deliver(eve, "ann", "hello"), "all of it may be used");
    world.queued(eve, 1);
    assert_eq!(world.hub.unwritten(), 251);
    assert_eq!(world.input(relay(ann, "eve", 0, false, 0)), [Ended(ann, Some("eve"), Outcome::Full("hello"))]);
    assert_eq!(world.hub.route(world.now, ann, &"eve", 0, true), Route::Full);
    assert_eq!(world.input(news(Some(ann), 1, true)), [Ended(ann, None, Outcome::Broadcast { reached: 0, missed: 2 })]);
    let denied = world.hub.admit(world.now, &REQUEST).expect_err("no room");
    assert_eq!((denied.reason, denied.status(), denied.retry_after.is_some()), (Denial::Overloaded, 503, true));
    assert_eq!(world.input(Input::Ping { conn: ann }), [Pong(ann)], "replies go on");
    world.written(eve, 1);
    assert_eq!(world.input(relay(ann, "eve", 1, false, 0))[0], Deliver(eve, "ann", "hello"));
    assert!(world.hub.admit(world.now, &REQUEST).is_ok());
}

/// [U16] [U7]
#[test]
fn who_misses_something_over_the_budget_of_the_hub_is_told_when_it_is_within_it_again() {
    let (mut world, [ann, bob, eve]) = World::with(small(), ["ann", "bob", "eve"]);
    world.queued(ann, 200);
    world.queued(bob, 51);
    assert_eq!((reached(&mut world, 1), reached(&mut world, 1)), (vec![], vec![]));
    assert_eq!(world.written(bob, 1), [Missed(bob, 2), Missed(eve, 2)], "ann is slow");
    world.queued(bob, 1);
    assert_eq!(reached(&mut world, 1), []);
    assert_eq!(world.closed(ann), [Missed(bob, 1), Missed(eve, 1), Offline("ann")]);
    assert_eq!(world.hub.unwritten(), 51);
}

/// [U16] [U7]
#[test]
fn who_becomes_slow_before_the_hub_is_within_its_budget_is_told_when_it_is_not_slow_any_more() {
    let (mut world, [ann, bob]) = World::with(small(), ["ann", "bob"]);
    world.queued(ann, 200);
    world.queued(bob, 51);
    assert_eq!(reached(&mut world, 1), []);
    world.queued(bob, 100);
    assert_eq!(world.written(ann, 199), [Missed(ann, 1)]);
    world.queued(ann, 150);
    assert_eq!(world.written(bob, 1), [], "the hub is over its budget now");
    assert_eq!(world.written(bob, 51), [Missed(bob, 1)]);
}

/// [U16] [U5]
#[test]
fn bytes_of_closing_connections_count_until_they_are_gone() {
    let (mut world, [ann, bob]) = World::with(small(), ["ann", "bob"]);
    world.queued(ann, 200);
    world.close(ann);
    let stale = world.hub.stats().stale;
    world.queued(ann, 1000);
    assert_eq!((world.hub.unwritten(), world.hub.stats().closed_slow), (1200, 0));
    world.written(ann, 100);
    assert_eq!((world.hub.unwritten(), world.hub.stats().stale), (1100, stale));
    assert_eq!(reached(&mut world, 1), []);
    let acts = world.run(seconds(60));
    assert_eq!(acts, [(seconds(5), Abort(ann)), (seconds(5), Missed(bob, 1))], "nobody else has anything waiting");
    assert_eq!((world.hub.unwritten(), world.hub.stats().closed_overloaded), (0, 0));
    world.queued(ann, 1);
    assert_eq!((world.hub.unwritten(), world.hub.stats().stale), (0, stale + 1));
}

/// [U16]
#[test]
fn after_a_while_over_the_budget_the_largest_are_closed_until_the_rest_is_within_it() {
    let names = ["ann", "bob", "cid", "dan", "eve"];
    let settings = Settings { volatile_above: 200, login_timeout: seconds(3600), ..small() };
    let (mut world, [ann, bob, cid, dan, eve]) = World::with(settings, names);
    let anonymous = world.admit();
    for (conn, bytes) in [(ann, 50), (bob, 90), (cid, 80), (dan, 90), (eve, 80), (anonymous, 40)] {
        world.queued(conn, bytes);
    }
    assert_eq!(world.deadline(), Some(seconds(5)));
    assert_eq!(world.run(seconds(5) - NANOSECOND), []);
    let expected = [Close(bob, 1013, None), Close(dan, 1013, None), Offline("bob"), Offline("dan")];
    let acts: Vec<Act> = world.run(NANOSECOND).into_iter().map(|(_, act)| act).collect();
    assert_eq!(acts, expected, "250 bytes remain");
    assert_eq!((world.hub.stats().closed_overloaded, world.hub.stats().closed_slow), (2, 0));
    world.queued(ann, 1);
    world.closed(bob);
    world.closed(dan);
    assert_eq!(world.hub.unwritten(), 251, "it is still too much, and another while begins");
    let acts = world.run(seconds(5));
    assert_eq!(acts.first(), Some(&(seconds(10), Close(cid, 1013, None))), "of equals the oldest");
}

/// [U16]
#[test]
fn a_hub_that_is_within_its_budget_in_time_closes_nobody() {
    let (mut world, [ann, bob]) = World::with(Settings { volatile_above: 200, ..small() }, ["ann", "bob"]);
    // Past the time to log in, whose timer is not taken back.
    world.run(seconds(10));
    for _ in 0..10 {
        world.queued(ann, 150);
        world.queued(bob, 101);
        assert_eq!(world.run(seconds(5) - NANOSECOND), []);
        assert_eq!((world.written(ann, 150), world.written(bob, 101)), (vec![], vec![]));
        assert_eq!(world.deadline(), None, "nothing is waited for");
        assert_eq!(world.run(seconds(5)), []);
    }
}

/// [U8] [U16]
#[test]
fn the_heartbeat_goes_on_over_the_budget_of_the_hub() {
    let settings = Settings { slow_timeout: seconds(3600), volatile_above: 200, ..small() };
    let (mut world, [ann, bob]) = World::with(Settings { heartbeat: watched().heartbeat, ..settings }, ["ann", "bob"]);
    world.queued(ann, 200);
    world.queued(bob, 200);
    assert_eq!(world.run(seconds(20)), [(seconds(20), Ping(ann)), (seconds(20), Ping(bob))]);
}

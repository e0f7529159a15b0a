//! What a connection may send.

use std::time::Duration;

use heartline::ConnId;
use heartline::heartbeat::HeartbeatMode;
use heartline::hub::{Config, Outcome, RateLimit, Route, Settings};

use crate::reference::Act::{Broadcast, Close, Deliver, Ended, Offline, Ping};
use crate::reference::NOBODY;
use crate::world::{Input, NANOSECOND, World, heartbeat, plain, seconds, watched};

/// Four messages at once and one each second; 100 bytes at once and ten each second.
fn limited(settings: Settings) -> Settings {
    let [messages, bytes] = [(4, 1000), (100, 100)].map(|(burst, every)| {
        let every = Duration::from_millis(every);
        Some(RateLimit { burst, every })
    });
    Settings { messages, bytes, ..settings }
}

/// The pause that each of these frames leads to, from now.
fn pauses<const N: usize>(world: &mut World, conn: ConnId, frames: [u32; N]) -> [Option<Duration>; N] {
    frames.map(|bytes| {
        let pause = world.hub.alive(world.now, conn, bytes);
        assert_eq!(pause, world.hub.paused_until(conn));
        pause.map(|until| until.saturating_since(world.now))
    })
}

/// [U14]
#[test]
fn a_burst_is_free_and_each_frame_beyond_it_pauses_until_it_is_paid() {
    let (mut world, [ann]) = World::with(limited(plain()), ["ann"]);
    let [one, two] = [1, 2].map(|wait| Some(seconds(wait)));
    assert_eq!(pauses(&mut world, ann, [0; 6]), [None, None, None, None, one, two]);
    assert_eq!(world.hub.stats().pauses, 2);
    world.run(seconds(2) - NANOSECOND);
    assert!(world.hub.paused_until(ann).is_some());
    world.run(NANOSECOND);
    world.timer();
    assert_eq!((world.hub.paused_until(ann), pauses(&mut world, ann, [0])), (None, [one]));
    world.run(seconds(100));
    assert_eq!(pauses(&mut world, ann, [0; 5]), [None, None, None, None, one], "no more than a burst is saved up");
}

/// [U14]
#[test]
fn bytes_have_a_limit_of_their_own_and_the_longer_pause_counts() {
    let (mut world, [ann, bob]) = World::with(limited(plain()), ["ann", "bob"]);
    assert_eq!(pauses(&mut world, ann, [100, 1]), [None, Some(Duration::from_millis(100))]);
    assert_eq!(
        pauses(&mut world, ann, [0, 0, 0]),
        [Some(Duration::from_millis(100)), Some(Duration::from_millis(100)), Some(seconds(1))]
    );
    assert_eq!(pauses(&mut world, bob, [0]), [None], "whoever sends little notices nothing");
    assert_eq!(pauses(&mut world, bob, [130]), [Some(seconds(3))]);
}

/// [U14]
#[test]
fn a_debt_of_more_than_twice_the_burst_closes() {
    let (mut world, [ann, bob, eve]) = World::with(limited(plain()), ["ann", "bob", "eve"]);
    (0..12).for_each(|_| assert_eq!(world.frame(ann, 0), []));
    assert_eq!(world.frame(ann, 0), [Close(ann, 1008, None), Offline("ann")]);
    assert_eq!(
        (world.frame(bob, 300), world.hub.paused_until(bob)),
        (vec![], Some(world.now.saturating_add(seconds(20))))
    );
    assert_eq!(world.frame(bob, 1), [Close(bob, 1008, None), Offline("bob")]);
    assert_eq!(world.hub.alive(world.now, eve, u32::MAX), None, "there is nothing to wait for");
    assert_eq!(world.timer(), [Close(eve, 1008, None), Offline("eve")]);
    assert_eq!((world.hub.stats().closed_flooding, world.hub.paused_until(ann)), (3, None));
}

/// [U14]
#[test]
fn what_a_frame_means_costs_nothing_more_and_a_connection_that_logs_in_keeps_its_debt() {
    let mut world = World::new(limited(plain()));
    let conn = world.admit();
    assert_eq!(pauses(&mut world, conn, [0; 3]), [None; 3]);
    world.login(conn, "ann");
    world.input(Input::Ping { conn });
    world.relay(conn, "ann", "hello");
    world.unknown(conn);
    assert_eq!(pauses(&mut world, conn, [0; 2]), [None, Some(seconds(1))]);
}

/// [U14] [U7]
#[test]
fn a_broadcast_costs_a_message_for_each_recipient_and_no_more_than_a_burst_of_debt() {
    let settings = Settings { budget: 1000, ..limited(plain()) };
    let (mut world, [ann, bob, eve]) = World::with(settings, ["ann", "bob", "eve"]);
    let news = |bytes| Input::Broadcast {
        from: Some(ann),
        room: None,
        except: Vec::new(),
        message: "news",
        bytes,
        volatile: false,
        tag: 0,
    };
    for _ in 0..2 {
        assert_eq!((pauses(&mut world, ann, [5]), world.hub.paused_until(ann)), ([None], None));
        assert_eq!(world.input(news(5))[0], Broadcast(vec![bob, eve], Some("ann"), "news"));
    }
    assert_eq!(world.hub.paused_until(ann), None, "four messages");
    assert_eq!(pauses(&mut world, ann, [5]), [Some(seconds(1))]);
    world.input(news(5));
    assert_eq!(world.hub.paused_until(ann), Some(world.now.saturating_add(seconds(2))));
    world.input(news(1000));
    assert_eq!(world.hub.paused_until(ann), Some(world.now.saturating_add(seconds(10))), "of bytes, one burst");
    assert_eq!((world.broadcast(None, &[], "news").len(), world.online().len()), (1, 3), "the server has no limit");
}

/// The wait for life begins at the end of the pause, in every mode.
///
/// [U14] [U8]
#[test]
fn a_pause_is_not_silence() {
    let listen = heartbeat(HeartbeatMode::Listen { timeout: seconds(5) });
    let periodic = heartbeat(HeartbeatMode::Periodic { interval: seconds(4), timeout: Some(seconds(3)) });
    let idle = heartbeat(HeartbeatMode::WhenIdle { interval: seconds(4), timeout: seconds(3) });
    for (heartbeat, pause, ping, dead) in [
        (listen, 20, None, 25),
        (listen, 4, None, 9),
        (idle, 20, Some(24), 27),
        (idle, 3, Some(7), 10),
        (periodic, 20, Some(24), 27),
        (periodic, 3, Some(4), 7),
    ] {
        let (mut world, [ann]) = World::with(limited(Settings { heartbeat, ..plain() }), ["ann"]);
        world.timer();
        assert_eq!(pauses(&mut world, ann, [100 + 10 * pause]), [Some(seconds(pause.into()))]);
        // What it means comes after it, and is no reason to take the pause for silence.
        world.relay(ann, "bob", "hello");
        let mut expected: Vec<_> = ping.map(|ping| (seconds(ping), Ping(ann))).into_iter().collect();
        expected.extend([(seconds(dead), Close(ann, 3008, None)), (seconds(dead), Offline("ann"))]);
        assert_eq!(world.run(seconds(dead)), expected, "{}", heartbeat.mode);
    }
}

/// [U14]
#[test]
fn without_limits_nothing_pauses_and_the_default_limits_are_those_of_a_second() {
    let (mut world, [ann]) = World::with(plain(), ["ann"]);
    assert_eq!(pauses(&mut world, ann, [u32::MAX; 8]), [None; 8]);
    let every = |limit: Option<RateLimit>| limit.map(|limit| limit.every);
    let config = Config::default();
    assert_eq!(every(config.messages), Some(Duration::from_millis(20)));
    assert_eq!(every(config.bytes), Some(Duration::from_nanos(7629)));
    assert_eq!(RateLimit::per_second(0, 1), RateLimit::per_second(1, 1));
}

/// [U6] [U8] [U14]
#[test]
fn a_message_is_routed_without_being_handed_in() {
    let (mut world, [ann, bob]) = World::with(watched(), ["ann", "bob"]);
    let anonymous = world.admit();
    world.queued(bob, 11);
    let now = world.now;
    assert_eq!(world.hub.route(now, ann, &"bob", 1, false), Route::To { conn: bob, from: &"ann" });
    assert_eq!(world.hub.route(now, ann, &"bob", 1, true), Route::Dropped);
    assert_eq!(world.hub.route(now, ann, &"eve", 1, false), Route::Offline);
    assert_eq!(world.hub.route(now, anonymous, &"bob", 1, false), Route::NotLoggedIn);
    assert_eq!(world.hub.route(now, NOBODY, &"bob", 1, false), Route::Stale);
    let stats = world.hub.stats();
    assert_eq!((stats.routed, stats.dropped, stats.offline, stats.ignored), (1, 1, 1, 1));
    world.written(bob, 11);
    assert_eq!(
        world.relay(ann, "bob", "hello"),
        [Deliver(bob, "ann", "hello"), Ended(ann, Some("bob"), Outcome::Routed)]
    );
    world.closed(anonymous);
    world.run(seconds(19));
    let now = world.now;
    assert_eq!(world.hub.route(now, ann, &"eve", 1, false), Route::Offline);
    assert_eq!(world.run(seconds(10)), [(seconds(20), Ping(bob))], "a message is life");
}

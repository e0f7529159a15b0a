//! A caller that pulls nothing, or the wrong things, and settings out of range.

use std::time::Duration;

use heartline::Timestamp;
use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline::hub::{Config, Hub, Input, PerSource, RateLimit, Settings};

use crate::reference::Act;
use crate::world::{REQUEST, heartbeat, plain, seconds, watched};

fn small() -> Hub<u32, ()> {
    Hub::new(Config::new(Settings { max_connections: 4, max_anonymous: 4, ..watched() }).expect("valid"), 7)
}

/// Everything that is owed.
fn owed(hub: &mut Hub<u32, ()>) -> Vec<Act<u32, ()>> {
    hub.handle(Timestamp::ORIGIN, Input::Timer).map(Act::from).collect()
}

/// [P3] [U10]
#[test]
fn a_caller_that_pulls_nothing_is_owed_no_more_than_there_are_connections() {
    let mut hub = small();
    for user in 0..10_000 {
        let conn = hub.admit(Timestamp::ORIGIN, &REQUEST).expect("there is room").conn;
        for input in [
            Input::Login { conn, user, until: None },
            Input::Ping { conn },
            Input::UnknownMessage { conn },
            Input::Closed { conn },
        ] {
            drop(hub.handle(Timestamp::ORIGIN, input));
        }
    }
    assert_eq!(owed(&mut hub), []);
}

/// [P3] [U10]
#[test]
fn a_caller_that_pulls_only_the_first_event_is_owed_no_more_than_there_are_connections() {
    let mut hub = small();
    for user in (0..10_000).rev() {
        let conn = hub.admit(Timestamp::ORIGIN, &REQUEST).expect("there is room").conn;
        drop(hub.handle(Timestamp::ORIGIN, Input::Login { conn, user, until: None }));
        let first = hub.handle(Timestamp::ORIGIN, Input::Timer).next().map(Act::from);
        assert!(matches!(first, Some(Act::Online(_) | Act::Offline(_))), "{first:?}");
        drop(hub.handle(Timestamp::ORIGIN, Input::Closed { conn }));
    }
    assert!(owed(&mut hub).len() <= 8, "4 who were online, 4 who are");
}

/// One that stays keeps the front of the timers from being dropped.
///
/// [P3] [U8]
#[test]
fn timers_that_no_longer_hold_are_not_kept() {
    let mut hub = small();
    let first = hub.admit(Timestamp::ORIGIN, &REQUEST).expect("there is room").conn;
    drop(hub.handle(Timestamp::ORIGIN, Input::Login { conn: first, user: 0, until: None }));
    let passing = |hub: &mut Hub<u32, ()>| {
        let conn = hub.admit(Timestamp::ORIGIN, &REQUEST).expect("there is room").conn;
        hub.handle(Timestamp::ORIGIN, Input::Closed { conn }).for_each(drop);
    };
    (0..100).for_each(|_| passing(&mut hub));
    let info = allocation_counter::measure(|| (0..10_000).for_each(|_| passing(&mut hub)));
    assert!(info.bytes_max < 4096, "{info:?}");
}

/// [P3] [U2]
#[test]
fn aborted_connections_keep_their_places_until_the_abort_is_pulled() {
    let mut hub = small();
    for _ in 0..4 {
        hub.admit(Timestamp::ORIGIN, &REQUEST).expect("there is room");
    }
    // Past the login, then past the close handshake.
    for at in [10, 20] {
        drop(hub.handle(Timestamp::after(seconds(at)), Input::Timer));
    }
    assert_eq!(hub.connections(), 4);
    assert!(hub.admit(Timestamp::ORIGIN, &REQUEST).is_err());
    let owed = owed(&mut hub);
    assert!(owed.len() == 4 && owed.iter().all(|act| matches!(act, Act::Abort(_))), "{owed:?}");
    assert!(hub.admit(Timestamp::ORIGIN, &REQUEST).is_ok());
}

const MILLISECOND: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(86_400);
const MOST: u32 = 1 << 20;

/// [P3]
#[test]
fn a_setting_outside_its_range_is_named_with_its_range() {
    let settings = Settings::default;
    let with = |mode| Settings { heartbeat: heartbeat(mode), ..settings() };
    let (none, long) = (Duration::ZERO, DAY + seconds(1));
    let late = |late_tolerance| Settings {
        heartbeat: HeartbeatConfig { late_tolerance, ..settings().heartbeat },
        ..settings()
    };
    let limit = |burst, every, messages| {
        let limit = Some(RateLimit { burst, every });
        if messages { Settings { messages: limit, ..settings() } } else { Settings { bytes: limit, ..settings() } }
    };
    let (sources, no) = (PerSource::default, Some(RateLimit { burst: 0, every: seconds(1) }));
    let from = |per_source| Settings { per_source: Some(per_source), ..settings() };
    let too_slow = HeartbeatMode::Periodic { interval: seconds(4), timeout: Some(seconds(5)) };
    let mut slow = settings().heartbeat;
    slow.slow_after = Some(none);
    for (error, settings) in [
        ("max_connections is 0; allowed is 1 to 1048576", Settings { max_connections: 0, ..settings() }),
        ("max_connections is 1048577; allowed is 1 to 1048576", Settings { max_connections: MOST + 1, ..settings() }),
        ("max_anonymous is 0; allowed is 1 to 1048576", Settings { max_anonymous: 0, ..settings() }),
        ("max_anonymous is 1048577; allowed is 1 to 1048576", Settings { max_anonymous: MOST + 1, ..settings() }),
        ("login_timeout is 0ns; allowed is 1ms to 86400s", Settings { login_timeout: none, ..settings() }),
        ("login_timeout is 86401s; allowed is 1ms to 86400s", Settings { login_timeout: long, ..settings() }),
        ("heartbeat.mode.timeout is 0ns; allowed is 1ms to 86400s", with(HeartbeatMode::Listen { timeout: none })),
        ("heartbeat.mode.timeout is 86401s; allowed is 1ms to 86400s", with(HeartbeatMode::Listen { timeout: long })),
        ("heartbeat.mode.timeout is 5s; allowed is 1ms to 4s", with(too_slow)),
        ("heartbeat.slow_after is 0ns; allowed is 1ms to 86400s", Settings { heartbeat: slow, ..settings() }),
        ("heartbeat.late_tolerance is 99ms; allowed is 100ms to 86400s", late(Duration::from_millis(99))),
        ("heartbeat.late_tolerance is 86401s; allowed is 0ns to 86400s", late(long)),
        ("budget is 0; allowed is 1 to 4294967295", Settings { budget: 0, ..settings() }),
        ("messages.burst is 0; allowed is 1 to 4294967295", limit(0, seconds(1), true)),
        ("messages.every is 0ns; allowed is 1ns to 3600s", limit(1, none, true)),
        ("bytes.burst is 0; allowed is 1 to 4294967295", limit(0, seconds(1), false)),
        ("bytes.every is 2s; allowed is 1ns to 1s", limit(1, seconds(2), false)),
        ("messages.every is 3601s; allowed is 1ns to 3600s", limit(1, seconds(3601), true)),
        ("per_source.connections is 0; allowed is 1 to 1048576", from(PerSource { connections: 0, ..sources() })),
        (
            "per_source.admissions.burst is 0; allowed is 1 to 4294967295",
            from(PerSource { admissions: no, ..sources() }),
        ),
        ("per_source.ipv4_prefix is 0; allowed is 1 to 32", from(PerSource { ipv4_prefix: 0, ..sources() })),
        ("per_source.ipv4_prefix is 33; allowed is 1 to 32", from(PerSource { ipv4_prefix: 33, ..sources() })),
        ("per_source.ipv6_prefix is 0; allowed is 1 to 128", from(PerSource { ipv6_prefix: 0, ..sources() })),
        ("per_source.ipv6_prefix is 129; allowed is 1 to 128", from(PerSource { ipv6_prefix: 129, ..sources() })),
        ("supersede_limit.burst is 0; allowed is 1 to 4294967295", Settings { supersede_limit: no, ..settings() }),
        ("expiry_notice is 86401s; allowed is 0ns to 86400s", Settings { expiry_notice: long, ..settings() }),
        ("offline_grace is 86401s; allowed is 0ns to 86400s", Settings { offline_grace: long, ..settings() }),
        ("volatile_above is 11; allowed is 0 to 10", Settings { budget: 10, volatile_above: 11, ..settings() }),
        ("reply_gap is 86401s; allowed is 0ns to 86400s", Settings { reply_gap: long, ..settings() }),
        ("close_timeout is 0ns; allowed is 1ms to 86400s", Settings { close_timeout: none, ..settings() }),
        ("close_timeout is 86401s; allowed is 1ms to 86400s", Settings { close_timeout: long, ..settings() }),
        ("retry_after is 86401s; allowed is 0ns to 86400s", Settings { retry_after: long, ..settings() }),
    ] {
        assert_eq!(Config::new(settings).expect_err(error).to_string(), error);
    }
}

/// [P3]
#[test]
fn both_ends_of_every_range_are_inside_it_and_so_is_the_default() {
    let ends = |count, time, budget, volatile_above, gap| Settings {
        expiry_notice: gap,
        offline_grace: gap,
        max_connections: count,
        max_anonymous: count,
        login_timeout: time,
        heartbeat: heartbeat(HeartbeatMode::Listen { timeout: time }),
        budget,
        volatile_above,
        reply_gap: gap,
        close_timeout: time,
        retry_after: gap,
        ..plain()
    };
    let sources = |connections, ipv4_prefix, ipv6_prefix| {
        Some(PerSource { connections, ipv4_prefix, ipv6_prefix, admissions: None })
    };
    let least = Settings { per_source: sources(1, 1, 1), ..ends(1, MILLISECOND, 1, 0, Duration::ZERO) };
    let most = Settings { per_source: sources(MOST, 32, 128), ..ends(MOST, DAY, u32::MAX, u32::MAX, DAY) };
    for settings in [least, most, Settings::default()] {
        let config = Config::new(settings.clone()).expect("valid");
        assert_eq!(Config::try_from(config.clone().into_settings()), Ok(config.clone()));
        assert_eq!(Settings::from(config), settings);
    }
    assert_eq!((Config::new(Settings::default()), Config::default().max_connections), (Ok(Config::default()), 10_240));
}

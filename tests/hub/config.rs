//! A config is valid or is not built.

use std::time::Duration;

use heartline::Rhythm;
use heartline::hub::{Config, Settings};

use crate::desk::{pulse, seconds};

const DAY: Duration = Duration::from_secs(86_400);
const MOST: u32 = 1 << 20;

/// [P3]
#[test]
fn a_value_outside_its_range_is_named_with_its_range() {
    let listen = |window| Settings { heartbeat: pulse(Rhythm::Listen { window }), ..Settings::default() };
    let settings = Settings::default;
    let cases: [(&str, Settings); 15] = [
        ("max_connections is 0; allowed is 1 to 1048576", Settings { max_connections: 0, ..settings() }),
        ("max_connections is 1048577; allowed is 1 to 1048576", Settings { max_connections: MOST + 1, ..settings() }),
        ("max_anonymous is 0; allowed is 1 to 1048576", Settings { max_anonymous: 0, ..settings() }),
        ("max_anonymous is 1048577; allowed is 1 to 1048576", Settings { max_anonymous: MOST + 1, ..settings() }),
        ("login_timeout is 0ns; allowed is 1ms to 86400s", Settings { login_timeout: Duration::ZERO, ..settings() }),
        (
            "login_timeout is 86401s; allowed is 1ms to 86400s",
            Settings { login_timeout: seconds(86_401), ..settings() },
        ),
        ("heartbeat.rhythm.window is 0ns; allowed is 1ms to 86400s", listen(Duration::ZERO)),
        ("heartbeat.rhythm.window is 86401s; allowed is 1ms to 86400s", listen(seconds(86_401))),
        ("budget is 0; allowed is 1 to 4294967295", Settings { budget: 0, ..settings() }),
        ("volatile_above is 11; allowed is 0 to 10", Settings { budget: 10, volatile_above: 11, ..settings() }),
        ("reply_gap is 86401s; allowed is 0ns to 86400s", Settings { reply_gap: seconds(86_401), ..settings() }),
        ("close_timeout is 0ns; allowed is 1ms to 86400s", Settings { close_timeout: Duration::ZERO, ..settings() }),
        (
            "close_timeout is 86401s; allowed is 1ms to 86400s",
            Settings { close_timeout: seconds(86_401), ..settings() },
        ),
        (
            "heartbeat.rhythm.timeout is 5s; allowed is 1ms to 4s",
            Settings {
                heartbeat: pulse(Rhythm::Steady { interval: seconds(4), timeout: Some(seconds(5)) }),
                ..settings()
            },
        ),
        (
            "heartbeat.slow_after is 10s; allowed is 1ms to 9.999999999s",
            Settings {
                heartbeat: heartline::Pulse { slow_after: Some(seconds(10)), ..settings().heartbeat },
                ..settings()
            },
        ),
    ];
    for (said, settings) in cases {
        assert_eq!(Config::new(settings).expect_err(said).to_string(), said);
    }
}

/// [P3]
#[test]
fn both_ends_of_every_range_are_inside_it() {
    let millisecond = Duration::from_millis(1);
    let least = Settings {
        max_connections: 1,
        max_anonymous: 1,
        login_timeout: millisecond,
        heartbeat: pulse(Rhythm::Listen { window: millisecond }),
        budget: 1,
        volatile_above: 0,
        reply_gap: Duration::ZERO,
        close_timeout: millisecond,
        ..Settings::default()
    };
    let most = Settings {
        max_connections: MOST,
        max_anonymous: MOST,
        login_timeout: DAY,
        heartbeat: pulse(Rhythm::Listen { window: DAY }),
        budget: u32::MAX,
        volatile_above: u32::MAX,
        reply_gap: DAY,
        close_timeout: DAY,
        ..Settings::default()
    };
    for settings in [least, most] {
        let config = Config::new(settings.clone()).expect("valid");
        assert_eq!(Config::try_from(config.clone().into_settings()), Ok(config.clone()));
        assert_eq!(Settings::from(config), settings);
    }
}

/// [P3]
#[test]
fn the_default_is_valid() {
    assert_eq!(Config::new(Settings::default()), Ok(Config::default()));
    assert_eq!(Config::default().max_connections, 10_240);
}

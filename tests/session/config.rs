//! What a config accepts, what it refuses and with which words, and what it is by default.

use std::time::Duration;

use heartline::{Allowed, ConfigError};

use crate::support::*;

const NANOSECOND: Duration = Duration::from_nanos(1);
const MILLISECOND: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(86_400);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

fn changed(change: impl FnOnce(&mut Settings)) -> Result<Config, ConfigError> {
    let mut settings = Settings::default();
    change(&mut settings);
    Config::new(settings)
}

fn watched(mode: HeartbeatMode, slow_after: Option<Duration>) -> Result<Config, ConfigError> {
    changed(|settings| settings.heartbeat = HeartbeatConfig { mode, slow_after, late_tolerance: SECOND })
}

/// Both ends of the range are accepted; one step outside of it is refused with field, value and range.
fn duration_in(field: &str, low: Duration, high: Duration, build: impl Fn(Duration) -> Result<Config, ConfigError>) {
    for good in [low, high] {
        assert!(build(good).is_ok(), "{field} {good:?}: {:?}", build(good));
    }
    let allowed = format!("{low:?} to {high:?}");
    for bad in [low.checked_sub(NANOSECOND), Some(high + NANOSECOND), Some(Duration::MAX)].into_iter().flatten() {
        let error = build(bad).expect_err("outside the range");
        assert_eq!((error.field, error.value.clone()), (field, bad.into()));
        assert_eq!(error.allowed, Allowed::Range(low.into(), high.into()));
        assert_eq!(error.to_string(), format!("{field} is {bad:?}; allowed is {allowed}"));
    }
}

fn number_in(field: &'static str, low: u32, high: u32, set: impl Fn(&mut OutboxConfig, u32)) {
    let build = |value| changed(|settings| set(&mut settings.outbox, value));
    for good in [low, high] {
        assert!(build(good).is_ok(), "{field} {good}: {:?}", build(good));
    }
    for bad in [low.checked_sub(1), high.checked_add(1)].into_iter().flatten() {
        let error = ConfigError { field, value: bad.into(), allowed: Allowed::Range(low.into(), high.into()) };
        assert_eq!(build(bad), Err(error));
    }
}

#[test]
fn the_defaults_are_valid_and_what_the_documentation_says() {
    let documented = Settings {
        heartbeat: HeartbeatConfig {
            mode: HeartbeatMode::WhenIdle { interval: 20 * SECOND, timeout: 10 * SECOND },
            slow_after: Some(3 * SECOND),
            late_tolerance: 5 * SECOND,
        },
        connect_timeout: 10 * SECOND,
        greeting_timeout: None,
        close_timeout: 5 * SECOND,
        backoff: Backoff { base: 5 * SECOND, min: Duration::ZERO, max: 30 * SECOND, jitter: Jitter::Full },
        min_dial_gap: 250 * MILLISECOND,
        stable_after: 5 * SECOND,
        max_retries: None,
        retry: RetryPolicy { rules: Vec::new() },
        max_retry_after: 300 * SECOND,
        outbox: OutboxConfig {
            max_messages: 1_024,
            max_bytes: 1 << 20,
            overflow: Overflow::Refuse,
            max_connection_messages: 64,
            max_connection_bytes: 64 << 10,
            ack_window: 64,
            ack_timeout: Some(30 * SECOND),
            max_losses: 5,
        },
    };
    assert_eq!(Settings::default(), documented);
    assert_eq!(Config::new(documented), Ok(Config::default()));
    assert_eq!(Config::default().detection_time(), Some(30 * SECOND), "below a minute");
}

#[test]
fn settings_come_back_as_they_went_in() {
    let settings = Settings { max_retries: Some(0), ..Settings::default() };
    let config = Config::try_from(settings.clone()).expect("valid");
    assert_eq!(*config, settings);
    assert_eq!(Settings::from(config.clone()), settings);
    assert_eq!(config.into_settings(), settings);
}

#[test]
fn every_timeout_has_its_range() {
    duration_in("connect_timeout", MILLISECOND, DAY, |time| changed(|settings| settings.connect_timeout = time));
    duration_in("close_timeout", MILLISECOND, DAY, |time| changed(|settings| settings.close_timeout = time));
    duration_in("min_dial_gap", MILLISECOND, DAY, |time| changed(|settings| settings.min_dial_gap = time));
    duration_in("stable_after", Duration::ZERO, YEAR, |time| changed(|settings| settings.stable_after = time));
    duration_in("max_retry_after", Duration::ZERO, YEAR, |time| changed(|settings| settings.max_retry_after = time));
    let greeting = |time| changed(|settings| settings.greeting_timeout = Some(time));
    duration_in("greeting_timeout", MILLISECOND, DAY, greeting);
    let ack = |time| changed(|settings| settings.outbox.ack_timeout = Some(time));
    duration_in("outbox.ack_timeout", MILLISECOND, DAY, ack);
    assert!(changed(|settings| settings.outbox.ack_timeout = None).is_ok());
}

#[test]
fn every_heartbeat_mode_has_its_ranges() {
    let (interval, timeout) = (SECOND, SECOND);
    let quick = |mode| watched(mode, None);
    let field = "heartbeat.mode.interval";
    duration_in(field, MILLISECOND, DAY, |interval| quick(HeartbeatMode::WhenIdle { interval, timeout }));
    duration_in(field, MILLISECOND, DAY, |interval| quick(HeartbeatMode::Periodic { interval, timeout: None }));
    let field = "heartbeat.mode.timeout";
    duration_in(field, MILLISECOND, DAY, |timeout| quick(HeartbeatMode::WhenIdle { interval, timeout }));
    // An answer that is late for the next ping would leave two unanswered.
    let periodic = |timeout| quick(HeartbeatMode::Periodic { interval, timeout: Some(timeout) });
    duration_in(field, MILLISECOND, interval, periodic);
    duration_in(field, MILLISECOND, DAY, |timeout| quick(HeartbeatMode::Listen { timeout }));
    let tolerance = |time| changed(|settings| settings.heartbeat.late_tolerance = time);
    duration_in("heartbeat.late_tolerance", Duration::ZERO, DAY, tolerance);
}

#[test]
fn slow_after_fits_any_mode_that_a_server_may_dictate() {
    let (interval, timeout) = (9 * SECOND, 2 * SECOND);
    let modes = [
        HeartbeatMode::Off,
        HeartbeatMode::WhenIdle { interval, timeout },
        HeartbeatMode::Periodic { interval, timeout: None },
        HeartbeatMode::Listen { timeout },
    ];
    for mode in modes {
        duration_in("heartbeat.slow_after", MILLISECOND, DAY, |time| watched(mode, Some(time)));
    }
}

/// [R2]
#[test]
fn the_backoff_has_its_ranges_and_jitter_needs_a_millisecond_of_room() {
    let backoff = |min, max, base, jitter| changed(|settings| settings.backoff = Backoff { base, min, max, jitter });
    let more = SECOND + MILLISECOND;
    duration_in("backoff.min", Duration::ZERO, YEAR, |min| backoff(min, YEAR, YEAR, Jitter::None));
    duration_in("backoff.max", SECOND, YEAR, |max| backoff(SECOND, max, SECOND, Jitter::None));
    duration_in("backoff.base", SECOND, YEAR, |base| backoff(SECOND, SECOND, base, Jitter::None));
    duration_in("backoff.base", MILLISECOND, YEAR, |base| backoff(Duration::ZERO, SECOND, base, Jitter::None));
    for jitter in [Jitter::Equal, Jitter::Full] {
        duration_in("backoff.max", more, YEAR, |max| backoff(SECOND, max, YEAR, jitter));
        duration_in("backoff.base", more, YEAR, |base| backoff(SECOND, YEAR, base, jitter));
    }
    // It is drawn from `base` on.
    let decorrelated = |base, max| backoff(SECOND, max, base, Jitter::Decorrelated);
    duration_in("backoff.max", more + MILLISECOND, YEAR, |max| decorrelated(more, max));
    assert_eq!(decorrelated(more - NANOSECOND, YEAR).map_err(|error| error.field), Err("backoff.base"));
}

/// [R2]
#[test]
fn a_delay_of_nothing_is_no_backoff() {
    for backoff in [Backoff::constant(Duration::ZERO), Backoff::exponential(Duration::ZERO, SECOND, Jitter::None)] {
        assert!(changed(|settings| settings.backoff = backoff).is_err(), "{backoff:?}");
    }
    assert!(changed(|settings| settings.backoff = Backoff::constant(MILLISECOND)).is_ok());
}

#[test]
fn a_rule_applies_to_something_and_waits_no_longer_than_a_year() {
    let ruled = |pattern, verdict| changed(|settings| settings.retry = RetryPolicy::default().with(pattern, verdict));
    duration_in("retry.rules.verdict", Duration::ZERO, YEAR, |wait| ruled(Pattern::Any, Verdict::RetryAfter(wait)));
    for (low, high, good) in [(4000, 4000, true), (4000, 4999, true), (4001, 4000, false)] {
        for pattern in [Pattern::Close(low, high), Pattern::Status(low, high), Pattern::Application(low, high)] {
            assert_eq!(ruled(pattern, Verdict::Stop).is_ok(), good, "{pattern:?}");
        }
    }
}

#[test]
fn the_outbox_has_its_ranges() {
    number_in("outbox.max_messages", 1, 1 << 20, |outbox, value| outbox.max_messages = value);
    number_in("outbox.max_bytes", 1, 1 << 30, |outbox, value| outbox.max_bytes = value);
    number_in("outbox.max_connection_messages", 1, 1 << 20, |outbox, value| outbox.max_connection_messages = value);
    number_in("outbox.max_connection_bytes", 1, 1 << 30, |outbox, value| outbox.max_connection_bytes = value);
    number_in("outbox.ack_window", 1, 1 << 20, |outbox, value| outbox.ack_window = value);
    for (losses, good) in [(0, false), (1, true), (u16::MAX, true)] {
        assert_eq!(changed(|settings| settings.outbox.max_losses = losses).is_ok(), good, "{losses}");
    }
}

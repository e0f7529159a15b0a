//! What a config accepts, what it refuses and with which words, and what it is by default.

use std::time::Duration;

use heartline::{
    Backoff, Config, ConfigError, Jitter, Limits, Overflow, Pulse, RetryPolicy, Rhythm, Settings, Verdict, When,
};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
const YEAR: Duration = Duration::from_secs(365 * 86_400);
const NANOSECOND: Duration = Duration::from_nanos(1);

fn changed(change: impl FnOnce(&mut Settings)) -> Result<Config, ConfigError> {
    let mut settings = Settings::default();
    change(&mut settings);
    Config::new(settings)
}

fn beating(rhythm: Rhythm) -> Result<Config, ConfigError> {
    changed(|settings| settings.heartbeat = Pulse { rhythm, slow_after: None, late_tolerance: SECOND })
}

fn slow(rhythm: Rhythm, slow_after: Duration) -> Result<Config, ConfigError> {
    let slow_after = Some(slow_after);
    changed(|settings| settings.heartbeat = Pulse { rhythm, slow_after, late_tolerance: SECOND })
}

/// Both ends of the range are accepted; one step outside of it is refused with field, value and range.
fn duration_in(field: &str, low: Duration, high: Duration, build: impl Fn(Duration) -> Result<Config, ConfigError>) {
    for good in [low, high] {
        assert!(build(good).is_ok(), "{field} {good:?}: {:?}", build(good));
    }
    let allowed = format!("{low:?} to {high:?}");
    for bad in [low.checked_sub(NANOSECOND), Some(high + NANOSECOND), Some(Duration::MAX)].into_iter().flatten() {
        let error = build(bad).expect_err("outside the range");
        assert_eq!(
            (error.field, error.value.as_str(), error.allowed.as_str()),
            (field, &*format!("{bad:?}"), &*allowed)
        );
        assert_eq!(error.to_string(), format!("{field} is {bad:?}; allowed is {allowed}"));
    }
}

fn limit_in(field: &str, low: u32, high: u32, set: impl Fn(&mut Limits, u32)) {
    let build = |value| changed(|settings| set(&mut settings.outbox, value));
    for good in [low, high] {
        assert!(build(good).is_ok(), "{field} {good}: {:?}", build(good));
    }
    for bad in [low.checked_sub(1), high.checked_add(1)].into_iter().flatten() {
        let (value, allowed) = (bad.to_string(), format!("{low} to {high}"));
        let error = build(bad).expect_err("outside the range");
        assert_eq!(error, ConfigError { field: error.field, value, allowed });
        assert_eq!(error.field, field);
    }
}

#[test]
fn the_defaults_are_valid_and_what_the_documentation_says() {
    let documented = Settings {
        heartbeat: Pulse {
            rhythm: Rhythm::WhenIdle { interval: 20 * SECOND, timeout: 10 * SECOND },
            slow_after: Some(3 * SECOND),
            late_tolerance: 5 * SECOND,
        },
        connect_timeout: 10 * SECOND,
        greeting_timeout: None,
        close_timeout: 5 * SECOND,
        backoff: Backoff { base: 5 * SECOND, min: Duration::ZERO, max: 30 * SECOND, jitter: Jitter::Full },
        min_dial_gap: 250 * MILLISECOND,
        stable_after: 5 * SECOND,
        max_attempts: None,
        retry: RetryPolicy { rules: Vec::new() },
        retry_after_max: 300 * SECOND,
        outbox: Limits {
            max_messages: 1_024,
            max_bytes: 1 << 20,
            overflow: Overflow::Refuse,
            ack_window: 64,
            max_deliveries: 5,
        },
    };
    assert_eq!(Settings::default(), documented);
    assert_eq!(Config::new(documented), Ok(Config::default()));
    assert_eq!(Config::default().detection_time(), Some(30 * SECOND), "below a minute");
}

#[test]
fn settings_come_back_as_they_went_in() {
    let settings = Settings { max_attempts: Some(0), ..Settings::default() };
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
    duration_in("retry_after_max", Duration::ZERO, YEAR, |time| changed(|settings| settings.retry_after_max = time));
    let greeting = |time| changed(|settings| settings.greeting_timeout = Some(time));
    duration_in("greeting_timeout", MILLISECOND, DAY, greeting);
}

#[test]
fn every_rhythm_has_its_ranges() {
    let (interval, timeout) = (SECOND, SECOND);
    let field = "heartbeat.rhythm.interval";
    duration_in(field, MILLISECOND, DAY, |interval| beating(Rhythm::WhenIdle { interval, timeout }));
    duration_in(field, MILLISECOND, DAY, |interval| beating(Rhythm::Steady { interval, timeout: None }));
    let field = "heartbeat.rhythm.timeout";
    duration_in(field, MILLISECOND, DAY, |timeout| beating(Rhythm::WhenIdle { interval, timeout }));
    // An answer that is late for the next ping would leave two unanswered.
    duration_in(field, MILLISECOND, interval, |timeout| beating(Rhythm::Steady { interval, timeout: Some(timeout) }));
    duration_in("heartbeat.rhythm.window", MILLISECOND, DAY, |window| beating(Rhythm::Listen { window }));
    let tolerance = |time| changed(|settings| settings.heartbeat.late_tolerance = time);
    duration_in("heartbeat.late_tolerance", Duration::ZERO, DAY, tolerance);
}

#[test]
fn slow_comes_before_dead() {
    let (interval, timeout) = (9 * SECOND, 2 * SECOND);
    let most = timeout - NANOSECOND;
    let rhythms = [
        Rhythm::WhenIdle { interval, timeout },
        Rhythm::Steady { interval, timeout: Some(timeout) },
        Rhythm::Listen { window: timeout },
    ];
    for rhythm in rhythms {
        duration_in("heartbeat.slow_after", MILLISECOND, most, |time| slow(rhythm, time));
    }
    for never_dead in [Rhythm::Off, Rhythm::Steady { interval, timeout: None }] {
        assert!(slow(never_dead, DAY).is_ok(), "it means nothing there");
    }
}

#[test]
fn the_backoff_has_its_ranges() {
    let backoff = |min, max, base, jitter| changed(|settings| settings.backoff = Backoff { base, min, max, jitter });
    let zero = Duration::ZERO;
    duration_in("backoff.min", zero, YEAR, |min| backoff(min, YEAR, YEAR, Jitter::None));
    duration_in("backoff.max", SECOND, YEAR, |max| backoff(SECOND, max, SECOND, Jitter::None));
    duration_in("backoff.base", SECOND, YEAR, |base| backoff(SECOND, SECOND, base, Jitter::None));
    for jitter in [Jitter::Equal, Jitter::Full, Jitter::Decorrelated] {
        let more = SECOND + NANOSECOND;
        duration_in("backoff.min", zero, YEAR - NANOSECOND, |min| backoff(min, YEAR, YEAR, jitter));
        duration_in("backoff.max", more, YEAR, |max| backoff(SECOND, max, YEAR, jitter));
        duration_in("backoff.base", more, YEAR, |base| backoff(SECOND, YEAR, base, jitter));
    }
    assert!(changed(|settings| settings.backoff = Backoff::constant(zero)).is_ok());
}

#[test]
fn a_rule_speaks_of_something_and_parks_nothing() {
    let ruled = |when, then| changed(|settings| settings.retry = RetryPolicy::default().with(when, then));
    duration_in("retry.rules.then", Duration::ZERO, YEAR, |wait| ruled(When::Any, Verdict::RetryAfter(wait)));
    for (low, high, good) in [(4000, 4000, true), (4000, 4999, true), (4001, 4000, false)] {
        for when in [When::Close(low, high), When::Status(low, high)] {
            assert_eq!(ruled(when, Verdict::Stop).is_ok(), good, "{when:?}");
        }
    }
}

#[test]
fn the_outbox_has_its_ranges() {
    // With room for one message alone the window is checked, so it is kept small.
    limit_in("outbox.max_messages", 1, 1 << 20, |limits, value| (limits.max_messages, limits.ack_window) = (value, 1));
    limit_in("outbox.max_bytes", 1, 1 << 30, |limits, value| limits.max_bytes = value);
    limit_in("outbox.ack_window", 1, 1_024, |limits, value| limits.ack_window = value);
    limit_in("outbox.ack_window", 1, 7, |limits, value| (limits.max_messages, limits.ack_window) = (7, value));
    limit_in("outbox.max_deliveries", 1, u32::MAX, |limits, value| limits.max_deliveries = value);
}

//! What a session goes by: valid, or not built.

use alloc::string::String;
use core::fmt;
use core::ops::Deref;
use core::time::Duration;

use crate::backoff::{Backoff, Jitter};
use crate::heartbeat::{Pulse, Rhythm};
use crate::outbox::Limits;
use crate::retry::{RetryPolicy, Rule, Verdict, When};

const NANOSECOND: Duration = Duration::from_nanos(1);
pub(crate) const MILLISECOND: Duration = Duration::from_millis(1);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Everything that can be set, as plain data. [`Config::new`] judges it.
///
/// ```
/// use core::time::Duration;
/// use heartline::{Backoff, Config, Settings};
///
/// let config = Config::new(Settings {
///     backoff: Backoff::constant(Duration::from_secs(10)),
///     max_attempts: Some(5),
///     ..Settings::default()
/// })?;
/// assert_eq!(config.max_attempts, Some(5));
/// # Ok::<(), heartline::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Settings {
    /// The heartbeat of an open connection. Times from 1 ms to a day; a `Steady` timeout at most its
    /// interval; `slow_after` from 1 ms, shorter than the silence that is death; `late_tolerance` up to a day.
    /// Default: `WhenIdle` with 20 s and 10 s (python websockets: 20 and 20), below the 30 and 60 s
    /// after which proxies commonly close an idle connection; slow after 3 s; tolerance 5 s.
    pub heartbeat: Pulse,
    /// How long a dial may take: 1 ms to a day. Default 10 s (peers: 4 to 30 s).
    pub connect_timeout: Duration,
    /// Whether a greeting precedes everything queued, and how long it may take: 1 ms to a day.
    /// Default `None`: opened is ready.
    pub greeting_timeout: Option<Duration>,
    /// How long a close handshake may take: 1 ms to a day. Default 5 s; RFC 6455 §7.1.1 speaks of a
    /// reasonable period of time.
    pub close_timeout: Duration,
    /// The delays between dials: up to a year, `base` and `max` at least `min`, and with jitter more than `min`.
    /// Default RFC 6455 §7.2.3.
    pub backoff: Backoff,
    /// No two dials are closer together, whoever asks for them: 1 ms to a day. Default 250 ms.
    pub min_dial_gap: Duration,
    /// How long a connection must have been ready for the count of retries to begin anew: up to a year.
    /// Default 5 s (reconnecting-websocket).
    pub stable_after: Duration,
    /// How many retries in a row before the session gives up; `None` for no end. Default `None`.
    pub max_attempts: Option<u32>,
    /// Which losses are retried: ranges that are not empty, `RetryAfter` up to a year. Default: no rules but
    /// [`DEFAULT_RULES`](crate::DEFAULT_RULES).
    pub retry: RetryPolicy,
    /// The longest time a server can ask the client to stay away: up to a year. Default 5 min.
    pub retry_after_max: Duration,
    /// The bounds of the outbox: 1 to 1,048,576 messages, 1 byte to 1 GiB, a window of 1 to
    /// `max_messages`, 1 or more deliveries.
    pub outbox: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            heartbeat: Pulse::default(),
            connect_timeout: Duration::from_secs(10),
            greeting_timeout: None,
            close_timeout: Duration::from_secs(5),
            backoff: Backoff::RFC_6455,
            min_dial_gap: Duration::from_millis(250),
            stable_after: Duration::from_secs(5),
            max_attempts: None,
            retry: RetryPolicy::default(),
            retry_after_max: Duration::from_secs(5 * 60),
            outbox: Limits::default(),
        }
    }
}

/// [`Settings`] that were found valid; they can be read, not changed.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Settings", into = "Settings"))]
pub struct Config(Settings);

impl Config {
    /// The settings as a config, if every one of them lies in its range.
    ///
    /// # Errors
    /// The first value that does not, with its field and the allowed range.
    pub fn new(settings: Settings) -> Result<Self, ConfigError> {
        check_pulse(&settings.heartbeat)?;
        check_backoff(&settings.backoff)?;
        check_limits(&settings.outbox)?;
        settings.retry.rules.iter().try_for_each(check_rule)?;
        within("connect_timeout", settings.connect_timeout, MILLISECOND, DAY)?;
        if let Some(timeout) = settings.greeting_timeout {
            within("greeting_timeout", timeout, MILLISECOND, DAY)?;
        }
        within("close_timeout", settings.close_timeout, MILLISECOND, DAY)?;
        within("min_dial_gap", settings.min_dial_gap, MILLISECOND, DAY)?;
        within("stable_after", settings.stable_after, Duration::ZERO, YEAR)?;
        within("retry_after_max", settings.retry_after_max, Duration::ZERO, YEAR)?;
        Ok(Self(settings))
    }

    /// The settings again, to build another config from.
    pub fn into_settings(self) -> Settings {
        self.0
    }

    /// The longest time from the last proof of life to the verdict that the link is dead; `None`
    /// where the heartbeat gives no verdict.
    ///
    /// It holds for timers that are on time. A timer that is late adds its lateness and, where that is over
    /// `late_tolerance`, one more timeout (`Listen`: window).
    pub fn detection_time(&self) -> Option<Duration> {
        self.heartbeat.rhythm.detection_time()
    }
}

impl Deref for Config {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.0
    }
}

impl TryFrom<Settings> for Config {
    type Error = ConfigError;

    fn try_from(settings: Settings) -> Result<Self, ConfigError> {
        Self::new(settings)
    }
}

impl From<Config> for Settings {
    fn from(config: Config) -> Self {
        config.0
    }
}

/// A setting outside its range.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{field} is {value}; allowed is {allowed}")]
pub struct ConfigError {
    /// Which setting, as a path from [`Settings`].
    pub field: &'static str,
    /// What it was set to.
    pub value: String,
    /// What it may be set to.
    pub allowed: String,
}

pub(crate) fn check_pulse(pulse: &Pulse) -> Result<(), ConfigError> {
    let patience = match pulse.rhythm {
        Rhythm::Off => None,
        Rhythm::WhenIdle { interval, timeout } => {
            within("heartbeat.rhythm.interval", interval, MILLISECOND, DAY)?;
            within("heartbeat.rhythm.timeout", timeout, MILLISECOND, DAY)?;
            Some(timeout)
        }
        Rhythm::Steady { interval, timeout } => {
            within("heartbeat.rhythm.interval", interval, MILLISECOND, DAY)?;
            if let Some(timeout) = timeout {
                within("heartbeat.rhythm.timeout", timeout, MILLISECOND, interval)?;
            }
            timeout
        }
        Rhythm::Listen { window } => {
            within("heartbeat.rhythm.window", window, MILLISECOND, DAY)?;
            Some(window)
        }
    };
    if let (Some(slow), Some(patience)) = (pulse.slow_after, patience) {
        within("heartbeat.slow_after", slow, MILLISECOND, patience.saturating_sub(NANOSECOND))?;
    }
    within("heartbeat.late_tolerance", pulse.late_tolerance, Duration::ZERO, DAY)
}

fn check_backoff(backoff: &Backoff) -> Result<(), ConfigError> {
    // Jitter needs room above `min`, or a crowd would come back in the same moment all the same.
    let room = match backoff.jitter {
        Jitter::None => Duration::ZERO,
        Jitter::Equal | Jitter::Full | Jitter::Decorrelated => NANOSECOND,
    };
    within("backoff.min", backoff.min, Duration::ZERO, YEAR - room)?;
    within("backoff.max", backoff.max, backoff.min + room, YEAR)?;
    within("backoff.base", backoff.base, backoff.min + room, YEAR)
}

fn check_rule(rule: &Rule) -> Result<(), ConfigError> {
    if let When::Close(low, high) | When::Status(low, high) = rule.when {
        within("retry.rules.when", low, 0, high)?;
    }
    match rule.then {
        Verdict::RetryAfter(wait) => within("retry.rules.then", wait, Duration::ZERO, YEAR),
        Verdict::Retry | Verdict::Stop => Ok(()),
    }
}

fn check_limits(limits: &Limits) -> Result<(), ConfigError> {
    within("outbox.max_messages", limits.max_messages, 1, 1 << 20)?;
    within("outbox.max_bytes", limits.max_bytes, 1, 1 << 30)?;
    within("outbox.ack_window", limits.ack_window, 1, limits.max_messages)?;
    within("outbox.max_deliveries", limits.max_deliveries, 1, u32::MAX)
}

pub(crate) fn within<T: PartialOrd + fmt::Debug>(
    field: &'static str,
    value: T,
    low: T,
    high: T,
) -> Result<(), ConfigError> {
    if low <= value && value <= high {
        return Ok(());
    }
    let allowed = alloc::format!("{low:?} to {high:?}");
    Err(ConfigError { field, value: alloc::format!("{value:?}"), allowed })
}

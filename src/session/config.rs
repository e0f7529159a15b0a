//! Session settings, validated on construction.

use core::time::Duration;

use super::outbox::OutboxConfig;
use super::retry::RetryPolicy;
use crate::backoff::Backoff;
use crate::check::{ConfigError, DAY, MILLISECOND, YEAR, config, within};
use crate::heartbeat::HeartbeatConfig;

/// Everything that can be set, as plain data. [`Config::new`] checks it. Written with `..Settings::default()`, a new
/// field breaks nothing.
///
/// ```
/// use core::time::Duration;
/// use heartline::backoff::Backoff;
/// use heartline::{Config, Settings};
///
/// let config = Config::new(Settings {
///     backoff: Backoff::constant(Duration::from_secs(10)),
///     max_retries: Some(5),
///     ..Settings::default()
/// })?;
/// assert_eq!(config.max_retries, Some(5));
/// # Ok::<(), heartline::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Settings {
    /// How an open connection is watched. The server may dictate another mode
    /// ([`Input::Heartbeat`](super::input::Input::Heartbeat)).
    pub heartbeat: HeartbeatConfig,
    /// How long a dial may take: 1 ms to a day. Default 10 s (peers: 4 to 30 s).
    pub connect_timeout: Duration,
    /// Whether a greeting precedes everything queued, and how long it may take: 1 ms to a day.
    /// Default `None`: opened is ready.
    pub greeting_timeout: Option<Duration>,
    /// How long a close handshake may take: 1 ms to a day. Default 5 s; RFC 6455 §7.1.1 asks for a
    /// reasonable time.
    pub close_timeout: Duration,
    /// The delays between dials. Default RFC 6455 §7.2.3, up to 30 s.
    pub backoff: Backoff,
    /// No two dials are closer together than this, no matter who asks for them: 1 ms to a day. Default 250 ms.
    pub min_dial_gap: Duration,
    /// How long a connection must have lived, from ready to the last proof of life, for the retry count to be reset:
    /// up to a year. Default 5 s (reconnecting-websocket).
    pub stable_after: Duration,
    /// How many retries in a row before the session gives up, 0 for none at all; `None` for no end. Default `None`.
    pub max_retries: Option<u32>,
    /// Which losses are retried: ranges that are not empty, `RetryAfter` up to a year. Default: the
    /// [table](RetryPolicy) alone.
    pub retry: RetryPolicy,
    /// The longest time a server can ask the client to stay away: up to a year. Default 5 min.
    pub max_retry_after: Duration,
    /// The bounds of the outbox, and how long acknowledgements may take.
    pub outbox: OutboxConfig,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            heartbeat: HeartbeatConfig::default(),
            connect_timeout: Duration::from_secs(10),
            greeting_timeout: None,
            close_timeout: Duration::from_secs(5),
            backoff: Backoff::RFC_6455,
            min_dial_gap: Duration::from_millis(250),
            stable_after: Duration::from_secs(5),
            max_retries: None,
            retry: RetryPolicy::default(),
            max_retry_after: Duration::from_secs(5 * 60),
            outbox: OutboxConfig::default(),
        }
    }
}

config!();

impl Settings {
    /// The first value that is out of its range.
    fn check(&self) -> Result<(), ConfigError> {
        self.heartbeat.check()?;
        self.backoff.check()?;
        self.outbox.check()?;
        self.retry.check()?;
        within("connect_timeout", self.connect_timeout, MILLISECOND, DAY)?;
        if let Some(timeout) = self.greeting_timeout {
            within("greeting_timeout", timeout, MILLISECOND, DAY)?;
        }
        within("close_timeout", self.close_timeout, MILLISECOND, DAY)?;
        within("min_dial_gap", self.min_dial_gap, MILLISECOND, DAY)?;
        within("stable_after", self.stable_after, Duration::ZERO, YEAR)?;
        within("max_retry_after", self.max_retry_after, Duration::ZERO, YEAR)?;
        Ok(())
    }
}

impl Config {
    /// The longest time from the last proof of life until the link is declared dead; `None` if it never is.
    ///
    /// It holds for timers that are on time. A timer that is late adds its lateness and, where that is over
    /// `late_tolerance`, at most one more timeout. [`Session::detection_time`](super::Session::detection_time) also
    /// follows what the server dictates.
    pub fn detection_time(&self) -> Option<Duration> {
        self.heartbeat.mode.detection_time()
    }
}

//! Hub settings, validated on construction.

use core::ops::Deref;
use core::time::Duration;

use super::admission::Admission;
use super::limit::Limit;
use super::slots::MOST;
use crate::check::{ConfigError, DAY, MILLISECOND, within};
use crate::close_code::CloseCode;
use crate::heartbeat::{HeartbeatConfig, HeartbeatMode};

/// What happens to the login of a user who is connected already.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum SecondLogin {
    /// The new connection is the user's, and the old one is closed with [`Settings::superseded`].
    Replace,
    /// The new login is refused.
    Refuse,
}

/// Everything that can be set, as plain data. [`Config::new`] checks it. Written with `..Settings::default()`, a new
/// field breaks nothing.
///
/// ```
/// use core::time::Duration;
/// use heartline::hub::{Admission, Config, Settings};
///
/// let config = Config::new(Settings {
///     admission: Admission { protocols: vec!["chat.v1".into()], ..Admission::default() },
///     login_timeout: Duration::from_secs(5),
///     ..Settings::default()
/// })?;
/// assert_eq!(config.login_timeout, Duration::from_secs(5));
/// # Ok::<(), heartline::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Settings {
    /// Which requests are admitted.
    pub admission: Admission,
    /// How many connections there may be, those being closed included: 1 to 1,048,576. Default 10,240.
    pub max_connections: u32,
    /// How many of them may be anonymous: 1 to 1,048,576. Default 1,024.
    pub max_anonymous: u32,
    /// How long a connection may be anonymous: 1 ms to a day. Default 15 s (centrifuge).
    pub login_timeout: Duration,
    /// What happens to the login of a user who is connected already. Default `Replace`.
    pub second_login: SecondLogin,
    /// The code for a connection that a newer login replaced: any that may be sent. Default 4409, which
    /// [`DEFAULT_RULES`](crate::retry::DEFAULT_RULES) treat as final. With a code that is retried, two clients of one
    /// user would replace each other for ever.
    pub superseded: CloseCode,
    /// How each connection is watched; `slow_after` is not used. Default `WhenIdle` with 25 s and 10 s
    /// (centrifuge: 25 and 10). If the hub's timer was not called for `late_tolerance`, here at least 100 ms and 5 s by
    /// default, the server was suspended, and all waits start anew: keep it well below the timeout of the mode.
    pub heartbeat: HeartbeatConfig,
    /// How many bytes may wait to be written to one connection; beyond that it is closed as too slow: 1 to
    /// 4,294,967,295. Default 1 MiB (centrifuge).
    pub budget: u32,
    /// Beyond how many waiting bytes a connection is slow, so that volatile messages are not routed to it: 0 to
    /// `budget`. Default 64 KiB (uWebSockets).
    pub volatile_above: u32,
    /// How many messages a connection may send, a broadcast counting once for each recipient: a frame that leaves a debt
    /// pauses its connection, one that leaves a debt of more than twice the burst closes it (1008). `None` for no limit.
    /// Default 50 a second, and 200 at once: a choice, several times what a person or a feed sends.
    pub messages: Option<Limit>,
    /// The same for their bytes. Default 128 KiB a second, and 1 MiB at once, which is `budget`.
    pub bytes: Option<Limit>,
    /// The shortest time between two replies to unknown events or refused logins on one connection: up to a day.
    /// Default 1 s.
    pub reply_gap: Duration,
    /// How long a close handshake may take: 1 ms to a day. Default 5 s.
    pub close_timeout: Duration,
    /// For how long somebody who was denied with 503 is asked to stay away at least; at most it is twice as long: up to a
    /// day. Default 5 s (the spread of a client's first return in RFC 6455 §7.2.3).
    pub retry_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let mode = HeartbeatMode::WhenIdle { interval: Duration::from_secs(25), timeout: Duration::from_secs(10) };
        Self {
            admission: Admission::default(),
            max_connections: 10_240,
            max_anonymous: 1_024,
            login_timeout: Duration::from_secs(15),
            second_login: SecondLogin::Replace,
            superseded: CloseCode::SUPERSEDED,
            heartbeat: HeartbeatConfig { mode, slow_after: None, late_tolerance: Duration::from_secs(5) },
            budget: 1024 * 1024,
            volatile_above: 64 * 1024,
            messages: Some(Limit::per_second(50, 200)),
            bytes: Some(Limit::per_second(128 * 1024, 1024 * 1024)),
            reply_gap: Duration::from_secs(1),
            close_timeout: Duration::from_secs(5),
            retry_after: Duration::from_secs(5),
        }
    }
}

/// [`Settings`] that were found valid; they can be read, not changed.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Settings", into = "Settings"))]
pub struct Config(Settings);

impl Config {
    /// The settings as a config, if each of them lies in its range.
    ///
    /// # Errors
    /// The first value that does not, with its field and the allowed range.
    pub fn new(settings: Settings) -> Result<Self, ConfigError> {
        within("max_connections", settings.max_connections, 1, MOST)?;
        within("max_anonymous", settings.max_anonymous, 1, MOST)?;
        within("login_timeout", settings.login_timeout, MILLISECOND, DAY)?;
        settings.heartbeat.check()?;
        within("heartbeat.late_tolerance", settings.heartbeat.late_tolerance, 100 * MILLISECOND, DAY)?;
        within("budget", settings.budget, 1, u32::MAX)?;
        within("volatile_above", settings.volatile_above, 0, settings.budget)?;
        if let Some(messages) = settings.messages {
            messages.check(["messages.burst", "messages.every"])?;
        }
        if let Some(bytes) = settings.bytes {
            bytes.check(["bytes.burst", "bytes.every"])?;
        }
        within("reply_gap", settings.reply_gap, Duration::ZERO, DAY)?;
        within("close_timeout", settings.close_timeout, MILLISECOND, DAY)?;
        within("retry_after", settings.retry_after, Duration::ZERO, DAY)?;
        Ok(Self(settings))
    }

    /// The settings again, to build another config from.
    pub fn into_settings(self) -> Settings {
        self.0
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

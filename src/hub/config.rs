//! Hub settings, validated on construction.

use core::time::Duration;

use super::admission::Admission;
use super::limit::RateLimit;
use super::slots::MOST;
use super::source::PerSource;
use crate::check::{ConfigError, DAY, MILLISECOND, config, within};
use crate::close_code::CloseCode;
use crate::heartbeat::{HeartbeatConfig, HeartbeatMode};

/// What happens to the login of a user who is connected already.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum SecondLogin {
    /// The new connection is the user's, and the old one is closed with [`Settings::superseded_code`].
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
    /// What one source of connections may take of them; `None` for no limit. Default
    /// [`PerSource::default`]. Only requests that name their [source](super::Request::source) are counted.
    pub per_source: Option<PerSource>,
    /// How long a connection may be anonymous: 1 ms to a day. Default 15 s (centrifuge).
    pub login_timeout: Duration,
    /// What happens to the login of a user who is connected already. Default `Replace`.
    pub second_login: SecondLogin,
    /// The code for a connection that a newer login replaced: any that may be sent. Default 4409, which
    /// [`DEFAULT_RULES`](crate::retry::DEFAULT_RULES) treat as final. With a code that is retried, two clients of one
    /// user would replace each other for ever.
    pub superseded_code: CloseCode,
    /// How often a user's connection may be replaced by a newer login; `None` for no limit. Beyond it the newer login is
    /// refused, so that two clients of one user do not replace each other for ever. Default 5 times at once and once in 10 s:
    /// a choice, more than the reloads of a page.
    pub supersede_limit: Option<RateLimit>,
    /// How long before it expires a login is announced to expire: up to a day. Default 60 s: a choice, for a client that has to
    /// fetch a new token first.
    pub expiry_notice: Duration,
    /// How long after a user's last connection the user is reported as offline; a login before that makes it no event:
    /// up to a day. Messages for such a user end as offline meanwhile. Default 0: reported at once.
    pub offline_grace: Duration,
    /// How each connection is watched; `slow_after` is not used. Default `WhenIdle` with 25 s and 10 s
    /// (centrifuge: 25 and 10). If the hub's timer was not called for `late_tolerance`, here at least 100 ms and 5 s by
    /// default, the server was suspended, and all waits start anew: keep it well below the timeout of the mode.
    pub heartbeat: HeartbeatConfig,
    /// How many bytes may wait to be written to one connection; a message that would exceed that is not routed to it: 1 to
    /// 4,294,967,295. Default 1 MiB (centrifuge).
    pub budget: u32,
    /// How many bytes of replies may wait beyond `budget`; with more the connection is closed (1013): 0 to
    /// 4,294,967,295. Default 64 KiB: a choice.
    pub reserve: u32,
    /// How many bytes may wait to be written to all connections. Beyond that no message is routed and nobody is admitted: 1
    /// to 18,446,744,073,709,551,615. Default 256 MiB: a choice, what 256 connections may have waiting.
    pub total_budget: u64,
    /// For how long a connection may be slow before it is closed (1013), and the hub beyond `total_budget` before the
    /// connections to which most waits to be written are closed: 1 ms to a day. Default 5 s: a choice.
    pub slow_timeout: Duration,
    /// Beyond how many waiting bytes a connection is slow, so that volatile messages are not routed to it: 0 to
    /// `budget`. Default 64 KiB (uWebSockets).
    pub volatile_above: u32,
    /// How many frames a connection may send, pings and pongs included, a broadcast counting once for each recipient: a
    /// frame that leaves a debt pauses its connection, one that leaves a debt of more than twice the burst closes it (1008). `None` for no limit.
    /// Default 50 a second, and 200 at once: a choice, several times what a person or a feed sends.
    pub messages: Option<RateLimit>,
    /// The same for the bytes of their payloads. Default 128 KiB a second, and 1 MiB at once, which is `budget`.
    pub bytes: Option<RateLimit>,
    /// How many rooms a connection may be in: 0 to 65,535. Default 64: a choice, more feeds than a page
    /// shows.
    pub max_rooms_per_connection: u32,
    /// How many rooms there may be: 0 to 1,048,576. Default 16,384: a choice, more than one for each connection.
    pub max_rooms: u32,
    /// How many bytes the name of a room may have: 1 to 255. Default 64: a choice, long enough for a UUID with a prefix.
    pub max_room_name: u32,
    /// The shortest time between two replies to unknown events, refused logins or refused joins on one connection: up to a
    /// day. Default 1 s: a choice.
    pub reply_gap: Duration,
    /// How long a close handshake may take; those of a shutdown have until its end: 1 ms to a day. Default 5 s, as a
    /// session's.
    pub close_timeout: Duration,
    /// The shortest time that a client denied with 429 or 503 is asked to stay away; the longest is twice this: up to a day.
    /// Default 5 s (the spread of a client's first return in RFC 6455 §7.2.3).
    pub retry_after: Duration,
    /// Whether other servers take the clients while this one goes down: then each is asked to come back within the spread of the shutdown,
    /// whatever is left of its pace (U12). Default `false`.
    pub others_serve: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let mode = HeartbeatMode::WhenIdle { interval: Duration::from_secs(25), timeout: Duration::from_secs(10) };
        Self {
            admission: Admission::default(),
            max_connections: 10_240,
            max_anonymous: 1_024,
            per_source: Some(PerSource::default()),
            login_timeout: Duration::from_secs(15),
            second_login: SecondLogin::Replace,
            superseded_code: CloseCode::SUPERSEDED,
            supersede_limit: Some(RateLimit { burst: 5, every: Duration::from_secs(10) }),
            expiry_notice: Duration::from_secs(60),
            offline_grace: Duration::ZERO,
            heartbeat: HeartbeatConfig { mode, slow_after: None, late_tolerance: Duration::from_secs(5) },
            budget: 1024 * 1024,
            reserve: 64 * 1024,
            total_budget: 256 * 1024 * 1024,
            slow_timeout: Duration::from_secs(5),
            volatile_above: 64 * 1024,
            messages: Some(RateLimit::per_second(50, 200)),
            bytes: Some(RateLimit::per_second(128 * 1024, 1024 * 1024)),
            max_rooms_per_connection: 64,
            max_rooms: 16_384,
            max_room_name: 64,
            reply_gap: Duration::from_secs(1),
            close_timeout: Duration::from_secs(5),
            retry_after: Duration::from_secs(5),
            others_serve: false,
        }
    }
}

config!();

impl Settings {
    /// The first value that is out of its range.
    fn check(&self) -> Result<(), ConfigError> {
        within("max_connections", self.max_connections, 1, MOST)?;
        within("max_anonymous", self.max_anonymous, 1, MOST)?;
        within("login_timeout", self.login_timeout, MILLISECOND, DAY)?;
        if let Some(per_source) = &self.per_source {
            per_source.check()?;
        }
        if let Some(supersede_limit) = self.supersede_limit {
            supersede_limit.check(["supersede_limit.burst", "supersede_limit.every"])?;
        }
        within("expiry_notice", self.expiry_notice, Duration::ZERO, DAY)?;
        within("offline_grace", self.offline_grace, Duration::ZERO, DAY)?;
        self.heartbeat.check()?;
        within("heartbeat.late_tolerance", self.heartbeat.late_tolerance, 100 * MILLISECOND, DAY)?;
        within("budget", self.budget, 1, u32::MAX)?;
        within("volatile_above", self.volatile_above, 0, self.budget)?;
        within("total_budget", self.total_budget, 1, u64::MAX)?;
        within("slow_timeout", self.slow_timeout, MILLISECOND, DAY)?;
        within("max_rooms_per_connection", self.max_rooms_per_connection, 0, u16::MAX.into())?;
        within("max_rooms", self.max_rooms, 0, MOST)?;
        within("max_room_name", self.max_room_name, 1, u8::MAX.into())?;
        if let Some(messages) = self.messages {
            messages.check(["messages.burst", "messages.every"])?;
        }
        if let Some(bytes) = self.bytes {
            bytes.check_bytes(["bytes.burst", "bytes.every"])?;
        }
        within("reply_gap", self.reply_gap, Duration::ZERO, DAY)?;
        within("close_timeout", self.close_timeout, MILLISECOND, DAY)?;
        within("retry_after", self.retry_after, Duration::ZERO, DAY)?;
        Ok(())
    }
}

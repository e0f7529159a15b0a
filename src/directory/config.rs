//! Directory settings, validated on construction.

use core::time::Duration;

use crate::check::{ConfigError, DAY, HOUR, MILLISECOND, config, within};
use crate::close_code::CloseCode;

/// Everything that can be set, as plain data. [`Config::new`] checks it. Written with `..Settings::default()`, a new
/// field breaks nothing. All nodes are to have the same `hello` and `lease`.
///
/// ```
/// use core::time::Duration;
/// use heartline::directory::{Config, Settings};
///
/// let config = Config::new(Settings { relay_timeout: Duration::from_secs(5), ..Settings::default() })?;
/// assert_eq!(config.lease, Duration::from_secs(4));
/// # Ok::<(), heartline::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Settings {
    /// How often a node says that it is there: 10 ms to an hour. Default 1 s: a choice, cheap for a hundred nodes.
    pub hello: Duration,
    /// After which silence a node is gone: three times `hello` to a day. Default 4 s: a choice, so that three hellos may be lost.
    pub lease: Duration,
    /// Whether a node that is cut off from the broker sends its clients away (1012) instead of serving them alone. Default `false`.
    pub send_away_when_cut_off: bool,
    /// How long a login or a log-out may wait for others, to be published in one packet: up to a second. Default 50 ms: a
    /// choice that nobody notices.
    pub batch_delay: Duration,
    /// How many bytes of logins and log-outs are published in one packet: 1 KiB to `max_payload`. Default 32 KiB: a choice, some 1,300
    /// log-ins.
    pub batch_bytes: u32,
    /// The longest time that a node waits before it asks for what it missed, so that not all ask at once: up to a minute. Default 200 ms: a
    /// choice, several round trips.
    pub ask_spread: Duration,
    /// How many bytes a second a node sends to those that missed something: 1 KiB to 4,294,967,295. Default 4 MiB: a choice,
    /// 170,000 users a second.
    pub answer_rate: u32,
    /// How long a message may wait for its outcome on another node; then that is unknown: 1 ms to an hour. Default 2 s: a choice, less than a
    /// `lease`.
    pub relay_timeout: Duration,
    /// How many messages may wait for that: 1 to 1,048,576. Default 65,536: a choice. As many counts of
    /// messages are kept, of those sent and of those that came.
    pub max_relays: u32,
    /// How many bytes they may have together: 1 to 4,294,967,295. Default 16 MiB: a choice.
    pub relay_bytes: u32,
    /// How many bytes the broker takes in one message: 65 KiB to 64 MiB. Default 1 MiB (NATS).
    pub max_payload: u32,
    /// How long after its last connection a user is reported as offline, unless it logged out: up to a day. Default 3 s: a choice, a reload of a
    /// page.
    pub offline_grace: Duration,
    /// The same, where the server sent the client away with 1012 or the node said goodbye: up to a day. Default 30 s, within which such clients
    /// return (IANA close code registry).
    pub sent_away_grace: Duration,
    /// The code for a connection whose user logged in on another node that knew of it: any that may be sent. Default 4409, which
    /// [`DEFAULT_RULES`](crate::retry::DEFAULT_RULES) treat as final.
    pub superseded_code: CloseCode,
    /// The code for a connection whose user logged in elsewhere while neither node knew of the other login: any that may be
    /// sent. Default 4509, which [`DEFAULT_RULES`](crate::retry::DEFAULT_RULES) retry.
    pub concurrent_code: CloseCode,
    /// How many other nodes there may be: 1 to 1,024. Default 128: a choice.
    pub max_nodes: u32,
    /// How many users each of them may have, and how many may be in a grace at once: 1 to 16,777,216. Default 1,048,576, the most a hub has.
    pub max_claims: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hello: Duration::from_secs(1),
            lease: Duration::from_secs(4),
            send_away_when_cut_off: false,
            batch_delay: Duration::from_millis(50),
            batch_bytes: 32 * 1024,
            ask_spread: Duration::from_millis(200),
            answer_rate: 4 * 1024 * 1024,
            relay_timeout: Duration::from_secs(2),
            max_relays: 65_536,
            relay_bytes: 16 * 1024 * 1024,
            max_payload: 1024 * 1024,
            offline_grace: Duration::from_secs(3),
            sent_away_grace: Duration::from_secs(30),
            superseded_code: CloseCode::SUPERSEDED,
            concurrent_code: CloseCode::CONCURRENT,
            max_nodes: 128,
            max_claims: 1024 * 1024,
        }
    }
}

config!();

impl Settings {
    /// The first value that is out of its range.
    fn check(&self) -> Result<(), ConfigError> {
        within("hello", self.hello, 10 * MILLISECOND, HOUR)?;
        within("lease", self.lease, 3 * self.hello, DAY)?;
        within("batch_delay", self.batch_delay, Duration::ZERO, Duration::from_secs(1))?;
        within("max_payload", self.max_payload, PART + 1024, 64 * 1024 * 1024)?;
        within("batch_bytes", self.batch_bytes, 1024, self.max_payload)?;
        within("ask_spread", self.ask_spread, Duration::ZERO, Duration::from_secs(60))?;
        within("answer_rate", self.answer_rate, 1024, u32::MAX)?;
        within("relay_timeout", self.relay_timeout, MILLISECOND, HOUR)?;
        within("max_relays", self.max_relays, 1, 1 << 20)?;
        within("relay_bytes", self.relay_bytes, 1, u32::MAX)?;
        within("offline_grace", self.offline_grace, Duration::ZERO, DAY)?;
        within("sent_away_grace", self.sent_away_grace, Duration::ZERO, DAY)?;
        within("max_nodes", self.max_nodes, 1, 1024)?;
        within("max_claims", self.max_claims, 1, 1 << 24)?;
        Ok(())
    }
}

/// How many bytes of claims an answer has at most.
pub(super) const PART: u32 = 64 * 1024;

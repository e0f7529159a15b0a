//! The settings of a client, with their ranges, defaults and sources.

use std::ops::RangeInclusive;
use std::time::Duration;

use heartline::heartbeat::HeartbeatMode;
use heartline::retry::{Pattern, Verdict};
use heartline::{CloseCode, ConfigError, MessageId, Settings};

use crate::limits::Limits;

const DAY: Duration = Duration::from_secs(24 * 3600);
const MILLISECOND: Duration = Duration::from_millis(1);

/// The settings of a client, as plain data. Written with `..Options::default()`, a new field breaks nothing.
///
/// # All options
///
/// Those of `session` are [`Settings`], those of `limits` are [`Limits`]. The ranges are with each field.
///
/// | option | default | source |
/// |---|---|---|
/// | `session.heartbeat.mode` | ping after 20 s of silence, dead 10 s later | proxies close idle connections after 30 or 60 s |
/// | `session.heartbeat.slow_after` | 3 s | – |
/// | `session.heartbeat.late_tolerance` | 5 s | – |
/// | `session.connect_timeout` | 10 s, request hook included | peers: 4 to 30 s |
/// | `session.greeting_timeout` | 10 s with a greeting, else none | as `connect_timeout` |
/// | `session.close_timeout` | 5 s | RFC 6455 §7.1.1 |
/// | `session.backoff` | 0–5 s, then doubling to 30 s with full jitter | RFC 6455 §7.2.3 |
/// | `session.min_dial_gap` | 250 ms | – |
/// | `session.stable_after` | 5 s | reconnecting-websocket |
/// | `session.max_retries` | none: it is retried for ever | – |
/// | `session.retry` | the [table](heartline::retry::RetryPolicy) | RFC 6455 §7.4, IANA, RFC 9110 |
/// | `session.max_retry_after` | 5 min | – |
/// | `session.outbox.max_messages`, `max_bytes` | 1,024, 1 MiB | centrifuge's queue per client |
/// | `session.outbox.overflow` | refuse, so that `send` waits | – |
/// | `session.outbox.max_connection_messages`, `max_connection_bytes` | 64, 64 KiB | – |
/// | `session.outbox.ack_window`, `ack_timeout`, `max_losses` | 64, 30 s, 5 | – |
/// | `limits.max_inbound_message`, `max_inbound_frame` | 64 MiB, 16 MiB | tungstenite |
/// | `limits.max_outbound_message` | 16 MiB | tungstenite's inbound frame |
/// | `limits.read_buffer`, `write_buffer` | 32 KiB, 16 KiB | measured |
/// | `incoming_messages`, `incoming_bytes` | 256, 4 MiB | – |
/// | `when_full`, `max_stall` | wait, 30 s, then close with 1008 and dial again | RFC 6455 §7.4.1 |
/// | `greeting_messages`, `greeting_bytes` | 64, 1 MiB | – |
/// | `drain_timeout` | 5 s; heartline-blocking does not use it | as `close_timeout` |
/// | `max_connection_age` | none | – |
/// | `max_redirects` | 0: a redirect stops | RFC 6455 §4.1 |
/// | `start_paused`, `stay_when_stopped` | no, no | – |
/// | `keepalive` | 30 s | socket(7) |
/// | `user_timeout` | 60 s (Linux, Android) | RFC 5482 |
/// | `unsent_low_water` | 128 KiB (Linux, Android) | tcp(7) |
/// | `seed`, `first_id` | drawn, 1 | – |
#[derive(Clone, PartialEq, Debug)]
pub struct Options {
    /// The session: heartbeat, timeouts, backoff, retry policy, outbox. With a greeting hook and without a
    /// `greeting_timeout`, that is 10 s.
    pub session: Settings,
    /// How large messages, frames and buffers may be.
    pub limits: Limits,
    /// How many messages may have been received and not been taken by the application: 1 to 1,048,576. Default 256.
    pub incoming_messages: usize,
    /// How many bytes they may have together: 1 byte to 4 GiB. Where nothing waits there is room for one message of
    /// any size. Default 4 MiB.
    pub incoming_bytes: u64,
    /// What happens when there is no room for more. Default: wait.
    pub when_full: WhenFull,
    /// How long reading may wait for room before the connection is ended: 1 ms to a day, or `None` for as long as it takes.
    /// Default 30 s. The peer receives close code 1008. The loss is `Loss::Application(4408)`, with
    /// [`EndError::Stalled`](crate::ended::EndError::Stalled), and by default the client dials again.
    pub max_stall: Option<Duration>,
    /// How many messages may arrive during a greeting beside those that it takes: 1 to 65,536. Default 64. So many may
    /// also be left by greetings, of several connections together, to an application that takes nothing; more are counted in
    /// [`Stats::discarded`](super::Stats).
    pub greeting_messages: usize,
    /// How many bytes they may have together: 1 byte to 1 GiB. Default 1 MiB.
    pub greeting_bytes: u64,
    /// How long the rest may take to be sent when the last handle is dropped, or the shutdown signal comes: up to a day.
    /// Default 5 s. heartline-blocking has neither: its client ends at once when it is dropped.
    pub drain_timeout: Duration,
    /// A connection that has been open for so long, less up to a tenth, is replaced: 1 s to 365 days, or `None`. For
    /// servers and load balancers that want to be rotated. Default `None`.
    pub max_connection_age: Option<Duration>,
    /// How many redirects (301, 302, 303, 307, 308 with a location) a dial follows, within its `connect_timeout`: 0 to 5.
    /// Never from `wss` to `ws`; to another origin without `Authorization`, `Cookie` and `Proxy-Authorization`, but with
    /// all other headers. The next dial begins at the client's own URL again. Default 0: a redirect stops the client, and
    /// [`Status::last_ended`](super::Status) has the location.
    pub max_redirects: u32,
    /// The client begins paused: it dials at the first `resume` or `reconnect`. Default: it dials at once.
    pub start_paused: bool,
    /// When the retry policy stops, the client stays as it is, with all that is queued, until `reconnect` or `close`.
    /// Default: it ends, and everything is returned.
    pub stay_when_stopped: bool,
    /// `SO_KEEPALIVE`: after this time without traffic the operating system probes the peer, and again after each such time:
    /// 1 s to a day, or `None`. It watches where the heartbeat does not, as while nothing is read. Default 30 s.
    pub keepalive: Option<Duration>,
    /// `TCP_USER_TIMEOUT` (RFC 5482; Linux and Android): how long what was sent may stay unacknowledged before the
    /// operating system ends the connection: 1 s to a day, or `None`. Default 60 s.
    pub user_timeout: Option<Duration>,
    /// `TCP_NOTSENT_LOWAT` (Linux and Android): how many bytes the operating system holds that it has not sent yet: 4 KiB to
    /// 1 GiB, or `None` for what it likes, often 4 MiB. The less, the sooner a ping overtakes them, and the less a dead
    /// link swallows. Default 128 KiB.
    pub unsent_low_water: Option<u32>,
    /// The seed of all jitter. Default `None`: drawn from the operating system, as it should be.
    pub seed: Option<u64>,
    /// The id of the first message; see [`heartline::Session::with_first_id`]. Default 1.
    pub first_id: MessageId,
}

/// What happens when the application does not take what is received, and there is no room for more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum WhenFull {
    /// Nothing is read until there is room, so that the server notices. Meanwhile no ping is sent, and neither silence nor a
    /// missing acknowledgement ends the connection; [`Status::stalled`](super::Status) says so. `max_stall` bounds it.
    #[default]
    Wait,
    /// The connection is closed with this code, about which the retry policy decides as for
    /// [`Loss::Application`](heartline::Loss::Application).
    Close(CloseCode),
    /// The oldest messages that were not read make room, and are counted in
    /// [`Stats::discarded`](super::Stats).
    DropOldest,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            session: Settings::default(),
            limits: Limits::default(),
            incoming_messages: 256,
            incoming_bytes: 4 << 20,
            when_full: WhenFull::Wait,
            max_stall: Some(Duration::from_secs(30)),
            greeting_messages: 64,
            greeting_bytes: 1 << 20,
            drain_timeout: Duration::from_secs(5),
            max_connection_age: None,
            max_redirects: 0,
            start_paused: false,
            stay_when_stopped: false,
            keepalive: Some(Duration::from_secs(30)),
            user_timeout: Some(Duration::from_secs(60)),
            unsent_low_water: Some(128 * 1024),
            seed: None,
            first_id: MessageId::from_raw(1),
        }
    }
}

impl Options {
    /// Sets how connections are watched. A `slow_after` that is not shorter than the mode's timeout becomes `None`.
    pub fn set_heartbeat(&mut self, mode: HeartbeatMode) {
        let heartbeat = &mut self.session.heartbeat;
        heartbeat.mode = mode;
        let timeout = match mode {
            HeartbeatMode::WhenIdle { timeout, .. } | HeartbeatMode::Listen { timeout } => Some(timeout),
            HeartbeatMode::Periodic { timeout, .. } => timeout,
            _ => None,
        };
        heartbeat.slow_after = heartbeat.slow_after.filter(|slow| timeout.is_none_or(|timeout| *slow < timeout));
    }

    /// Adds a rule to the retry policy, before the [default table](heartline::retry::RetryPolicy) and behind those added
    /// before.
    pub fn add_rule(&mut self, pattern: Pattern, verdict: Verdict) {
        let retry = std::mem::take(&mut self.session.retry);
        self.session.retry = retry.with(pattern, verdict);
    }

    /// Whether every value lies in its range. Those of `session` and `limits` are checked where they are used.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        ConfigError::within("incoming_messages", self.incoming_messages, 1..=1 << 20)?;
        ConfigError::within("incoming_bytes", self.incoming_bytes, 1..=1 << 32)?;
        ConfigError::within("greeting_messages", self.greeting_messages, 1..=1 << 16)?;
        ConfigError::within("greeting_bytes", self.greeting_bytes, 1..=1 << 30)?;
        ConfigError::within("max_redirects", self.max_redirects, 0..=5)?;
        lasts("max_stall", self.max_stall, MILLISECOND..=DAY)?;
        lasts("drain_timeout", Some(self.drain_timeout), Duration::ZERO..=DAY)?;
        lasts("max_connection_age", self.max_connection_age, Duration::from_secs(1)..=365 * DAY)?;
        lasts("keepalive", self.keepalive, Duration::from_secs(1)..=DAY)?;
        lasts("user_timeout", self.user_timeout, Duration::from_secs(1)..=DAY)?;
        self.unsent_low_water.map_or(Ok(()), |bytes| ConfigError::within("unsent_low_water", bytes, 4096..=1 << 30))
    }
}

fn lasts(field: &'static str, value: Option<Duration>, range: RangeInclusive<Duration>) -> Result<(), ConfigError> {
    value.map_or(Ok(()), |value| ConfigError::within(field, value, range))
}

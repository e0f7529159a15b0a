//! Everything that can be set, with its range, default and source.

use std::ops::RangeInclusive;
use std::time::Duration;

use heartline::{CloseCode, ConfigError, MessageId, Settings};
use heartline_tungstenite::Limits;

const DAY: Duration = Duration::from_secs(24 * 3600);
const MILLISECOND: Duration = Duration::from_millis(1);

/// Everything that can be set, as plain data. Written with `..Options::default()`, a new field breaks nothing. The
/// crate's front page has all of them in one table.
#[derive(Clone, PartialEq, Debug)]
pub struct Options {
    /// The session: heartbeat, timeouts, backoff, retry policy, outbox. With a greeting hook and without a
    /// `greeting_timeout`, that is 10 s.
    pub session: Settings,
    /// How large messages, frames and buffers may be.
    pub limits: Limits,
    /// How many messages that were received and not taken the client holds: 1 to 1,048,576. Default 256.
    pub incoming_messages: usize,
    /// How many bytes they may have together: 1 byte to 4 GiB. With none there, one message of any size is
    /// taken. Default 4 MiB.
    pub incoming_bytes: u64,
    /// What happens when it is full. Default: wait.
    pub when_full: WhenFull,
    /// How long reading may wait for room before the connection is closed with 1008: 1 ms to a day, or `None` for as
    /// long as it takes. Default 30 s. The loss is `Loss::Application(4408)`, and by default the client dials again.
    pub max_stall: Option<Duration>,
    /// How many messages a greeting may pass on to the application: 1 to 65,536. Default 64.
    pub greeting_messages: usize,
    /// How many bytes they may have together: 1 byte to 1 GiB. Default 1 MiB.
    pub greeting_bytes: u64,
    /// A connection that has been open for so long, less up to a tenth, is replaced: 1 s to 365 days, or `None`. For
    /// servers and load balancers that want to be rotated. Default `None`.
    pub max_connection_age: Option<Duration>,
    /// When the retry policy stops, the client stays as it is, with all that is queued, until
    /// [`reconnect`](crate::Client::reconnect) or `close`. Default: it ends, and everything is returned.
    pub stay_when_stopped: bool,
    /// `SO_KEEPALIVE`: after so much silence the operating system probes the peer, and again after each such time: 1 s
    /// to a day, or `None`. It watches where the heartbeat does not, as while nothing is read. Default 30 s.
    pub keepalive: Option<Duration>,
    /// `TCP_USER_TIMEOUT` (RFC 5482; Linux and Android): how long what was sent may stay unacknowledged before the
    /// operating system ends the connection: 1 s to a day, or `None`. Default 60 s.
    pub user_timeout: Option<Duration>,
    /// `TCP_NOTSENT_LOWAT` (Linux and Android): how many bytes the operating system holds that it has not sent yet: 4 KiB to
    /// 1 GiB, or `None` for what it likes, often 4 MiB. The less, the sooner a ping overtakes them, and the less a dead
    /// link swallows. Default 128 KiB.
    pub unsent_low_water: Option<u32>,
    /// What all jitter comes from. Default `None`: drawn from the operating system, as it should be.
    pub seed: Option<u64>,
    /// The id of the first message; see [`heartline::Session::with_first_id`]. Default 1.
    pub first_id: MessageId,
}

/// What happens when the application does not take what is received, and there is no room for more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum WhenFull {
    /// Nothing is read until there is room, so that the server notices. Meanwhile no ping is sent, and neither heartbeat nor
    /// acknowledgements are judged; [`Status::stalled`](crate::Status) says so. Longer than `max_stall` it ends as
    /// [`Close`](Self::Close) with 1008.
    #[default]
    Wait,
    /// The connection is closed with this code, about which the retry policy decides as for
    /// [`Loss::Application`](heartline::Loss::Application).
    Close(CloseCode),
    /// The oldest messages that were not read make room, and are counted in
    /// [`Stats::discarded`](crate::Stats).
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
            max_connection_age: None,
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
    /// Whether every value lies in its range. Those of `session` and `limits` are checked where they are used.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        within("incoming_messages", self.incoming_messages, 1..=1 << 20)?;
        within("incoming_bytes", self.incoming_bytes, 1..=1 << 32)?;
        within("greeting_messages", self.greeting_messages, 1..=1 << 16)?;
        within("greeting_bytes", self.greeting_bytes, 1..=1 << 30)?;
        lasts("max_stall", self.max_stall, MILLISECOND..=DAY)?;
        lasts("max_connection_age", self.max_connection_age, Duration::from_secs(1)..=365 * DAY)?;
        lasts("keepalive", self.keepalive, Duration::from_secs(1)..=DAY)?;
        lasts("user_timeout", self.user_timeout, Duration::from_secs(1)..=DAY)?;
        self.unsent_low_water.map_or(Ok(()), |bytes| within("unsent_low_water", bytes, 4096..=1 << 30))
    }
}

fn within<T: PartialOrd + ToString>(
    field: &'static str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), ConfigError> {
    if range.contains(&value) {
        return Ok(());
    }
    let allowed = format!("{} to {}", range.start().to_string(), range.end().to_string());
    Err(ConfigError { field, value: value.to_string(), allowed })
}

fn lasts(field: &'static str, value: Option<Duration>, range: RangeInclusive<Duration>) -> Result<(), ConfigError> {
    let Some(value) = value.filter(|value| !range.contains(value)) else { return Ok(()) };
    let allowed = format!("{:?} to {:?}", range.start(), range.end());
    Err(ConfigError { field, value: format!("{value:?}"), allowed })
}

//! The states of a session, with what only each of them knows.

use alloc::boxed::Box;

use super::config::Config;
use super::event::{Cause, State};
use crate::backoff::Retry;
use crate::close_code::CloseCode;
use crate::heartbeat::{Heartbeat, HeartbeatConfig};
use crate::time::{Deadline, Timestamp};

/// The state of the session, with what only that state knows. This is the reconnect lock: there is no other.
// With a tag of its own: read out of a niche, it would cost every message a dozen instructions.
#[derive(Clone, Debug)]
#[repr(u8)]
pub(crate) enum Phase {
    Idle,
    Waiting {
        at: Deadline,
        dial: Dial,
        /// The server asked for this wait.
        asked: bool,
    },
    Connecting {
        until: Deadline,
        dial: Dial,
    },
    Greeting {
        until: Deadline,
        dictated: Dictated,
    },
    Open {
        since: Timestamp,
        heartbeat: Heartbeat,
        dictated: Dictated,
    },
    Closing {
        until: Deadline,
        code: CloseCode,
    },
    Closed,
}

/// The heartbeat that the server asked for on this connection.
pub(crate) type Dictated = Option<Box<HeartbeatConfig>>;

/// Who asked for a dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Dial {
    Application,
    Network,
    Policy(Retry),
}

impl Dial {
    /// 0 for a dial that is not a retry.
    pub(crate) fn attempt(self) -> u32 {
        match self {
            Self::Application | Self::Network => 0,
            Self::Policy(retry) => retry.attempt(),
        }
    }

    pub(crate) fn cause(self) -> Cause {
        match self {
            Self::Application => Cause::Requested,
            Self::Network => Cause::NetworkChanged,
            Self::Policy(_) => Cause::RetryDue,
        }
    }
}

/// A `Close` that waits for the outbox.
#[derive(Clone, Debug)]
pub(crate) struct Drain {
    pub(crate) until: Deadline,
    pub(crate) code: CloseCode,
}

impl Phase {
    pub(crate) fn state(&self) -> State {
        match self {
            Self::Idle => State::Idle,
            Self::Waiting { .. } => State::Waiting,
            Self::Connecting { .. } => State::Connecting,
            Self::Greeting { .. } => State::Greeting,
            Self::Open { .. } => State::Open,
            Self::Closing { .. } => State::Closing,
            Self::Closed => State::Closed,
        }
    }

    #[inline]
    pub(crate) fn deadline(&self) -> Deadline {
        match self {
            Self::Open { heartbeat, .. } => heartbeat.deadline().map_or(Deadline::NEVER, Deadline::at),
            Self::Waiting { at: until, .. }
            | Self::Connecting { until, .. }
            | Self::Greeting { until, .. }
            | Self::Closing { until, .. } => *until,
            Self::Idle | Self::Closed => Deadline::NEVER,
        }
    }
}

#[inline]
pub(crate) fn watched_by<'c>(dictated: &'c Dictated, config: &'c Config) -> &'c HeartbeatConfig {
    dictated.as_deref().unwrap_or(&config.heartbeat)
}

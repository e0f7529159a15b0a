//! States, causes and events.

use core::fmt;

use super::loss::Loss;

/// Where in its life a session is. Exhaustive on purpose: an eighth state would be a breaking change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum State {
    /// Not connected and not trying: new, or stopped by the retry policy. `Connect` starts it.
    Idle,
    /// The next dial is scheduled.
    Waiting,
    /// A dial is under way.
    Connecting,
    /// Open; only messages of delivery `ThisConnection` pass until `Ready`.
    Greeting,
    /// Open and ready.
    Open,
    /// The close frame was sent; the peer's is awaited.
    Closing,
    /// Ended by the application. Nothing happens until `Connect` starts it anew.
    Closed,
}

impl State {
    /// All states, in the order in which a session usually passes them.
    pub const ALL: [Self; 7] =
        [Self::Idle, Self::Waiting, Self::Connecting, Self::Greeting, Self::Open, Self::Closing, Self::Closed];
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// The ready state of the W3C WebSocket API, as seen by somebody who wants to send. Exhaustive, as it is there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum ReadyState {
    /// 0: there is no connection yet, or none again. What is sent waits.
    Connecting = 0,
    /// 1: ready.
    Open = 1,
    /// 2: `Close` was requested; the rest may still be sent.
    Closing = 2,
    /// 3: not connected and not going to be, without a `Connect`.
    Closed = 3,
}

impl fmt::Display for ReadyState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// Why the state changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Cause {
    /// The application's `Connect`, `Reconnect` or `Close`.
    Requested,
    /// The dial succeeded.
    Opened,
    /// The greeting is over.
    Ready,
    /// The time of the scheduled dial came.
    RetryDue,
    /// The network changed.
    NetworkChanged,
    /// The connection ended, or could not be made.
    Lost(Loss),
    /// As `Lost`, and the retry policy says not to dial again.
    Stopped(Loss),
    /// As `Lost`, and there were `max_retries` retries already.
    Exhausted(Loss),
    /// While draining, every message got its outcome.
    Drained,
    /// While draining, time ran out before every message had its outcome.
    DrainTimeout,
    /// The peer did not answer the close frame in time.
    CloseTimeout,
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => formatter.write_str("requested"),
            Self::Opened => formatter.write_str("opened"),
            Self::Ready => formatter.write_str("ready"),
            Self::RetryDue => formatter.write_str("retry due"),
            Self::NetworkChanged => formatter.write_str("the network changed"),
            Self::Lost(loss) => loss.fmt(formatter),
            Self::Stopped(loss) => write!(formatter, "{loss}, which is not retried"),
            Self::Exhausted(loss) => write!(formatter, "{loss}, and the retries are used up"),
            Self::Drained => formatter.write_str("everything sent"),
            Self::DrainTimeout => formatter.write_str("out of time to send the rest"),
            Self::CloseTimeout => formatter.write_str("the close was not answered"),
        }
    }
}

/// Something to show a person or to write to a log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Event {
    /// The state changed.
    StateChanged {
        /// The state before.
        from: State,
        /// The state since.
        to: State,
        /// What led to it.
        cause: Cause,
    },
    /// A ping has been unanswered for `slow_after`: the link is slow, and what is sent may be late.
    Degraded,
    /// A proof of life after `Degraded`.
    Recovered,
    /// While an answer was waited for, a timer came so late that the process must have been suspended: the wait starts
    /// anew. A suspension without such a wait is not reported.
    Slept {
        /// How much later than the deadline, in milliseconds.
        late_ms: u32,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StateChanged { from, to, cause } => write!(formatter, "{from} -> {to}: {cause}"),
            Self::Degraded => formatter.write_str("the link is slow"),
            Self::Recovered => formatter.write_str("the link has recovered"),
            Self::Slept { late_ms } => write!(formatter, "timer {late_ms} ms late, probably suspended"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_ready_state_has_its_name_from_the_web() {
        let names = [ReadyState::Connecting, ReadyState::Open, ReadyState::Closing, ReadyState::Closed];
        assert_eq!(names.map(|state| state.to_string()), ["Connecting", "Open", "Closing", "Closed"]);
    }
}

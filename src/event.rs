//! What a session tells about itself.

use core::fmt;

use crate::loss::Loss;

/// Where in its life a session is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum State {
    /// Not connected and not trying: new, or stopped by the retry policy. `Connect` begins.
    Idle,
    /// The next dial is scheduled.
    Waiting,
    /// A dial is under way.
    Connecting,
    /// Open; only messages of delivery `Connection` pass until `Ready`.
    Greeting,
    /// Open and ready.
    Open,
    /// The close frame was sent; the peer's is awaited.
    Closing,
    /// Ended by the caller. Nothing happens until `Connect` begins anew.
    Closed,
}

impl State {
    /// All states, in the order of a life.
    pub const ALL: [Self; 7] =
        [Self::Idle, Self::Waiting, Self::Connecting, Self::Greeting, Self::Open, Self::Closing, Self::Closed];
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// The ready state of the W3C WebSocket API, as seen by somebody who wants to send.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum ReadyState {
    /// 0: there is no connection yet, or none again. What is sent waits.
    Connecting = 0,
    /// 1: ready.
    Open = 1,
    /// 2: `Close` was said.
    Closing = 2,
    /// 3: not connected and not going to be, without a `Connect`.
    Closed = 3,
}

/// Why the state changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Cause {
    /// The caller's `Connect` or `Close`.
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
    /// As `Lost`, and there were `max_attempts` retries already.
    Exhausted(Loss),
    /// While closing, every message got its outcome.
    Drained,
    /// While closing, time ran out before every message had its outcome.
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
            Self::Exhausted(loss) => write!(formatter, "{loss}, and the attempts are used up"),
            Self::Drained => formatter.write_str("everything sent"),
            Self::DrainTimeout => formatter.write_str("out of time to send the rest"),
            Self::CloseTimeout => formatter.write_str("the close was not answered"),
        }
    }
}

/// Something worth telling a person or a log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Event {
    /// The state changed.
    StateChanged {
        /// Before.
        from: State,
        /// After.
        to: State,
        /// Why.
        cause: Cause,
    },
    /// A ping has been unanswered for `slow_after`: the network is bad, and what is sent may be late.
    Degraded,
    /// A sign of life after `Degraded`.
    Recovered,
    /// A timer came so late that the process must have been suspended; the link is probed.
    Slept {
        /// How much later than the heartbeat's verdict was due, in milliseconds.
        late_ms: u32,
    },
}

/// How many events a session keeps for a caller that does not pull them.
pub(crate) const KEPT: usize = 4;

/// The events that were not pulled yet, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Events {
    kept: [Option<Event>; KEPT],
}

impl Events {
    /// False if there is no room.
    pub(crate) fn push(&mut self, event: Event) -> bool {
        let free = self.kept.iter_mut().find(|place| place.is_none());
        free.map(|place| *place = Some(event)).is_some()
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        let oldest = self.kept[0].take();
        self.kept.rotate_left(1);
        oldest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept[0].is_none()
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.iter().flatten().count()
    }
}

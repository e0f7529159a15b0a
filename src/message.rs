//! What is sent, and what becomes of it.

use core::fmt;
use core::time::Duration;

/// The name of an accepted message. Strictly increasing in the order of acceptance, never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MessageId(u64);

impl MessageId {
    /// The id with this number; whether a session minted it is the session's to judge. The first is 1.
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// The number, for logs and for protocols that carry it.
    pub const fn as_raw(self) -> u64 {
        self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "#{}", self.0)
    }
}

/// What is promised for a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Delivery {
    /// For this connection only: a login, a subscription. Passes during the greeting and before everything else,
    /// is refused where there is no connection and returned when the connection ends first.
    Connection,
    /// Survives reconnects until it is transmitted, then is done: the connection may still lose it.
    Once,
    /// Kept until `Acked`, and transmitted again on every new connection.
    AtLeastOnce,
}

/// A message to send, with its policy.
///
/// `size` is what the message counts for in the bounds, in bytes: only the caller can know it.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(from = "StoredOutgoing<M>", bound(deserialize = "M: serde::Deserialize<'de> + Clone"))
)]
pub struct Outgoing<M> {
    message: M,
    size: u32,
    delivery: Delivery,
    time_to_live: Option<Duration>,
    /// How to copy the message for each transmission: present for `AtLeastOnce` alone, so that no
    /// other message needs to be `Clone`.
    #[cfg_attr(feature = "serde", serde(skip))]
    keep: Option<fn(&M) -> M>,
}

impl<M> Outgoing<M> {
    /// A message for the current connection only. A `size` over 4 GiB counts as 4 GiB.
    pub fn connection(message: M, size: usize) -> Self {
        Self::new(message, size, Delivery::Connection, None)
    }

    /// A message that is done when it is transmitted.
    pub fn once(message: M, size: usize) -> Self {
        Self::new(message, size, Delivery::Once, None)
    }

    /// A message that is done when it is acknowledged.
    pub fn at_least_once(message: M, size: usize) -> Self
    where
        M: Clone,
    {
        Self::new(message, size, Delivery::AtLeastOnce, Some(M::clone))
    }

    fn new(message: M, size: usize, delivery: Delivery, keep: Option<fn(&M) -> M>) -> Self {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        Self { message, size, delivery, time_to_live: None, keep }
    }

    /// Gives the message a time to live from its acceptance: it is never transmitted after, and is resolved
    /// by the next timer even if it was transmitted and waits for its acknowledgement.
    #[must_use]
    pub fn time_to_live(mut self, time: Duration) -> Self {
        self.time_to_live = Some(time);
        self
    }

    /// The message itself.
    pub fn message(&self) -> &M {
        &self.message
    }

    /// The message itself, out of its envelope.
    pub fn into_message(self) -> M {
        self.message
    }

    /// What it counts for in the bounds, in bytes.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// What is promised for it.
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// Its time to live, if it has one.
    pub fn lifetime(&self) -> Option<Duration> {
        self.time_to_live
    }

    pub(crate) fn keep(&self) -> Option<fn(&M) -> M> {
        self.keep
    }
}

impl<M: PartialEq> PartialEq for Outgoing<M> {
    fn eq(&self, other: &Self) -> bool {
        let policy = |outgoing: &Self| (outgoing.size, outgoing.delivery, outgoing.time_to_live);
        self.message == other.message && policy(self) == policy(other)
    }
}

impl<M: Eq> Eq for Outgoing<M> {}

#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
struct StoredOutgoing<M> {
    message: M,
    size: u32,
    delivery: Delivery,
    time_to_live: Option<Duration>,
}

#[cfg(feature = "serde")]
impl<M: Clone> From<StoredOutgoing<M>> for Outgoing<M> {
    fn from(stored: StoredOutgoing<M>) -> Self {
        let keep: Option<fn(&M) -> M> = match stored.delivery {
            Delivery::AtLeastOnce => Some(M::clone),
            Delivery::Connection | Delivery::Once => None,
        };
        let StoredOutgoing { message, size, delivery, time_to_live } = stored;
        Self { message, size, delivery, time_to_live, keep }
    }
}

/// A message to write to the current connection now.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Transmit<M> {
    /// Its name, for protocols whose acknowledgements carry it.
    pub id: MessageId,
    /// What to write.
    pub message: M,
    /// It was transmitted before, and the peer may have it.
    pub redelivery: bool,
}

/// Why a pulled message was not taken by the socket.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Unsent {
    /// Not now: it goes back to the front.
    Full,
    /// Never: over the codec's limit, not encodable. It is resolved.
    Rejected,
}

/// How an accepted message ended. Each has exactly one outcome.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Outcome<M> {
    /// Handed to the socket, which is all that `Connection` and `Once` promise.
    Committed,
    /// The peer has it.
    Acked,
    /// Never transmitted; here it is.
    Returned(Why, M),
    /// Transmitted at least once and not acknowledged: the peer may have it or not.
    Unconfirmed(Why, M),
}

/// Why a message ended otherwise than it was meant to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Why {
    /// Its time to live was over.
    Expired,
    /// It made room for a newer one.
    Evicted,
    /// The caller cancelled it.
    Cancelled,
    /// The socket can never take it.
    Rejected,
    /// The session ended first.
    Abandoned,
    /// The connection it was for ended first.
    ConnectionOver,
    /// It was transmitted as often as is allowed.
    MaxDeliveries,
}

/// A message that was not accepted, with the reason.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(bound(deserialize = "M: serde::Deserialize<'de> + Clone")))]
#[error("message refused: {reason}")]
pub struct Refused<M> {
    /// Why.
    pub reason: Refusal,
    /// The message, as it was.
    pub outgoing: Outgoing<M>,
}

/// Why a message was not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Refusal {
    /// The outbox is full.
    #[error("the outbox is full")]
    Full,
    /// The message alone is larger than the outbox may ever be.
    #[error("the message is larger than the outbox")]
    TooLarge,
    /// A `Connection` message, and there is no open connection.
    #[error("there is no connection")]
    NotConnected,
    /// The session is closing or closed.
    #[error("the session is closing or closed")]
    Closed,
}

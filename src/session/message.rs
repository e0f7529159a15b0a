//! What is sent, and what becomes of it.

use core::fmt;
use core::time::Duration;

/// The name of an accepted message. Strictly increasing in the order of acceptance, never reused within a session.
///
/// For ids on the wire that must stay unique across restarts, see
/// [`Session::with_first_id`](super::Session::with_first_id).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MessageId(u64);

impl MessageId {
    /// The id with this number; only the session knows whether it exists.
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

/// What is promised for a message. Exhaustive on purpose: a fourth promise would be a breaking change.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Delivery {
    /// For the current connection only: a login, a subscription, an answer to the server's text ping. Passes during
    /// the greeting and before everything else, is refused where there is no open connection, and returned when
    /// the connection ends first. It has bounds of its own, so that a full outbox cannot keep a login out.
    ThisConnection,
    /// Survives reconnects until it is transmitted, then is done: the connection may still lose it (as QoS 0 of
    /// MQTT).
    AtMostOnce,
    /// Transmitted, and transmitted again on every new connection, until it is acknowledged (as QoS 1 of MQTT), expires,
    /// is cancelled or rejected, reaches [`max_losses`](crate::outbox::OutboxConfig::max_losses) or is abandoned.
    AtLeastOnce,
}

impl fmt::Display for Delivery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ThisConnection => "this connection only",
            Self::AtMostOnce => "at most once",
            Self::AtLeastOnce => "at least once",
        })
    }
}

/// A message to send, with its policy.
///
/// `size` is what the message counts for in the bounds, in bytes: only the caller can know it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Outgoing<M> {
    message: M,
    size: u32,
    delivery: Delivery,
    expires_in: Option<Duration>,
}

impl<M> Outgoing<M> {
    /// A message for the current connection only. A `size` over 4 GiB counts as 4 GiB.
    pub fn this_connection(message: M, size: usize) -> Self {
        Self::new(message, size, Delivery::ThisConnection)
    }

    /// A message that is done when it is transmitted.
    pub fn at_most_once(message: M, size: usize) -> Self {
        Self::new(message, size, Delivery::AtMostOnce)
    }

    /// A message that is done when it is acknowledged.
    pub fn at_least_once(message: M, size: usize) -> Self {
        Self::new(message, size, Delivery::AtLeastOnce)
    }

    fn new(message: M, size: usize, delivery: Delivery) -> Self {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        Self { message, size, delivery, expires_in: None }
    }

    /// Gives the message a time to live from its acceptance: it is never transmitted after, and is resolved
    /// by the next timer even if it was transmitted and waits for its acknowledgement.
    #[must_use]
    pub fn expires_in(mut self, time_to_live: Duration) -> Self {
        self.expires_in = Some(time_to_live);
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
    pub fn time_to_live(&self) -> Option<Duration> {
        self.expires_in
    }
}

/// A message to write to the current connection now, lent by [`Session::transmit`](super::Session::transmit).
#[derive(PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Transmit<'a, M> {
    /// Its name, for [`Session::sent`](super::Session::sent) and for protocols whose acknowledgements carry it.
    pub id: MessageId,
    /// What to write.
    pub message: &'a M,
    /// What was promised for it: whether its acknowledgement is waited for.
    pub delivery: Delivery,
    /// It was transmitted on an earlier connection, and the peer may have it (DUP of MQTT).
    pub redelivery: bool,
}

impl<M> Clone for Transmit<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Transmit<'_, M> {}

/// How an accepted message ended; each has exactly one outcome. Exhaustive on purpose: a sender has to
/// handle every case.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Outcome<M> {
    /// Handed to the connection, which is all that `ThisConnection` and `AtMostOnce` promise.
    Transmitted,
    /// The peer has it.
    Acked,
    /// Never transmitted; here it is.
    Returned(Reason, M),
    /// Transmitted at least once and not acknowledged: the peer may have it or not.
    Unconfirmed(Reason, M),
}

impl<M> fmt::Display for Outcome<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transmitted => formatter.write_str("transmitted"),
            Self::Acked => formatter.write_str("acknowledged"),
            Self::Returned(reason, _) => write!(formatter, "not transmitted: {reason}"),
            Self::Unconfirmed(reason, _) => write!(formatter, "transmitted, not acknowledged: {reason}"),
        }
    }
}

/// Why a message ended in another way than it was meant to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Reason {
    /// Its time to live was over.
    Expired,
    /// It made room for a newer one.
    Evicted,
    /// The application cancelled it.
    Cancelled,
    /// The codec or the connection can never send it.
    Rejected,
    /// The session ended first.
    Abandoned,
    /// The connection it was for ended first.
    ConnectionEnded,
    /// It was the oldest unacknowledged message in `max_losses` losses.
    MaxLosses,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Expired => "its time to live was over",
            Self::Evicted => "it made room for a newer one",
            Self::Cancelled => "cancelled",
            Self::Rejected => "it can never be sent",
            Self::Abandoned => "the session ended first",
            Self::ConnectionEnded => "its connection ended first",
            Self::MaxLosses => "too many connections were lost over it",
        })
    }
}

/// A message that was not accepted, with the reason.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[error("message refused: {reason}")]
#[non_exhaustive]
pub struct Refused<M> {
    /// Why it was refused.
    pub reason: Refusal,
    /// The message, as it was.
    pub outgoing: Outgoing<M>,
}

/// Why a message was not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Refusal {
    /// The outbox is full.
    #[error("the outbox is full")]
    Full,
    /// The message alone is larger than the outbox may ever be.
    #[error("the message is larger than the outbox")]
    TooLarge,
    /// A `ThisConnection` message, and there is no open connection.
    #[error("there is no open connection")]
    NotConnected,
    /// The session is draining, closing or closed.
    #[error("the session is draining, closing or closed")]
    Closed,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn ids_promises_and_outcomes_read_as_a_log_would_say_them() {
        assert_eq!(MessageId::from_raw(7).to_string(), "#7");
        let promises = [Delivery::ThisConnection, Delivery::AtMostOnce, Delivery::AtLeastOnce];
        let promises = promises.map(|delivery| delivery.to_string());
        assert_eq!(promises, ["this connection only", "at most once", "at least once"]);
        let expired = |outcome: fn(Reason, u8) -> Outcome<u8>| outcome(Reason::Expired, 0).to_string();
        assert_eq!(expired(Outcome::Returned), "not transmitted: its time to live was over");
        assert_eq!(expired(Outcome::Unconfirmed), "transmitted, not acknowledged: its time to live was over");
        assert_eq!(
            [Outcome::Transmitted, Outcome::<u8>::Acked].map(|outcome| outcome.to_string()),
            ["transmitted", "acknowledged"]
        );
    }
}

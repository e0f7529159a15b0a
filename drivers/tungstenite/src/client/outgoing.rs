//! What is sent, and why it may be refused.

use std::time::Duration;

use heartline::message::Delivery;
use tungstenite::{Bytes, Message, Utf8Bytes};

use crate::codec::CodecError;

/// A message to send, with what is promised for it.
///
/// What converts into a message is sent at most once: `client.send("hello")` works with the codecs
/// [`Frames`](crate::codec::Frames), [`Text`](crate::codec::Text) and those that send `String`, bytes with `Frames` and
/// [`Binary`](crate::codec::Binary).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outgoing<M = Message> {
    pub(crate) message: M,
    pub(crate) delivery: Delivery,
    pub(crate) expires_in: Option<Duration>,
}

impl<M> Outgoing<M> {
    /// A message that is kept until the peer has acknowledged it, and sent again on every new connection. It needs a
    /// codec that recognises acknowledgements, or calls of the client's `acked`.
    ///
    /// Without an acknowledgement it is given up, and [`Outcome`](heartline::Outcome) says whether the peer may have it
    /// (`Unconfirmed`) or not (`Returned`), with a [`Reason`](heartline::message::Reason):
    /// - `Expired`: its time to live ([`expires_in`](Self::expires_in)) was over;
    /// - `MaxLosses`: it was the oldest unacknowledged message in so many losses (`session.outbox.max_losses`, 5 by
    ///   default);
    /// - `Cancelled`: the receipt's `cancel`;
    /// - `Evicted`: it made room for newer ones, if `session.outbox.overflow` says so;
    /// - `Rejected`: the codec could not encode it, or its frame is over `limits.max_outbound_message`;
    /// - `Abandoned`: the client ended first.
    ///
    /// A connection on which no acknowledgement comes within `session.outbox.ack_timeout` (30 s by default) is replaced.
    pub fn at_least_once(message: impl Into<M>) -> Self {
        Self::new(message.into(), Delivery::AtLeastOnce)
    }

    /// A message that survives reconnects until it is handed to a connection, and then is done.
    pub fn at_most_once(message: impl Into<M>) -> Self {
        Self::new(message.into(), Delivery::AtMostOnce)
    }

    /// A message for the current connection only; refused if there is none, returned if it ends first.
    pub fn this_connection(message: impl Into<M>) -> Self {
        Self::new(message.into(), Delivery::ThisConnection)
    }

    fn new(message: M, delivery: Delivery) -> Self {
        Self { message, delivery, expires_in: None }
    }

    /// Gives the message a time to live, counted from the call of `send`, the wait for room included. After that it is
    /// never sent, and no longer waits for its acknowledgement.
    #[must_use]
    pub fn expires_in(mut self, time_to_live: Duration) -> Self {
        self.expires_in = Some(time_to_live);
        self
    }

    /// The message itself.
    pub fn message(&self) -> &M {
        &self.message
    }

    /// The message itself, without what is promised for it.
    pub fn into_message(self) -> M {
        self.message
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

impl<M> From<M> for Outgoing<M> {
    fn from(message: M) -> Self {
        Self::at_most_once(message)
    }
}

macro_rules! sent_at_most_once {
    ($($from:ty => $message:ty),* $(,)?) => {
        $(impl From<$from> for Outgoing<$message> {
            fn from(message: $from) -> Self {
                Self::at_most_once(message)
            }
        })*
    };
}

sent_at_most_once! {
    &str => Message,
    String => Message,
    &[u8] => Message,
    Vec<u8> => Message,
    Bytes => Message,
    &str => String,
    &str => Utf8Bytes,
    String => Utf8Bytes,
    &'static [u8] => Bytes,
    Vec<u8> => Bytes,
}

impl<const N: usize> From<&'static [u8; N]> for Outgoing<Bytes> {
    fn from(bytes: &'static [u8; N]) -> Self {
        Self::at_most_once(bytes.as_slice())
    }
}

/// A message that was not accepted, with the reason. It comes back as it was.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("message refused: {reason}")]
#[non_exhaustive]
pub struct SendError<M = Message> {
    /// Why it was not accepted.
    pub reason: Refusal,
    /// The message.
    pub outgoing: Outgoing<M>,
}

impl<M> SendError<M> {
    pub(crate) fn new(reason: Refusal, outgoing: Outgoing<M>) -> Self {
        Self { reason, outgoing }
    }
}

// Without `M: Debug`, so that `unwrap` and `?` work for every message.
impl<M> std::fmt::Debug for SendError<M> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SendError").field("reason", &self.reason).finish_non_exhaustive()
    }
}

/// Why a message was not accepted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The outbox is full, or others wait for room already. `try_send` says so at once, a `send` with a timeout when
    /// that is over; other sends wait.
    #[error("the outbox is full")]
    Full,
    /// The message alone is larger than the outbox may ever be, or than `max_outbound_message`.
    #[error("the message is larger than the outbox or the outbound limit")]
    TooLarge,
    /// A message of delivery `ThisConnection`, and there is no open connection.
    #[error("there is no open connection")]
    NotConnected,
    /// The client is closing, or has ended.
    #[error("the client is closing or closed")]
    Closed,
    /// Its time to live was over before there was room.
    #[error("its time to live was over before there was room")]
    Expired,
    /// The codec can never encode it.
    #[error("it cannot be encoded: {0}")]
    Codec(CodecError),
}

//! From what the application sends to frames, and from frames to what it receives. A *frame* is a
//! [`tungstenite::Message`] here: whole, in however many frames of RFC 6455 it came.
//!
//! Ready-made: [`Frames`] (tungstenite's messages both ways), [`Text`], [`Binary`], and with the feature `json`
//! `Json`. A protocol with acknowledgements, pings of its own or a goodbye implements [`Codec`].
//!
//! The drivers re-export this module, as `heartline_tokio::codec` and `heartline_blocking::codec`.
//!
//! This one speaks lines such as `7 hello`, acknowledged by `ok 7`, and the server pings with `?`:
//!
//! ```
//! use heartline::MessageId;
//! use heartline_tungstenite::codec::{Codec, CodecError, Item, Items, Transmission};
//! use heartline_tungstenite::tungstenite::Message;
//!
//! struct Lines;
//!
//! impl Codec for Lines {
//!     type Out = String;
//!     type In = String;
//!
//!     fn size(message: &String) -> Result<usize, CodecError> {
//!         Ok(message.len())
//!     }
//!
//!     fn encode(&mut self, message: &String, transmission: Transmission) -> Result<Message, CodecError> {
//!         Ok(Message::text(format!("{} {message}", transmission.id.as_raw())))
//!     }
//!
//!     fn decode(&mut self, frame: Message, items: &mut Items<String>) -> Result<(), CodecError> {
//!         let Message::Text(text) = frame else { return Err(CodecError::unsupported("binary")) };
//!         items.push(match text.strip_prefix("ok ") {
//!             Some(id) => {
//!                 let id = id.parse().map_err(|_| CodecError::invalid("an acknowledgement of no number"))?;
//!                 Item::Acked(MessageId::from_raw(id))
//!             }
//!             None if text.as_str() == "?" => Item::Reply(Message::text("!")),
//!             None => Item::Message(text.to_string()),
//!         });
//!         Ok(())
//!     }
//! }
//!
//! let mut items = Items::new();
//! Lines.decode(Message::text("ok 7"), &mut items)?;
//! assert_eq!(items.pop(), Some(Item::Acked(MessageId::from_raw(7))));
//! # Ok::<(), CodecError>(())
//! ```

mod error;
mod item;
#[cfg(feature = "json")]
mod json;
mod plain;

use heartline::MessageId;
use heartline::message::Delivery;
use tungstenite::{Bytes, Message};

pub use error::CodecError;
pub use item::{Item, Items};
#[cfg(feature = "json")]
pub use json::Json;
pub use plain::{Binary, Frames, Text};

use crate::request::Response;

/// How messages become frames, and frames messages. One value serves one client through all its connections.
///
/// All calls but [`size`](Self::size) come from the task or thread that runs the client, and none may block. A call that
/// panics ends the client.
pub trait Codec: Send + 'static {
    /// What the application sends. It is given back if it was not sent.
    type Out: Send + 'static;
    /// What the application receives.
    type In: Send + 'static;

    /// How many bytes this message counts in the bounds of the outbox; about the size of its frame. Called once, by
    /// the task or thread that sends, before the message is accepted.
    ///
    /// # Errors
    /// A message that can never be encoded is refused with this error, and comes back to its sender.
    fn size(message: &Self::Out) -> Result<usize, CodecError>;

    /// The frame for this message: a text or a binary message. Called whenever it is transmitted, so again for each
    /// redelivery, and perhaps for a transmission that then does not happen. Messages of all deliveries come here,
    /// those of a greeting included.
    ///
    /// # Errors
    /// The message is rejected, as is one whose frame is no text or binary message or over
    /// [`Limits::max_outbound_message`](crate::Limits::max_outbound_message): it comes back to its sender as never
    /// sent, or as unconfirmed if it was sent before. The connection goes on.
    fn encode(&mut self, message: &Self::Out, transmission: Transmission) -> Result<Message, CodecError>;

    /// What a frame means, in order: any number of items, which are not bounded otherwise than by the frame's size.
    /// None is a sign of life and nothing else. Only text and binary messages come here; ping, pong and close frames
    /// are the driver's.
    ///
    /// # Errors
    /// The connection is no good: it ends with [`Loss::Application`](heartline::Loss::Application) and the code of
    /// the error, about which the retry policy decides. Items pushed before the error count.
    fn decode(&mut self, frame: Message, items: &mut Items<Self::In>) -> Result<(), CodecError>;

    /// The one message that a frame is, for codecs that have nothing else to tell: a way around the items, which cost a
    /// flood of small messages more than a tenth. It is asked first; what it gives back goes to
    /// [`decode`](Self::decode).
    #[doc(hidden)]
    fn whole(frame: Message) -> Result<Self::In, Message> {
        Err(frame)
    }

    /// A connection opened, with this response to its handshake: what belongs to the one before is to be forgotten.
    /// Does nothing by default.
    fn opened(&mut self, response: &Response) {
        _ = response;
    }

    /// The heartbeat's ping with this token. By default a WebSocket ping whose payload is the token ([`ping`]); its
    /// pong is recognised by the driver. A text or binary message here has its answer decoded to [`Item::Pong`].
    fn ping(&mut self, token: u32) -> Message {
        ping(token)
    }

    /// The last message of a connection that is closed in good order, behind everything that was queued and before the
    /// close frame: DISCONNECT of MQTT, say. None by default.
    fn goodbye(&mut self) -> Option<Message> {
        None
    }
}

/// Which message is transmitted, what is promised for it, and whether it is for the first time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Transmission {
    /// The id of the message, by which [`Item::Acked`] names it. Unique within a client; across restarts if its first
    /// id is chosen so.
    pub id: MessageId,
    /// What is promised for it: whether the peer is to acknowledge it.
    pub delivery: Delivery,
    /// It was transmitted on an earlier connection, and the peer may have it (DUP of MQTT).
    pub redelivery: bool,
}

impl Transmission {
    /// The first transmission of this message.
    pub const fn first(id: MessageId, delivery: Delivery) -> Self {
        Self { id, delivery, redelivery: false }
    }

    /// A later one, which there is of at-least-once messages alone.
    pub const fn again(id: MessageId) -> Self {
        Self { id, delivery: Delivery::AtLeastOnce, redelivery: true }
    }

    /// Whether the message is kept until the peer acknowledges it.
    pub fn is_acknowledged(&self) -> bool {
        self.delivery == Delivery::AtLeastOnce
    }
}

impl<M> From<&heartline::Transmit<'_, M>> for Transmission {
    fn from(transmit: &heartline::Transmit<'_, M>) -> Self {
        Self { id: transmit.id, delivery: transmit.delivery, redelivery: transmit.redelivery }
    }
}

/// A WebSocket ping whose payload is the token: four bytes, the highest first.
pub fn ping(token: u32) -> Message {
    Message::Ping(Bytes::copy_from_slice(&token.to_be_bytes()))
}

/// The token of a pong to such a [`ping`]. `None` for any other payload: a sign of life, but no answer of ours.
pub fn pong_token(payload: &[u8]) -> Option<u32> {
    payload.try_into().ok().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests;

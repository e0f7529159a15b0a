//! What a frame can mean.

use std::collections::VecDeque;

use heartline::MessageId;
use heartline::heartbeat::HeartbeatMode;
use tungstenite::Message;

use crate::ended::Close;

/// One thing that a frame means. Each is a sign of life.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Item<R> {
    /// A message for the application.
    Message(R),
    /// The peer has this message.
    Acked(MessageId),
    /// The peer has all messages up to this one.
    AckedUpTo(MessageId),
    /// Something that the protocol answers by itself, with its answer: the server's ping and the pong to it, a
    /// message and its acknowledgement (PUBACK). The answer is written before all queued messages, without passing
    /// the outbox.
    Reply(Message),
    /// The answer to a heartbeat's ping that [`Codec::ping`](super::Codec::ping) made, with its token if it carries
    /// one.
    Pong(Option<u32>),
    /// How the server wants this connection to be watched (the handshake of engine.io, STOMP, MQTT 5).
    Heartbeat(HeartbeatMode),
    /// This connection is no good: a refused login, an expired token. It ends with
    /// [`Loss::Application`](heartline::Loss::Application), and the retry policy decides by the code as if the server
    /// had closed with it; with 4401, say, new credentials are fetched. What follows in the frame is not looked at.
    End(Close),
}

/// The items of a frame, in order. Drivers reuse one buffer for all frames.
#[derive(Clone, Debug)]
pub struct Items<R> {
    items: VecDeque<Item<R>>,
}

impl<R> Items<R> {
    /// None yet.
    pub const fn new() -> Self {
        Self { items: VecDeque::new() }
    }

    /// Adds one behind the others.
    pub fn push(&mut self, item: Item<R>) {
        self.items.push_back(item);
    }

    /// Takes the first one out.
    pub fn pop(&mut self) -> Option<Item<R>> {
        self.items.pop_front()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Drops them all; the buffer stays allocated.
    pub fn clear(&mut self) {
        self.items.clear();
    }
}

impl<R> Default for Items<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> Extend<Item<R>> for Items<R> {
    fn extend<I: IntoIterator<Item = Item<R>>>(&mut self, items: I) {
        self.items.extend(items);
    }
}

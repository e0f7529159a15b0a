//! How much of the outbox is taken up.

use heartline::message::Delivery;

/// Messages and bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Room {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

impl Room {
    pub(crate) fn one(size: u32) -> Self {
        Self { messages: 1, bytes: u64::from(size) }
    }

    pub(super) fn of(messages: u32, bytes: u32) -> Self {
        Self { messages: messages.into(), bytes: bytes.into() }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }

    pub(super) fn remove(&mut self, other: Self) {
        self.messages = self.messages.saturating_sub(other.messages);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }

    pub(super) fn fits(self, size: u32, limit: Self) -> bool {
        self.messages < limit.messages && self.bytes + u64::from(size) <= limit.bytes
    }
}

/// The outbox has bounds for messages of the present connection, and others for all that last longer.
pub(crate) fn lane(delivery: Delivery) -> usize {
    usize::from(delivery == Delivery::ThisConnection)
}

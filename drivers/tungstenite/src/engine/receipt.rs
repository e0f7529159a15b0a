//! What became of a message.

use std::sync::Arc;
use std::task::{Context, Poll};

use heartline::{MessageId, Outcome};

use super::shared::Shared;
use super::slots::SlotKey;

/// The place where the outcome of one accepted message comes. Dropping it changes nothing for the message.
pub struct Receipt<M> {
    shared: Arc<Shared<M>>,
    slot: SlotKey,
}

impl<M> Receipt<M> {
    pub(super) fn new(shared: Arc<Shared<M>>, slot: SlotKey) -> Self {
        Self { shared, slot }
    }

    /// The outcome, once; `None` after that. There is always one in the end. The waker of the last call is woken.
    pub fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Outcome<M>>> {
        let (outcome, old) = self.shared.slots(|slots| slots.poll(cx, self.slot));
        drop(old); // outside of the lock
        outcome
    }

    /// The outcome, once, if there is one by now.
    pub fn take(&self) -> Option<Outcome<M>> {
        self.shared.slots(|slots| slots.take_outcome(self.slot))
    }

    /// Asks for the message not to be sent.
    pub fn cancel(&self) {
        self.shared.cancel(self.slot);
    }

    /// The id of the message, once the driver has taken it.
    pub fn id(&self) -> Option<MessageId> {
        self.shared.slots(|slots| slots.id(self.slot))
    }
}

impl<M> Drop for Receipt<M> {
    fn drop(&mut self) {
        let unread = self.shared.slots(|slots| slots.give_up(self.slot));
        drop(unread); // outside of the lock
    }
}

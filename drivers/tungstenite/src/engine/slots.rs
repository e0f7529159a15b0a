//! Where the outcomes of messages wait for their receipts.

use std::mem::replace;
use std::task::{Context, Poll, Waker};

use heartline::{MessageId, Outcome};

/// The place of one receipt. A place that was given up and taken again has another generation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlotKey {
    index: u32,
    generation: u32,
}

/// As many places as there are receipts; what was given up is used again, so that in steady state
/// nothing is allocated.
pub(super) struct Slots<M> {
    slots: Vec<Slot<M>>,
    free: Vec<u32>,
}

struct Slot<M> {
    generation: u32,
    id: Option<MessageId>,
    cancelled: bool,
    content: Content<M>,
}

enum Content<M> {
    Free,
    Pending(Option<Waker>),
    Resolved(Outcome<M>),
}

impl<M> Default for Slots<M> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }
}

impl<M> Slots<M> {
    pub(super) fn take(&mut self) -> SlotKey {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.slots.push(Slot { generation: 0, id: None, cancelled: false, content: Content::Free });
                self.slots.len() as u32 - 1
            }
        };
        let slot = &mut self.slots[index as usize];
        slot.content = Content::Pending(None);
        SlotKey { index, generation: slot.generation }
    }

    fn get(&mut self, key: SlotKey) -> Option<&mut Slot<M>> {
        self.slots.get_mut(key.index as usize).filter(|slot| slot.generation == key.generation)
    }

    /// Whether the receipt still exists.
    pub(super) fn is_held(&mut self, key: SlotKey) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn name(&mut self, key: SlotKey, id: MessageId) {
        if let Some(slot) = self.get(key) {
            slot.id = Some(id);
        }
    }

    pub(super) fn id(&mut self, key: SlotKey) -> Option<MessageId> {
        self.get(key).and_then(|slot| slot.id)
    }

    /// True if the message waits for its outcome and was not cancelled before.
    pub(super) fn cancel(&mut self, key: SlotKey) -> bool {
        let pending = self.get(key).filter(|slot| matches!(slot.content, Content::Pending(_)));
        pending.is_some_and(|slot| !replace(&mut slot.cancelled, true))
    }

    /// Stores an outcome; gives back whom to wake, or the outcome if the receipt was dropped.
    pub(super) fn resolve(&mut self, key: SlotKey, outcome: Outcome<M>) -> Result<Option<Waker>, Outcome<M>> {
        let Some(slot) = self.get(key) else { return Err(outcome) };
        match replace(&mut slot.content, Content::Resolved(outcome)) {
            Content::Pending(waker) => Ok(waker),
            Content::Free | Content::Resolved(_) => Ok(None),
        }
    }

    /// The outcome, once; it stays until [`give_up`](Self::give_up).
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, key: SlotKey) -> Poll<Option<Outcome<M>>> {
        let Some(slot) = self.get(key) else { return Poll::Ready(None) };
        match &mut slot.content {
            Content::Pending(waker) => {
                match waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    None => *waker = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
            content => match replace(content, Content::Free) {
                Content::Resolved(outcome) => Poll::Ready(Some(outcome)),
                Content::Free | Content::Pending(_) => Poll::Ready(None),
            },
        }
    }

    /// The outcome, once, if it is there.
    pub(super) fn take_outcome(&mut self, key: SlotKey) -> Option<Outcome<M>> {
        let slot = self.get(key).filter(|slot| matches!(slot.content, Content::Resolved(_)))?;
        match replace(&mut slot.content, Content::Free) {
            Content::Resolved(outcome) => Some(outcome),
            Content::Free | Content::Pending(_) => None,
        }
    }

    /// The receipt was dropped. What lay there is for the caller to drop, outside of any lock.
    pub(super) fn give_up(&mut self, key: SlotKey) -> Option<Outcome<M>> {
        let slot = self.get(key)?;
        slot.generation = slot.generation.wrapping_add(1);
        (slot.id, slot.cancelled) = (None, false);
        let content = replace(&mut slot.content, Content::Free);
        self.free.push(key.index);
        match content {
            Content::Resolved(outcome) => Some(outcome),
            Content::Free | Content::Pending(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_was_given_up_is_used_again_and_its_old_key_opens_nothing() {
        let mut slots = Slots::<u8>::default();
        let old = slots.take();
        assert_eq!(slots.give_up(old), None);
        let new = slots.take();
        assert_eq!(new.index, old.index);
        assert!(!slots.is_held(old) && slots.is_held(new));
        assert!(slots.resolve(old, Outcome::Acked).is_err());
        assert!(slots.resolve(new, Outcome::Acked).is_ok());
        assert_eq!(slots.give_up(new), Some(Outcome::Acked));
        assert_eq!(slots.slots.len(), 1);
    }
}

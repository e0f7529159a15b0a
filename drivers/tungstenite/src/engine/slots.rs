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
    cancel: Cancel,
    /// The receipt is gone, but not what it has asked for.
    orphaned: bool,
    content: Content<M>,
}

/// Whether the message is not to be sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cancel {
    No,
    /// The driver has not taken the command yet.
    Asked,
    Done,
}

enum Content<M> {
    Free,
    Pending(Option<Waker>),
    Resolved(Outcome<M>),
}

/// What a receipt leaves behind that was dropped: code of the application's may run when this is dropped, too.
#[derive(Debug)]
#[expect(dead_code, reason = "to be dropped")]
pub(super) enum Left<M> {
    Outcome(Outcome<M>),
    Waker(Waker),
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
                self.slots.push(Slot {
                    generation: 0,
                    id: None,
                    cancel: Cancel::No,
                    orphaned: false,
                    content: Content::Free,
                });
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

    /// Whether the receipt still exists, or has asked for something.
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

    /// True if the message waits for its outcome and was not cancelled before. Then the driver has to
    /// [`take_cancel`](Self::take_cancel).
    pub(super) fn cancel(&mut self, key: SlotKey) -> bool {
        let pending = self.get(key).filter(|slot| matches!(slot.content, Content::Pending(_)));
        let Some(slot) = pending.filter(|slot| slot.cancel == Cancel::No) else { return false };
        slot.cancel = Cancel::Asked;
        true
    }

    /// The driver carries a cancel out: for the message with this id, if it has named it before.
    pub(super) fn take_cancel(&mut self, key: SlotKey) -> Option<MessageId> {
        let slot = self.get(key)?;
        let id = slot.id;
        slot.cancel = Cancel::Done;
        if slot.orphaned {
            self.free(key);
        }
        id
    }

    /// Stores an outcome; gives back whom to wake, or the outcome if the receipt was dropped.
    pub(super) fn resolve(&mut self, key: SlotKey, outcome: Outcome<M>) -> Result<Option<Waker>, Outcome<M>> {
        let Some(slot) = self.get(key).filter(|slot| !slot.orphaned) else { return Err(outcome) };
        match replace(&mut slot.content, Content::Resolved(outcome)) {
            Content::Pending(waker) => Ok(waker),
            Content::Free | Content::Resolved(_) => Ok(None),
        }
    }

    /// The outcome, once; it stays until [`give_up`](Self::give_up). And the waker that this one takes the place of, for the
    /// caller to drop, outside of any lock.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, key: SlotKey) -> (Poll<Option<Outcome<M>>>, Option<Waker>) {
        let Some(slot) = self.get(key) else { return (Poll::Ready(None), None) };
        match &mut slot.content {
            Content::Pending(waker) => (Poll::Pending, set_waker(waker, cx.waker())),
            content => match replace(content, Content::Free) {
                Content::Resolved(outcome) => (Poll::Ready(Some(outcome)), None),
                Content::Free | Content::Pending(_) => (Poll::Ready(None), None),
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

    /// The receipt was dropped. What lay there is for the caller to drop, outside of any lock. The place stays taken until
    /// the driver has taken what the receipt has asked for, by its key.
    pub(super) fn give_up(&mut self, key: SlotKey) -> Option<Left<M>> {
        let slot = self.get(key)?;
        slot.orphaned = slot.cancel == Cancel::Asked && matches!(slot.content, Content::Pending(_));
        let content = replace(&mut slot.content, Content::Free);
        if !slot.orphaned {
            self.free(key);
        }
        match content {
            Content::Resolved(outcome) => Some(Left::Outcome(outcome)),
            Content::Pending(waker) => waker.map(Left::Waker),
            Content::Free => None,
        }
    }

    fn free(&mut self, key: SlotKey) {
        let slot = &mut self.slots[key.index as usize];
        slot.generation = slot.generation.wrapping_add(1);
        (slot.id, slot.cancel, slot.orphaned) = (None, Cancel::No, false);
        self.free.push(key.index);
    }
}

/// Sets a waker and gives back the one before, to be dropped outside of any lock: with it may go a task, and what that holds.
pub(super) fn set_waker(place: &mut Option<Waker>, waker: &Waker) -> Option<Waker> {
    match place {
        Some(present) if present.will_wake(waker) => None,
        place => place.replace(waker.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_was_given_up_is_used_again_and_its_old_key_opens_nothing() {
        let mut slots = Slots::<u8>::default();
        let old = slots.take();
        assert!(slots.give_up(old).is_none());
        let new = slots.take();
        assert_eq!(new.index, old.index);
        assert!(!slots.is_held(old) && slots.is_held(new));
        assert!(slots.resolve(old, Outcome::Acked).is_err());
        assert!(slots.resolve(new, Outcome::Acked).is_ok());
        assert!(matches!(slots.give_up(new), Some(Left::Outcome(Outcome::Acked))));
        assert_eq!(slots.slots.len(), 1);
    }

    #[test]
    fn a_place_whose_receipt_has_cancelled_stays_taken_until_the_driver_knows() {
        let mut slots = Slots::<u8>::default();
        let key = slots.take();
        assert!(slots.cancel(key) && !slots.cancel(key));
        assert!(slots.give_up(key).is_none() && slots.is_held(key));
        slots.name(key, MessageId::from_raw(7));
        assert!(slots.resolve(key, Outcome::Acked).is_err(), "nobody would read it");
        assert_eq!(slots.take_cancel(key), Some(MessageId::from_raw(7)));
        assert!(!slots.is_held(key));
        assert_eq!(slots.take().index, key.index);
    }
}

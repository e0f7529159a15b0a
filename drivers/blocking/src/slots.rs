//! Where the outcomes of messages wait for their receipts.

use std::mem::replace;

use heartline::{MessageId, Outcome};

/// The place of one receipt. A place that was given up and taken again has another generation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SlotKey {
    index: u32,
    generation: u32,
}

/// As many places as there are receipts that somebody holds; what was given up is used again, so that in steady state
/// nothing is allocated.
pub(crate) struct Slots<M> {
    slots: Vec<Slot<M>>,
    free: Vec<u32>,
}

struct Slot<M> {
    generation: u32,
    id: Option<MessageId>,
    content: Content<M>,
}

enum Content<M> {
    Free,
    Pending,
    Resolved(Outcome<M>),
}

impl<M> Default for Slots<M> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }
}

impl<M> Slots<M> {
    pub(crate) fn take(&mut self) -> SlotKey {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.slots.push(Slot { generation: 0, id: None, content: Content::Free });
                self.slots.len() as u32 - 1
            }
        };
        let slot = &mut self.slots[index as usize];
        slot.content = Content::Pending;
        SlotKey { index, generation: slot.generation }
    }

    fn get(&mut self, key: SlotKey) -> Option<&mut Slot<M>> {
        self.slots.get_mut(key.index as usize).filter(|slot| slot.generation == key.generation)
    }

    /// Whether somebody still holds the receipt.
    pub(crate) fn is_held(&mut self, key: SlotKey) -> bool {
        self.get(key).is_some()
    }

    pub(crate) fn name(&mut self, key: SlotKey, id: MessageId) {
        if let Some(slot) = self.get(key) {
            slot.id = Some(id);
        }
    }

    pub(crate) fn id(&mut self, key: SlotKey) -> Option<MessageId> {
        self.get(key).and_then(|slot| slot.id)
    }

    /// Stores an outcome. It comes back if nobody wants it.
    pub(crate) fn resolve(&mut self, key: SlotKey, outcome: Outcome<M>) -> Result<(), Outcome<M>> {
        let Some(slot) = self.get(key) else { return Err(outcome) };
        slot.content = Content::Resolved(outcome);
        Ok(())
    }

    /// The outcome, once.
    pub(crate) fn take_outcome(&mut self, key: SlotKey) -> Option<Outcome<M>> {
        let content = &mut self.get(key)?.content;
        match replace(content, Content::Free) {
            Content::Resolved(outcome) => Some(outcome),
            other => {
                *content = other;
                None
            }
        }
    }

    /// Nobody holds the receipt any more. What lay there is for the caller to drop, outside of any lock.
    pub(crate) fn give_up(&mut self, key: SlotKey) -> Option<Outcome<M>> {
        let slot = self.get(key)?;
        slot.generation = slot.generation.wrapping_add(1);
        slot.id = None;
        let content = replace(&mut slot.content, Content::Free);
        self.free.push(key.index);
        match content {
            Content::Resolved(outcome) => Some(outcome),
            Content::Free | Content::Pending => None,
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

//! Counters: those of 32 bits stop at the end of their type; to those of 64 bits it never comes.

pub(crate) trait Counter {
    fn plus(&mut self, more: u32);
}

impl Counter for u32 {
    fn plus(&mut self, more: u32) {
        *self = self.saturating_add(more);
    }
}

impl Counter for u64 {
    fn plus(&mut self, more: u32) {
        *self = self.wrapping_add(more.into());
    }
}

/// One more.
pub(crate) fn count(counter: &mut impl Counter) {
    add(counter, 1);
}

/// So many more.
pub(crate) fn add(counter: &mut impl Counter, more: u32) {
    counter.plus(more);
}

//! Counters that stop at the end of their type.

/// One more.
pub(crate) fn count(counter: &mut u32) {
    add(counter, 1);
}

/// So many more.
pub(crate) fn add(counter: &mut u32, more: u32) {
    *counter = counter.saturating_add(more);
}

//! Values of which the least is wanted next.

use alloc::vec::Vec;

/// A binary heap, the least value first.
// `BinaryHeap` moves values through a hole, which is fast and long: this is 500 bytes less to download.
#[derive(Clone, Debug)]
pub(crate) struct Heap<T> {
    /// None is less than its parent, which the value of rank `n` has at rank `(n - 1) / 2`.
    values: Vec<T>,
}

impl<T: Copy + Ord> Heap<T> {
    pub(crate) const fn new() -> Self {
        Self { values: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// The least.
    pub(crate) fn peek(&self) -> Option<T> {
        self.values.first().copied()
    }

    pub(crate) fn push(&mut self, value: T) {
        let mut rank = self.len();
        self.values.push(value);
        while rank > 0 && self.swapped((rank - 1) / 2, rank) {
            rank = (rank - 1) / 2;
        }
    }

    /// Drops the least.
    pub(crate) fn pop(&mut self) {
        if self.len() > 0 {
            self.values.swap_remove(0);
        }
        let mut rank = 0;
        loop {
            let (left, right) = (2 * rank + 1, 2 * rank + 2);
            let less = if self.is_less(right, left) { right } else { left };
            if !self.swapped(rank, less) {
                break;
            }
            rank = less;
        }
    }

    /// Drops those that are not wanted.
    pub(crate) fn retain(&mut self, wanted: impl Fn(T) -> bool) {
        let old = core::mem::take(&mut self.values);
        for &value in &old {
            if wanted(value) {
                self.push(value);
            }
        }
    }

    fn is_less(&self, one: usize, other: usize) -> bool {
        matches!((self.values.get(one), self.values.get(other)), (Some(one), Some(other)) if one < other)
    }

    /// Puts two values in order. False if they are.
    fn swapped(&mut self, upper: usize, lower: usize) -> bool {
        let swap = self.is_less(lower, upper);
        if swap {
            self.values.swap(upper, lower);
        }
        swap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(mut heap: Heap<u32>) -> Vec<u32> {
        core::iter::from_fn(|| {
            let least = heap.peek();
            heap.pop();
            least
        })
        .collect()
    }

    #[test]
    fn whatever_the_order_of_pushes_values_come_out_in_theirs() {
        for step in [1, 7, 31, 96] {
            let mut heap = Heap::new();
            for n in 0..97 {
                heap.push(n * step % 97);
            }
            heap.push(5);
            let mut expected: Vec<u32> = (0..97).collect();
            expected.insert(5, 5);
            assert_eq!((heap.len(), drained(heap)), (98, expected));
        }
    }

    #[test]
    fn what_is_retained_is_still_in_order() {
        let mut heap = Heap::new();
        for n in (0..50).rev() {
            heap.push(n);
        }
        heap.retain(|n| n % 7 == 3);
        assert_eq!(drained(heap), [3, 10, 17, 24, 31, 38, 45]);
    }

    #[test]
    fn an_empty_heap_has_nothing_to_drop() {
        let mut heap = Heap::<u32>::new();
        heap.pop();
        assert_eq!((heap.peek(), heap.len()), (None, 0));
    }
}

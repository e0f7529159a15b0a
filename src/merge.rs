//! Two ordered iterators as one.

use core::iter::Peekable;

/// The items of both, in order. They have none in common.
pub(crate) struct Merge<A: Iterator, B: Iterator>(Peekable<A>, Peekable<B>);

impl<A: Iterator, B: Iterator> Merge<A, B> {
    pub(crate) fn new(one: impl IntoIterator<IntoIter = A>, other: impl IntoIterator<IntoIter = B>) -> Self {
        Self(one.into_iter().peekable(), other.into_iter().peekable())
    }
}

impl<T: Ord, A: Iterator<Item = T>, B: Iterator<Item = T>> Iterator for Merge<A, B> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match (self.0.peek(), self.1.peek()) {
            (Some(one), Some(other)) if other < one => self.1.next(),
            (None, _) => self.1.next(),
            _ => self.0.next(),
        }
    }
}

/// An iterator whose length is known.
pub(crate) struct Counted<I>(pub(crate) I, pub(crate) usize);

impl<I: Iterator> Iterator for Counted<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        let next = self.0.next()?;
        self.1 = self.1.saturating_sub(1);
        Some(next)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.1, Some(self.1))
    }
}

impl<I: Iterator> ExactSizeIterator for Counted<I> {}

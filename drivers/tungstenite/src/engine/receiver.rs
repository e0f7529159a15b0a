//! The receiving end of the queue of what was received.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::driver::Output;
use super::inbound::{Entry, Inbound, Taken};
use crate::client::{Options, Received, WhenFull};

/// The queue that these options ask for: its receiver, and the other end, for the driver.
pub fn channel<R>(options: &Options) -> (Receiver<R>, Output<R>) {
    let drops_oldest = options.when_full == WhenFull::DropOldest;
    let inbound = Inbound::new(options.incoming_messages, options.incoming_bytes, drops_oldest);
    let receiver = Receiver { inbound: inbound.clone(), batch: VecDeque::new(), taken: Taken::default() };
    (receiver, Output::Queue(inbound))
}

/// Takes what was received. Dropping it discards what comes from then on.
pub struct Receiver<R> {
    inbound: Arc<Inbound<R>>,
    /// Taken from the driver at once, still counted by it.
    batch: VecDeque<Entry<R>>,
    taken: Taken,
}

impl<R> Receiver<R> {
    /// Whether the next [`poll`](Self::poll) gives nothing.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty() && self.inbound.is_empty()
    }

    /// The next message or event; `None` when the client has ended and everything was taken.
    #[inline]
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Received<R>>> {
        if self.batch.is_empty() {
            match self.inbound.take(&mut self.batch, &mut self.taken, cx) {
                Poll::Ready(true) => {}
                Poll::Ready(false) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(match self.batch.pop_front() {
            Some(Entry::Message(message, size)) => {
                self.count(size);
                Some(Received::Message(message))
            }
            Some(Entry::Event(event)) => Some(Received::Event(event)),
            None => None,
        })
    }

    fn count(&mut self, size: u32) {
        self.taken.add(size);
        if self.taken.messages >= self.inbound.report_every() {
            self.inbound.report(&mut self.taken);
        }
    }
}

impl<R> Drop for Receiver<R> {
    fn drop(&mut self) {
        let unread = self.batch.iter().filter(|entry| entry.is_message()).count();
        self.inbound.drop_receiver(unread as u64);
    }
}

//! The bounded queue between the driver and its receiver: filled and emptied in batches, one lock and
//! one wake for each.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::slots::set_waker;
use crate::client::{Event, Received};

/// A message with its size, or an event.
#[derive(Debug)]
pub(super) enum Entry<R> {
    Message(R, u32),
    Event(Event),
}

impl<R> Entry<R> {
    pub(super) fn is_message(&self) -> bool {
        matches!(self, Self::Message(..))
    }

    pub(super) fn into_received(self) -> Received<R> {
        match self {
            Self::Message(message, _) => Received::Message(message),
            Self::Event(event) => Received::Event(event),
        }
    }
}

/// Messages and bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Taken {
    pub(super) messages: usize,
    pub(super) bytes: u64,
}

impl Taken {
    pub(super) fn add(&mut self, size: u32) {
        self.messages += 1;
        self.bytes += u64::from(size);
    }

    pub(super) fn add_entry<R>(&mut self, entry: &Entry<R>) {
        if let Entry::Message(_, size) = entry {
            self.add(*size);
        }
    }

    fn remove(&mut self, other: Self) {
        self.messages -= other.messages;
        self.bytes -= other.bytes;
    }
}

pub struct Inbound<R> {
    limit: Taken,
    drops_oldest: bool,
    /// Written under the lock, read without it.
    discarded: AtomicU64,
    queue: Mutex<Queue<R>>,
}

struct Queue<R> {
    entries: VecDeque<Entry<R>>,
    /// What is in the queue, and what the receiver has taken and not read yet.
    held: Taken,
    receiver: Option<Waker>,
    /// The driver waits for room.
    driver: Option<Waker>,
    closed: bool,
    dropped: bool,
}

/// What there is room for, as of the last look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Vacancy {
    messages: usize,
    bytes: u64,
    /// The queue is empty, and takes one message of any size.
    empty: bool,
}

impl Vacancy {
    pub(super) const NONE: Self = Self { messages: 0, bytes: 0, empty: false };
    pub(super) const ANY: Self = Self { messages: usize::MAX, bytes: u64::MAX, empty: true };

    /// Takes the room for a message, if there is enough.
    #[inline]
    pub(super) fn take(&mut self, size: u32) -> bool {
        let size = u64::from(size);
        if self.messages == 0 || self.bytes < size {
            if !self.empty {
                return false;
            }
            *self = Self::NONE;
            return true;
        }
        self.messages -= 1;
        self.bytes -= size;
        self.empty = false;
        true
    }
}

impl<R> Inbound<R> {
    pub(super) fn new(messages: usize, bytes: u64, drops_oldest: bool) -> Arc<Self> {
        let queue = Queue {
            entries: VecDeque::new(),
            held: Taken::default(),
            receiver: None,
            driver: None,
            closed: false,
            dropped: false,
        };
        let (limit, discarded) = (Taken { messages, bytes }, AtomicU64::new(0));
        Arc::new(Self { limit, drops_oldest, discarded, queue: Mutex::new(queue) })
    }

    fn lock(&self) -> MutexGuard<'_, Queue<R>> {
        // Nothing under the lock can panic half-way through a change.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- the receiver ----------------------------------------------------------------------

    pub(super) fn is_empty(&self) -> bool {
        self.lock().entries.is_empty()
    }

    /// After so many messages the driver learns of them, which may wait for room.
    pub(super) fn report_every(&self) -> usize {
        self.limit.messages.div_ceil(2)
    }

    pub(super) fn report(&self, taken: &mut Taken) {
        let driver = {
            let mut queue = self.lock();
            queue.held.remove(std::mem::take(taken));
            queue.driver.take()
        };
        driver.into_iter().for_each(Waker::wake);
    }

    /// What has come in, into an empty batch. False at the end.
    pub(super) fn take(&self, batch: &mut VecDeque<Entry<R>>, taken: &mut Taken, cx: &mut Context<'_>) -> Poll<bool> {
        let mut _old = None; // Dropped outside of the lock.
        let (result, driver) = {
            let queue = &mut *self.lock();
            let read = std::mem::take(taken);
            queue.held.remove(read);
            let driver = if read == Taken::default() { None } else { queue.driver.take() };
            if self.drops_oldest {
                batch.extend(queue.entries.pop_front());
            } else {
                std::mem::swap(batch, &mut queue.entries);
            }
            let result = match (batch.is_empty(), queue.closed) {
                (false, _) => Poll::Ready(true),
                (true, true) => Poll::Ready(false),
                (true, false) => {
                    _old = set_waker(&mut queue.receiver, cx.waker());
                    Poll::Pending
                }
            };
            (result, driver)
        };
        driver.into_iter().for_each(Waker::wake);
        result
    }

    pub(super) fn drop_receiver(&self, unread: u64) {
        let (entries, driver) = {
            let mut queue = self.lock();
            queue.dropped = true;
            queue.held = Taken::default();
            let left = queue.entries.iter().filter(|entry| entry.is_message()).count();
            self.discard(unread + left as u64);
            (std::mem::take(&mut queue.entries), queue.driver.take())
        };
        driver.into_iter().for_each(Waker::wake);
        drop(entries); // outside of the lock
    }

    // ---- the driver ------------------------------------------------------------------------

    /// Hands a batch over. Says what there is room for now; `waiting` is woken when there is more.
    pub(super) fn put(&self, batch: &mut VecDeque<Entry<R>>, waiting: Option<&Waker>) -> Vacancy {
        let mut discarded = VecDeque::new();
        let (vacancy, receiver, _old) = {
            let queue = &mut *self.lock();
            if queue.dropped {
                self.discard(batch.iter().filter(|entry| entry.is_message()).count() as u64);
                std::mem::swap(&mut discarded, batch);
            }
            let woken = !batch.is_empty();
            queue.append(batch);
            if self.drops_oldest {
                self.discard(queue.shrink(self.limit, &mut discarded));
            }
            let vacancy = self.vacancy(queue);
            let old = std::mem::replace(&mut queue.driver, waiting.cloned());
            (vacancy, if woken { queue.receiver.take() } else { None }, old)
        };
        receiver.into_iter().for_each(Waker::wake);
        vacancy
    }

    fn vacancy(&self, queue: &Queue<R>) -> Vacancy {
        if self.drops_oldest || queue.dropped {
            return Vacancy::ANY;
        }
        Vacancy {
            messages: self.limit.messages.saturating_sub(queue.held.messages),
            bytes: self.limit.bytes.saturating_sub(queue.held.bytes),
            empty: queue.held.messages == 0,
        }
    }

    pub(super) fn discarded(&self) -> u64 {
        self.discarded.load(Ordering::Relaxed)
    }

    fn discard(&self, messages: u64) {
        self.discarded.fetch_add(messages, Ordering::Relaxed);
    }

    /// Nothing more will come.
    pub(super) fn close(&self) {
        let receiver = {
            let mut queue = self.lock();
            queue.closed = true;
            queue.receiver.take()
        };
        receiver.into_iter().for_each(Waker::wake);
    }
}

impl<R> Queue<R> {
    /// Empties a batch whose events are one of each kind at each place.
    fn append(&mut self, batch: &mut VecDeque<Entry<R>>) {
        batch.iter().for_each(|entry| self.held.add_entry(entry));
        if self.entries.is_empty() {
            return std::mem::swap(&mut self.entries, batch);
        }
        // Behind the first message there is nothing in the queue to merge with.
        while batch.front().is_some_and(|entry| !entry.is_message()) {
            batch.pop_front().into_iter().for_each(|event| push(&mut self.entries, event));
        }
        self.entries.append(batch);
    }

    /// Drops the oldest messages until the rest is within the limit; one of any size may stay. How many it dropped.
    fn shrink(&mut self, limit: Taken, discarded: &mut VecDeque<Entry<R>>) -> u64 {
        let mut dropped = 0;
        while self.held.messages > 1 && (self.held.messages > limit.messages || self.held.bytes > limit.bytes) {
            let Some(oldest) = self.entries.iter().position(Entry::is_message) else { break };
            let Some(entry) = self.entries.remove(oldest) else { break };
            let mut gone = Taken::default();
            gone.add_entry(&entry);
            self.held.remove(gone);
            dropped += 1;
            discarded.push_back(entry);
            self.merge_front();
        }
        dropped
    }

    /// The events before the first message are at one place now.
    fn merge_front(&mut self) {
        let first = self.entries.iter().position(Entry::is_message).unwrap_or(self.entries.len());
        let mut merged = VecDeque::new();
        for entry in self.entries.drain(..first) {
            push(&mut merged, entry);
        }
        merged.into_iter().rev().for_each(|entry| self.entries.push_front(entry));
    }
}

/// Appends an entry; at each place between two messages only the newest event of each kind is kept.
pub(super) fn push<R>(entries: &mut VecDeque<Entry<R>>, entry: Entry<R>) {
    if let Entry::Event(newer) = entry {
        for kept in entries.iter_mut().rev() {
            match kept {
                Entry::Message(..) => break,
                Entry::Event(kept) => {
                    if kept.absorb(newer) {
                        return;
                    }
                }
            }
        }
    }
    entries.push_back(entry);
}

#[cfg(test)]
mod tests {
    use heartline::State;
    use heartline::event::Cause;

    use super::*;

    fn changed(from: State, to: State) -> Entry<u8> {
        Entry::Event(Event::StateChanged { from, to, cause: Cause::Requested, skipped: 0 })
    }

    fn read(inbound: &Inbound<u8>) -> Vec<Received<u8>> {
        let (mut batch, mut taken) = (VecDeque::new(), Taken::default());
        let mut cx = Context::from_waker(Waker::noop());
        let mut read = Vec::new();
        while let Poll::Ready(true) = inbound.take(&mut batch, &mut taken, &mut cx) {
            batch.iter().for_each(|entry| taken.add_entry(entry));
            read.extend(batch.drain(..).map(Entry::into_received));
        }
        read
    }

    #[test]
    fn at_each_place_only_the_newest_change_is_kept_with_what_was_skipped() {
        let inbound = Inbound::new(1, 10, false);
        let mut batch = VecDeque::new();
        for entry in [changed(State::Idle, State::Connecting), changed(State::Connecting, State::Open)] {
            push(&mut batch, entry);
        }
        inbound.put(&mut batch, None);
        batch.extend([changed(State::Open, State::Waiting), Entry::Message(7, 1), Entry::Event(Event::Degraded)]);
        inbound.put(&mut batch, None);
        batch.extend([Entry::Event(Event::Recovered), changed(State::Waiting, State::Connecting)]);
        inbound.put(&mut batch, None);
        let place =
            |from, to, skipped| Received::Event(Event::StateChanged { from, to, cause: Cause::Requested, skipped });
        assert_eq!(
            read(&inbound),
            [
                place(State::Idle, State::Waiting, 2),
                Received::Message(7),
                Received::Event(Event::Recovered),
                place(State::Waiting, State::Connecting, 0),
            ]
        );
    }

    #[test]
    fn an_empty_queue_takes_one_message_of_any_size_and_then_none() {
        let inbound = Inbound::new(8, 10, false);
        let mut batch = VecDeque::new();
        let mut vacancy = inbound.put(&mut batch, None);
        assert!(vacancy.take(1_000) && !vacancy.take(1));
        batch.push_back(Entry::Message(1, 1_000));
        assert!(!inbound.put(&mut batch, None).take(1));
        assert_eq!(read(&inbound).len(), 1);
        let mut vacancy = inbound.put(&mut batch, None);
        assert!(vacancy.take(4) && vacancy.take(6) && !vacancy.take(1));
    }

    #[test]
    fn the_oldest_messages_make_room_and_their_events_stay_one_of_each_kind() {
        let inbound = Inbound::new(2, 100, true);
        let mut batch = VecDeque::new();
        for number in 0..4 {
            batch.push_back(changed(State::Idle, State::Open));
            batch.push_back(Entry::Message(number, 1));
        }
        inbound.put(&mut batch, None);
        let read = read(&inbound);
        let messages: Vec<_> = read.iter().cloned().filter_map(Received::into_message).collect();
        assert_eq!((messages, read.len(), inbound.discarded()), (vec![2, 3], 4, 2));
    }

    #[test]
    fn a_receiver_that_is_gone_takes_everything_and_counts_it() {
        let inbound = Inbound::new(1, 1, false);
        let mut batch = VecDeque::from([Entry::Message(1, 1)]);
        assert!(!inbound.put(&mut batch, None).take(1));
        inbound.drop_receiver(0);
        batch.push_back(Entry::Message(2, 1));
        assert!(inbound.put(&mut batch, None).take(1));
        assert_eq!(inbound.discarded(), 2);
    }
}

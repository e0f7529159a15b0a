//! What was received and waits for the application to take it. Bounded in messages and bytes.

use std::collections::VecDeque;

use crate::received::{Event, Received};

/// A message with its size, or an event.
#[derive(Debug)]
pub(crate) enum Entry<R> {
    Message(R, u32),
    Event(Event),
}

pub(crate) struct Inbox<R> {
    entries: VecDeque<Entry<R>>,
    /// What had no room, and what came behind it. While there is anything, nothing is read.
    parked: VecDeque<Entry<R>>,
    /// Of `entries`.
    messages: usize,
    bytes: u64,
    max_messages: usize,
    max_bytes: u64,
    drops_oldest: bool,
    pub(crate) discarded: u64,
}

impl<R> Inbox<R> {
    pub(crate) fn new(max_messages: usize, max_bytes: u64, drops_oldest: bool) -> Self {
        Self {
            entries: VecDeque::new(),
            parked: VecDeque::new(),
            messages: 0,
            bytes: 0,
            max_messages,
            max_bytes,
            drops_oldest,
            discarded: 0,
        }
    }

    /// The next one. What was parked moves up.
    pub(crate) fn pop(&mut self) -> Option<Received<R>> {
        let received = match self.entries.pop_front()? {
            Entry::Message(message, size) => {
                self.count_out(size);
                Received::Message(message)
            }
            Entry::Event(event) => Received::Event(event),
        };
        while let Some(entry) = self.parked.pop_front() {
            if let Entry::Message(_, size) = &entry {
                if !self.fits(*size) {
                    self.parked.push_front(entry);
                    break;
                }
            }
            self.accept(entry);
        }
        Some(received)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether something had no room.
    pub(crate) fn is_full(&self) -> bool {
        !self.parked.is_empty()
    }

    /// Whether there is room for a message of this size. An empty inbox takes one of any size.
    pub(crate) fn has_room(&self, size: u32) -> bool {
        self.drops_oldest || (self.parked.is_empty() && self.fits(size))
    }

    fn fits(&self, size: u32) -> bool {
        self.messages == 0 || (self.messages < self.max_messages && self.bytes + u64::from(size) <= self.max_bytes)
    }

    /// Takes a message, aside if there is no room.
    pub(crate) fn put(&mut self, message: R, size: u32) {
        let entry = Entry::Message(message, size);
        if !self.has_room(size) {
            return self.parked.push_back(entry);
        }
        self.accept(entry);
        while self.drops_oldest
            && self.messages > 1
            && (self.messages > self.max_messages || self.bytes > self.max_bytes)
        {
            self.drop_oldest();
        }
    }

    /// Takes an event, behind everything that was received before it.
    pub(crate) fn put_event(&mut self, event: Event) {
        let last = if self.parked.is_empty() { &mut self.entries } else { &mut self.parked };
        push(last, Entry::Event(event));
    }

    /// Takes in what is parked, however much: nothing more will come.
    pub(crate) fn close(&mut self) {
        while let Some(entry) = self.parked.pop_front() {
            self.accept(entry);
        }
    }

    fn accept(&mut self, entry: Entry<R>) {
        if let Entry::Message(_, size) = &entry {
            self.messages += 1;
            self.bytes += u64::from(*size);
        }
        push(&mut self.entries, entry);
    }

    fn count_out(&mut self, size: u32) {
        self.messages -= 1;
        self.bytes -= u64::from(size);
    }

    fn drop_oldest(&mut self) {
        let Some(oldest) = self.entries.iter().position(|entry| matches!(entry, Entry::Message(..))) else { return };
        let Some(Entry::Message(_, size)) = self.entries.remove(oldest) else { return };
        self.count_out(size);
        self.discarded += 1;
        // The events before and behind it are at one place now.
        let first = self.entries.iter().position(|entry| matches!(entry, Entry::Message(..)));
        let mut merged = VecDeque::new();
        for entry in self.entries.drain(..first.unwrap_or(self.entries.len())) {
            push(&mut merged, entry);
        }
        merged.into_iter().rev().for_each(|entry| self.entries.push_front(entry));
    }
}

/// Appends an entry; at each place between two messages only the newest event of each kind is kept.
fn push<R>(entries: &mut VecDeque<Entry<R>>, entry: Entry<R>) {
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

    fn changed(from: State, to: State, skipped: u32) -> Event {
        Event::Changed { from, to, cause: Cause::Requested, skipped }
    }

    fn read(inbox: &mut Inbox<u8>) -> Vec<Received<u8>> {
        std::iter::from_fn(|| inbox.pop()).collect()
    }

    #[test]
    fn at_each_place_only_the_newest_change_is_kept_with_what_was_skipped() {
        let mut inbox = Inbox::new(1, 10, false);
        inbox.put_event(changed(State::Idle, State::Connecting, 0));
        inbox.put_event(changed(State::Connecting, State::Open, 0));
        inbox.put_event(changed(State::Open, State::Waiting, 0));
        inbox.put(7, 1);
        inbox.put_event(Event::Degraded);
        inbox.put_event(Event::Recovered);
        inbox.put_event(changed(State::Waiting, State::Connecting, 0));
        let expected = [
            Received::Event(changed(State::Idle, State::Waiting, 2)),
            Received::Message(7),
            Received::Event(Event::Recovered),
            Received::Event(changed(State::Waiting, State::Connecting, 0)),
        ];
        assert_eq!(read(&mut inbox), expected);
    }

    #[test]
    fn an_empty_inbox_takes_one_message_of_any_size_and_the_next_is_parked_until_there_is_room() {
        let mut inbox = Inbox::new(8, 10, false);
        inbox.put(1, 1_000);
        assert!(!inbox.is_full());
        inbox.put(2, 4);
        inbox.put_event(Event::Degraded);
        inbox.put(3, 6);
        assert!(inbox.is_full());
        assert_eq!(inbox.pop(), Some(Received::Message(1)));
        assert!(!inbox.is_full() && !inbox.has_room(1));
        let rest = [Received::Message(2), Received::Event(Event::Degraded), Received::Message(3)];
        assert_eq!(read(&mut inbox), rest);
    }

    #[test]
    fn the_oldest_messages_make_room_and_their_events_stay_one_of_each_kind() {
        let mut inbox = Inbox::new(2, 100, true);
        for number in 0..4 {
            inbox.put_event(changed(State::Idle, State::Open, 0));
            inbox.put(number, 1);
        }
        assert!(!inbox.is_full());
        let read = read(&mut inbox);
        let messages: Vec<_> = read.iter().cloned().filter_map(Received::into_message).collect();
        assert_eq!((messages, read.len(), inbox.discarded), (vec![2, 3], 4, 2));
    }
}

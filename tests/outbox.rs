//! The outbox alone, without a session.

use std::time::Duration;

use heartline::{Instant, Limits, MessageId, Outbox, Outcome, Outgoing, Overflow, Refusal, Transmit, Why};

const SECOND: Duration = Duration::from_secs(1);
const SMALL: Limits =
    Limits { max_messages: 4, max_bytes: 100, overflow: Overflow::EvictOldest, ack_window: 2, max_deliveries: 2 };

/// An outbox, what bounds it, and the time.
struct Desk {
    outbox: Outbox<char>,
    limits: Limits,
    now: Instant,
}

fn desk(limits: Limits) -> Desk {
    Desk { outbox: Outbox::new(), limits, now: Instant::ORIGIN }
}

impl Desk {
    fn accept(&mut self, outgoing: Outgoing<char>) -> Result<(u64, u32), Refusal> {
        let accepted = self.outbox.accept(&self.limits, self.now, outgoing);
        accepted.map(|(id, evicted)| (id.as_raw(), evicted)).map_err(|refused| refused.reason)
    }

    fn once(&mut self, message: char) -> u64 {
        self.accept(Outgoing::once(message, 1)).expect("accepted").0
    }

    fn kept(&mut self, message: char) -> u64 {
        self.accept(Outgoing::at_least_once(message, 1)).expect("accepted").0
    }

    fn pull(&mut self) -> Option<Transmit<char>> {
        self.outbox.transmit(&self.limits, self.now, true)
    }

    fn pull_all(&mut self) -> String {
        std::iter::from_fn(|| self.pull()).map(|transmit| transmit.message).collect()
    }

    fn reconnect(&mut self) {
        self.outbox.connection_over(&self.limits);
    }

    fn outcomes(&mut self) -> Vec<(u64, Outcome<char>)> {
        std::iter::from_fn(|| self.outbox.next_outcome()).map(|(id, outcome)| (id.as_raw(), outcome)).collect()
    }
}

fn id(raw: u64) -> MessageId {
    MessageId::from_raw(raw)
}

/// [P8]
#[test]
fn an_outbox_takes_heap_with_its_first_message_and_keeps_it() {
    let mut desk = desk(Limits { max_messages: 64, ..SMALL });
    let untouched = allocation_counter::measure(|| {
        assert_eq!((desk.pull(), desk.outbox.next_outcome(), desk.outbox.deadline()), (None, None, None));
        desk.outbox.expire(desk.now);
        desk.outbox.abandon();
        desk.reconnect();
        assert_eq!((desk.outbox.unresolved(), desk.outbox.held(), desk.outbox.held_bytes()), (0, 0, 0));
        assert!(!desk.outbox.acked(id(1)) && !desk.outbox.cancel(id(1)));
    });
    assert_eq!(untouched.count_total, 0);
    let mut through = |messages: usize| {
        for _ in 0..messages {
            desk.once('a');
            let id = id(desk.kept('b'));
            while desk.pull().is_some() {}
            assert!(desk.outbox.acked(id));
            while desk.outbox.next_outcome().is_some() {}
        }
    };
    assert!(allocation_counter::measure(|| through(1)).count_total > 0);
    assert_eq!(allocation_counter::measure(|| through(1000)).count_total, 0);
}

#[test]
fn ids_count_from_one_over_refusals() {
    let mut desk = desk(Limits { overflow: Overflow::Refuse, max_messages: 2, ..SMALL });
    assert_eq!((desk.once('a'), desk.once('b')), (1, 2));
    assert_eq!(desk.accept(Outgoing::once('c', 1)), Err(Refusal::Full));
    assert!(desk.outbox.cancel(id(2)));
    assert_eq!(desk.accept(Outgoing::once('c', 1)), Err(Refusal::Full), "its outcome takes the place");
    desk.outcomes();
    assert_eq!(desk.once('c'), 3);
}

/// [Q1]
#[test]
fn a_bound_is_reached_exactly_and_not_passed() {
    let mut desk = desk(Limits { overflow: Overflow::Refuse, ..SMALL });
    assert_eq!(desk.accept(Outgoing::once('a', 101)), Err(Refusal::TooLarge));
    assert_eq!(desk.accept(Outgoing::once('a', 100)), Ok((1, 0)));
    assert_eq!(desk.accept(Outgoing::once('b', 1)), Err(Refusal::Full));
    for place in 0..3 {
        assert_eq!(desk.accept(Outgoing::once('c', 0)), Ok((2 + place, 0)));
    }
    assert_eq!(desk.accept(Outgoing::once('d', 0)), Err(Refusal::Full));
    assert_eq!((desk.outbox.unresolved(), desk.outbox.held(), desk.outbox.held_bytes()), (4, 4, 100));
}

/// [Q1] [Q3]
#[test]
fn eviction_takes_as_many_of_the_oldest_as_it_needs_or_none() {
    let mut desk = desk(SMALL);
    for (message, size) in [('a', 40), ('b', 30), ('c', 30)] {
        desk.accept(Outgoing::once(message, size)).expect("accepted");
    }
    assert_eq!(desk.accept(Outgoing::once('d', 41)), Ok((4, 2)));
    assert_eq!((desk.outbox.held(), desk.outbox.held_bytes()), (4, 141));
    assert_eq!(desk.accept(Outgoing::once('e', 90)), Err(Refusal::Full), "both victims and those before are too much");
    let evicted = |message| Outcome::Returned(Why::Evicted, message);
    assert_eq!(desk.outcomes(), [(1, evicted('a')), (2, evicted('b'))]);
    assert_eq!((desk.outbox.held(), desk.outbox.held_bytes(), desk.pull_all().as_str()), (2, 71, "cd"));
}

/// [Q7]
#[test]
fn a_pulled_message_is_still_unresolved_until_it_is_committed() {
    let mut desk = desk(SMALL);
    for send in [Desk::once, Desk::kept] {
        send(&mut desk, 'a');
        let before = desk.outbox.unresolved();
        let transmit = desk.pull().expect("a");
        assert!(desk.outbox.has_pulled());
        assert_eq!(desk.outbox.unresolved(), before);
        assert!(desk.outbox.put_back(transmit.clone()));
        assert!(!desk.outbox.has_pulled());
        assert!(!desk.outbox.put_back(transmit), "it is back already");
        assert_eq!(desk.outbox.unresolved(), before);
        desk.pull();
        desk.outbox.commit();
        assert!(!desk.outbox.has_pulled());
    }
    assert_eq!(desk.outbox.unresolved(), 1, "the one to be acknowledged");
    assert_eq!(desk.outcomes(), [(1, Outcome::Committed)]);
}

/// [Q7]
#[test]
fn only_the_message_pulled_last_can_be_given_back() {
    let mut desk = desk(SMALL);
    desk.once('a');
    desk.once('b');
    let first = desk.pull().expect("a");
    let second = desk.pull().expect("b");
    assert!(!desk.outbox.put_back(first.clone()) && !desk.outbox.reject(first));
    assert!(desk.outbox.reject(second.clone()));
    assert!(!desk.outbox.reject(second));
    assert_eq!(desk.outcomes(), [(1, Outcome::Committed), (2, Outcome::Returned(Why::Rejected, 'b'))]);
}

/// [Q5]
#[test]
fn what_is_resolved_in_the_middle_of_a_redelivery_neither_skips_nor_repeats() {
    for resolve in [Outbox::acked, Outbox::cancel] {
        for victim in 1..=4 {
            for sent in 0..=4 {
                let mut desk = desk(Limits { max_messages: 9, ack_window: 9, max_deliveries: 9, ..SMALL });
                for message in ['a', 'b', 'c', 'd'] {
                    desk.kept(message);
                }
                desk.pull_all();
                desk.reconnect();
                let mut again: String =
                    (0..sent).filter_map(|_| desk.pull()).map(|transmit| transmit.message).collect();
                assert!(resolve(&mut desk.outbox, id(victim)));
                again += &desk.pull_all();
                let gone = "abcd".chars().nth(victim as usize - 1).expect("one of four");
                let expected: String =
                    "abcd".chars().filter(|message| *message != gone || victim as usize <= sent).collect();
                assert_eq!(again, expected, "{victim} resolved after {sent} were sent");
            }
        }
    }
}

/// [Q6]
#[test]
fn what_expires_in_the_middle_of_a_redelivery_neither_skips_nor_repeats() {
    for mortal in 0..4 {
        for sent in 0..=4 {
            let mut desk = desk(Limits { max_messages: 9, ack_window: 9, max_deliveries: 9, ..SMALL });
            for (place, message) in "abcd".chars().enumerate() {
                let message = Outgoing::at_least_once(message, 1);
                let time = if place == mortal { SECOND } else { 9 * SECOND };
                desk.accept(message.time_to_live(time)).expect("accepted");
            }
            desk.pull_all();
            desk.reconnect();
            let mut again: String = (0..sent).filter_map(|_| desk.pull()).map(|transmit| transmit.message).collect();
            desk.now = Instant::after(SECOND);
            desk.outbox.expire(desk.now);
            again += &desk.pull_all();
            let expected = "abcd".chars().enumerate().filter(|(place, _)| *place != mortal || *place < sent);
            assert_eq!(again, expected.map(|(_, message)| message).collect::<String>(), "{mortal} after {sent}");
            assert_eq!(desk.outcomes().len(), 1);
            assert_eq!(desk.outbox.deadline(), Some(Instant::after(9 * SECOND)));
        }
    }
}

/// [Q6]
#[test]
fn the_deadline_is_never_later_than_the_first_end_of_a_time_to_live() {
    let mut desk = desk(SMALL);
    desk.once('a');
    assert_eq!(desk.outbox.deadline(), None);
    for (message, seconds, due) in [('b', 5, 5), ('c', 3, 3), ('d', 4, 3)] {
        desk.accept(Outgoing::once(message, 1).time_to_live(seconds * SECOND)).expect("accepted");
        assert_eq!(desk.outbox.deadline(), Some(Instant::after(due * SECOND)));
    }
    for (due, message) in [(3, 'c'), (4, 'd'), (5, 'b')] {
        desk.now = Instant::after(due * SECOND);
        assert_eq!(desk.outbox.deadline(), Some(desk.now));
        desk.outbox.expire(desk.now);
        assert_eq!(desk.outcomes().pop().map(|(_, outcome)| outcome), Some(Outcome::Returned(Why::Expired, message)));
    }
    assert_eq!(desk.outbox.deadline(), None);
}

/// [Q6]
#[test]
fn a_time_to_live_past_the_end_of_time_is_none() {
    let mut desk = desk(SMALL);
    desk.now = Instant::from_nanos(u64::MAX - 1);
    desk.accept(Outgoing::once('a', 1).time_to_live(SECOND)).expect("accepted");
    assert_eq!(desk.outbox.deadline(), None);
    desk.now = Instant::MAX;
    desk.outbox.expire(desk.now);
    assert_eq!(desk.pull_all(), "a");
}

/// [Q2] [Q5]
#[test]
fn the_end_of_a_connection_resolves_its_own_messages_and_those_delivered_too_often() {
    let mut desk = desk(SMALL);
    desk.kept('a');
    desk.kept('b');
    desk.pull();
    desk.accept(Outgoing::connection('c', 1)).expect("accepted");
    desk.reconnect();
    assert_eq!(desk.outcomes(), [(3, Outcome::Returned(Why::ConnectionOver, 'c'))]);
    assert_eq!(desk.pull_all(), "ab");
    desk.reconnect();
    assert_eq!(desk.outcomes(), [(1, Outcome::Unconfirmed(Why::MaxDeliveries, 'a'))]);
    assert_eq!(desk.pull(), Some(Transmit { id: id(2), message: 'b', redelivery: true }));
}

/// [Q3] [X1]
#[test]
fn abandoning_resolves_everything_that_is_unresolved_a_pulled_message_included() {
    let mut desk = desk(SMALL);
    desk.kept('a');
    desk.pull_all();
    desk.kept('b');
    desk.accept(Outgoing::connection('c', 1)).expect("accepted");
    desk.pull();
    desk.outbox.abandon();
    let expected = [
        (3, Outcome::Committed),
        (1, Outcome::Unconfirmed(Why::Abandoned, 'a')),
        (2, Outcome::Returned(Why::Abandoned, 'b')),
    ];
    assert_eq!(desk.outcomes(), expected);
    assert_eq!((desk.outbox.unresolved(), desk.outbox.held(), desk.pull()), (0, 0, None));
}

/// [C5]
#[test]
fn before_ready_only_connection_messages_pass() {
    let mut desk = desk(SMALL);
    desk.once('a');
    desk.accept(Outgoing::connection('b', 1)).expect("accepted");
    let mut pull = |ready| desk.outbox.transmit(&SMALL, desk.now, ready).map(|transmit| transmit.message);
    assert_eq!([pull(false), pull(false), pull(true), pull(true)], [Some('b'), None, Some('a'), None]);
}

use alloc::string::String;
use alloc::vec;

use super::*;
use crate::session::message::Outgoing;

const SECOND: Duration = Duration::from_secs(1);
const SMALL: OutboxConfig = OutboxConfig {
    max_messages: 4,
    max_bytes: 100,
    overflow: Overflow::EvictOldest,
    max_connection_messages: 2,
    max_connection_bytes: 50,
    ack_window: 2,
    ack_timeout: None,
    max_losses: 2,
};
/// Room for everything.
const WIDE: OutboxConfig = OutboxConfig { max_messages: 99, ack_window: 99, ..SMALL };

/// An outbox, what bounds it, and the time.
struct Bench {
    outbox: Outbox<char>,
    config: OutboxConfig,
    now: Timestamp,
}

fn bench(config: OutboxConfig) -> Bench {
    Bench { outbox: Outbox::new(id(1)), config, now: Timestamp::ORIGIN }
}

fn id(raw: u64) -> MessageId {
    MessageId::from_raw(raw)
}

impl Bench {
    /// The id and how many were evicted for it.
    fn send(&mut self, outgoing: Outgoing<char>) -> Result<(u64, u32), Refusal> {
        let expires = Deadline::after(Deadline::at(self.now), Span::of_option(outgoing.time_to_live()));
        let evicted = self.outbox.make_room(&self.config, &outgoing)?;
        let accepted = self.outbox.accept(expires, outgoing).map_err(|refused| refused.reason)?;
        expires.get().into_iter().for_each(|at| self.outbox.expires(at));
        Ok((accepted.as_raw(), evicted))
    }

    fn at_most_once(&mut self, message: char) -> u64 {
        self.send(Outgoing::at_most_once(message, 1)).expect("accepted").0
    }

    fn at_least_once(&mut self, message: char) -> u64 {
        self.send(Outgoing::at_least_once(message, 1)).expect("accepted").0
    }

    fn lend(&mut self) -> Option<(u64, char, bool)> {
        self.lend_when(Some(true))
    }

    fn lend_when(&mut self, ready: Option<bool>) -> Option<(u64, char, bool)> {
        let lent = if ready == Some(true) && self.outbox.lend_fast(&self.config, self.now) {
            self.outbox.fresh()
        } else if self.outbox.lend(&self.config, self.now, ready) {
            self.outbox.lent()
        } else {
            None
        };
        lent.map(|lent| (lent.id.as_raw(), *lent.message, lent.redelivery))
    }

    fn sent(&mut self, raw: u64) -> Option<bool> {
        self.outbox.sent(&self.config, self.now, id(raw))
    }

    fn write(&mut self) -> Option<char> {
        let (id, message, redelivery) = self.lend()?;
        assert_eq!(self.sent(id), Some(redelivery));
        Some(message)
    }

    fn write_all(&mut self) -> String {
        core::iter::from_fn(|| self.write()).collect()
    }

    fn lose(&mut self) {
        self.outbox.connection_ended(&self.config, true);
    }

    fn outcomes(&mut self) -> Vec<(u64, Outcome<char>)> {
        let outcome = |action| match action {
            Action::Outcome { id, outcome } => (id.as_raw(), outcome),
            other => panic!("{other:?}"),
        };
        core::iter::from_fn(|| self.outbox.next_outcome()).map(outcome).collect()
    }

    fn expire_at(&mut self, elapsed: Duration) {
        self.now = Timestamp::after(elapsed);
        self.outbox.expire(self.now);
    }

    fn due(&self) -> Option<Duration> {
        self.outbox.deadline().get().map(Timestamp::since_origin)
    }
}

#[test]
fn an_outbox_that_was_never_used_does_nothing() {
    let mut bench = bench(SMALL);
    bench.expire_at(SECOND);
    bench.lose();
    bench.outbox.abandon();
    bench.outbox.give_back();
    assert_eq!((bench.lend(), bench.sent(1), bench.outcomes(), bench.due()), (None, None, vec![], None));
    assert_eq!((bench.outbox.unresolved(), bench.outbox.held(), bench.outbox.held_bytes()), (0, 0, 0));
    assert!(!bench.outbox.acked(id(1)) && !bench.outbox.cancel(id(1)) && !bench.outbox.rejected(id(1)));
    assert!(!bench.outbox.ack_overdue(Timestamp::MAX) && !bench.outbox.has_outcomes());
    assert!(!bench.outbox.restart_ack_waits(&SMALL, Timestamp::ORIGIN, Span::ZERO));
    let mut print = vec![];
    bench.outbox.fingerprint(&SMALL, Timestamp::ORIGIN, SECOND, &mut print);
    assert_eq!(print, []);
}

#[test]
fn ids_count_over_refusals() {
    let mut bench = bench(OutboxConfig { overflow: Overflow::Refuse, max_messages: 2, ..SMALL });
    assert_eq!((bench.at_most_once('a'), bench.at_most_once('b')), (1, 2));
    assert_eq!(bench.send(Outgoing::at_most_once('c', 1)), Err(Refusal::Full));
    assert!(bench.outbox.cancel(id(2)));
    assert_eq!(bench.send(Outgoing::at_most_once('c', 1)), Err(Refusal::Full), "its outcome takes the place");
    bench.outcomes();
    assert_eq!(bench.at_most_once('c'), 3);
}

/// [Q1]
#[test]
fn a_bound_is_reached_exactly_and_not_passed() {
    let mut bench = bench(OutboxConfig { overflow: Overflow::Refuse, ..SMALL });
    assert_eq!(bench.send(Outgoing::at_most_once('a', 101)), Err(Refusal::TooLarge));
    assert_eq!(bench.send(Outgoing::at_most_once('a', 100)), Ok((1, 0)));
    assert_eq!(bench.send(Outgoing::at_most_once('b', 1)), Err(Refusal::Full));
    for place in 0..3 {
        assert_eq!(bench.send(Outgoing::at_most_once('c', 0)), Ok((2 + place, 0)));
    }
    assert_eq!(bench.send(Outgoing::at_most_once('d', 0)), Err(Refusal::Full));
    assert_eq!(bench.send(Outgoing::this_connection('e', 51)), Err(Refusal::TooLarge));
    assert_eq!(bench.send(Outgoing::this_connection('e', 50)), Ok((5, 0)));
    assert_eq!(bench.send(Outgoing::this_connection('f', 0)), Ok((6, 0)));
    assert_eq!(bench.send(Outgoing::this_connection('g', 0)), Err(Refusal::Full));
    assert_eq!((bench.outbox.unresolved(), bench.outbox.held(), bench.outbox.held_bytes()), (6, 6, 150));
}

/// [Q1] [Q3]
#[test]
fn eviction_takes_as_many_of_the_oldest_as_it_needs_or_none() {
    let mut bench = bench(SMALL);
    for (message, size) in [('a', 40), ('b', 30), ('c', 30)] {
        bench.send(Outgoing::at_most_once(message, size)).expect("accepted");
    }
    assert_eq!(bench.send(Outgoing::at_most_once('d', 41)), Ok((4, 2)));
    assert_eq!((bench.outbox.held(), bench.outbox.held_bytes()), (4, 141));
    assert_eq!(bench.send(Outgoing::at_most_once('e', 90)), Err(Refusal::Full), "too much for the second bounds");
    let evicted = |message| Outcome::Returned(Reason::Evicted, message);
    assert_eq!(bench.outcomes(), [(1, evicted('a')), (2, evicted('b'))]);
    assert_eq!((bench.outbox.held(), bench.outbox.held_bytes(), &*bench.write_all()), (2, 71, "cd"));
}

/// [Q7]
#[test]
fn a_lent_message_is_unresolved_until_it_is_sent_or_rejected() {
    let mut bench = bench(SMALL);
    bench.at_most_once('a');
    bench.at_most_once('b');
    assert_eq!(bench.lend(), Some((1, 'a', false)));
    assert_eq!((bench.outbox.unresolved(), bench.sent(2), bench.outbox.rejected(id(2))), (2, None, false));
    assert_eq!((bench.sent(1), bench.sent(1)), (Some(false), None));
    assert_eq!(bench.lend(), Some((2, 'b', false)));
    assert_eq!((bench.outbox.rejected(id(2)), bench.outbox.rejected(id(2))), (true, false));
    assert_eq!(bench.outcomes(), [(1, Outcome::Transmitted), (2, Outcome::Returned(Reason::Rejected, 'b'))]);
}

/// [Q7]
#[test]
fn a_lent_message_that_was_resolved_otherwise_can_be_neither_sent_nor_rejected() {
    let mut bench = bench(SMALL);
    for (nth, resolve) in (1..).zip([Outbox::acked, Outbox::cancel]) {
        bench.at_least_once('a');
        assert_eq!(bench.lend(), Some((2 * nth - 1, 'a', false)));
        assert!(resolve(&mut bench.outbox, id(2 * nth - 1)));
        assert_eq!(bench.sent(2 * nth - 1), None);
        bench.at_least_once('b');
        bench.lend();
        assert!(resolve(&mut bench.outbox, id(2 * nth)));
        assert!(!bench.outbox.rejected(id(2 * nth)));
    }
    assert_eq!(bench.outcomes().len(), 4);
}

/// [Q5]
#[test]
fn what_is_resolved_in_the_middle_of_a_redelivery_neither_skips_nor_repeats() {
    for resolve in [Outbox::acked, Outbox::cancel] {
        for victim in 1..=4 {
            for sent in 0..=4 {
                let mut bench = bench(WIDE);
                "abcd".chars().for_each(|message| _ = bench.at_least_once(message));
                bench.write_all();
                bench.lose();
                let mut again: String = (0..sent).filter_map(|_| bench.write()).collect();
                assert!(resolve(&mut bench.outbox, id(victim)));
                again += &bench.write_all();
                let kept = |(place, _): &(u64, char)| *place != victim || victim <= sent;
                let expected: String = (1..).zip("abcd".chars()).filter(kept).map(|(_, message)| message).collect();
                assert_eq!(again, expected, "{victim} resolved after {sent} were sent");
            }
        }
    }
}

/// [Q6]
#[test]
fn what_expires_in_the_middle_of_a_redelivery_neither_skips_nor_repeats() {
    for brief in 0..4 {
        for sent in 0..=4 {
            let mut bench = bench(WIDE);
            for (place, message) in "abcd".chars().enumerate() {
                let time = if place == brief { SECOND } else { 9 * SECOND };
                bench.send(Outgoing::at_least_once(message, 1).expires_in(time)).expect("accepted");
            }
            bench.write_all();
            bench.lose();
            let mut again: String = (0..sent).filter_map(|_| bench.write()).collect();
            bench.expire_at(SECOND);
            again += &bench.write_all();
            let expected = "abcd".chars().enumerate().filter(|(place, _)| *place != brief || *place < sent);
            assert_eq!(again, expected.map(|(_, message)| message).collect::<String>(), "{brief} after {sent}");
            assert_eq!((bench.outcomes().len(), bench.due()), (1, Some(9 * SECOND)));
        }
    }
}

/// [Q6] [P7]
#[test]
fn the_deadline_is_never_later_than_the_first_end_of_a_time_to_live_and_exact_after_a_timer() {
    let mut bench = bench(SMALL);
    bench.at_most_once('a');
    assert_eq!(bench.due(), None);
    for (message, seconds, due) in [('b', 5, 5), ('c', 3, 3), ('d', 4, 3)] {
        bench.send(Outgoing::at_most_once(message, 1).expires_in(seconds * SECOND)).expect("accepted");
        assert_eq!(bench.due(), Some(due * SECOND));
    }
    assert!(bench.outbox.cancel(id(4)));
    bench.outcomes();
    for (due, message, next) in [(3, 'c', Some(5 * SECOND)), (5, 'b', None)] {
        bench.expire_at(due * SECOND);
        assert_eq!(
            bench.outcomes().pop().map(|(_, outcome)| outcome),
            Some(Outcome::Returned(Reason::Expired, message))
        );
        assert_eq!(bench.due(), next);
    }
}

/// [Q6] [P4]
#[test]
fn a_time_to_live_past_the_end_of_time_is_none() {
    let mut bench = bench(SMALL);
    bench.now = Timestamp::from_nanos(u64::MAX - 1);
    bench.send(Outgoing::at_most_once('a', 1).expires_in(SECOND)).expect("accepted");
    assert_eq!(bench.due(), None);
    bench.expire_at(Duration::MAX);
    assert_eq!(bench.write_all(), "a");
}

/// [P3]
#[test]
fn the_times_to_live_of_resolved_messages_are_forgotten() {
    let mut bench = bench(SMALL);
    bench.send(Outgoing::at_least_once('a', 1).expires_in(9 * SECOND)).expect("accepted");
    for _ in 0..1_000 {
        let (id, _) = bench.send(Outgoing::at_most_once('b', 1).expires_in(10 * SECOND)).expect("accepted");
        assert!(bench.outbox.cancel(MessageId::from_raw(id)));
        bench.outcomes();
    }
    let queues = bench.outbox.queues.as_ref().expect("in use");
    assert!(queues.expiries.len() < 40, "{}", queues.expiries.len());
    assert_eq!(bench.due(), Some(9 * SECOND));
    bench.expire_at(9 * SECOND);
    assert_eq!(bench.outcomes(), [(1, Outcome::Returned(Reason::Expired, 'a'))]);
    let brief = |bench: &mut Bench| bench.send(Outgoing::at_most_once('c', 1).expires_in(SECOND)).expect("accepted").0;
    let mut bench = self::bench(OutboxConfig { max_messages: 64, ..WIDE });
    let crowd: Vec<u64> = (0..64).map(|_| brief(&mut bench)).collect();
    crowd.into_iter().for_each(|id| assert!(bench.outbox.cancel(MessageId::from_raw(id))));
    bench.outcomes();
    brief(&mut bench);
    let queues = bench.outbox.queues.as_ref().expect("in use");
    assert_eq!(queues.expiries.len(), 1, "of a crowd that has gone too");
}

/// [Q2] [Q10]
#[test]
fn the_end_of_a_connection_resolves_its_own_messages_and_charges_the_oldest() {
    let mut bench = bench(SMALL);
    bench.at_least_once('a');
    bench.at_least_once('b');
    bench.write();
    bench.send(Outgoing::this_connection('c', 1)).expect("accepted");
    bench.lose();
    assert_eq!(bench.outcomes(), [(3, Outcome::Returned(Reason::ConnectionEnded, 'c'))]);
    assert_eq!(bench.write_all(), "ab");
    bench.lose();
    assert_eq!(bench.outcomes(), [(1, Outcome::Unconfirmed(Reason::MaxLosses, 'a'))]);
    assert_eq!(bench.lend(), Some((2, 'b', true)));
    bench.outbox.connection_ended(&SMALL, false);
    bench.outbox.connection_ended(&SMALL, false);
    assert_eq!((bench.outcomes(), bench.lend()), (vec![], Some((2, 'b', true))), "nobody is charged");
}

/// [Q8]
#[test]
fn what_is_sent_after_the_end_of_its_connection_is_not_transmitted_on_the_next() {
    let mut bench = bench(OutboxConfig { ack_timeout: Some(SECOND), ..SMALL });
    bench.at_least_once('a');
    for redelivery in [false, true] {
        assert_eq!(bench.lend(), Some((1, 'a', redelivery)));
        bench.lose();
        assert_eq!((bench.sent(1), bench.due()), (Some(redelivery), None));
    }
    assert_eq!((bench.write(), bench.due()), (Some('a'), Some(SECOND)));
}

/// [Q9]
#[test]
fn waits_for_acknowledgements_start_anew_once() {
    let mut bench = bench(OutboxConfig { ack_timeout: Some(SECOND), ..SMALL });
    bench.at_least_once('a');
    bench.at_least_once('b');
    bench.write();
    let later = Timestamp::after(5 * SECOND);
    assert!(bench.outbox.restart_ack_waits(&bench.config, later, Span::of(SECOND)));
    assert!(
        !bench.outbox.restart_ack_waits(&bench.config, later, Span::of(SECOND)),
        "a has had its grace, b was not sent"
    );
    assert_eq!(bench.due(), Some(6 * SECOND));
    assert!(!bench.outbox.ack_overdue(later) && bench.outbox.ack_overdue(Timestamp::after(6 * SECOND)));
    bench.now = later;
    bench.write();
    let restart =
        |bench: &mut Bench, at| bench.outbox.restart_ack_waits(&bench.config, Timestamp::after(at), Span::of(SECOND));
    assert!(!restart(&mut bench, 6 * SECOND), "no longer than tolerated");
    assert!(restart(&mut bench, 8 * SECOND), "b's first");
    assert_eq!(bench.due(), Some(6 * SECOND), "a's");
    assert!(bench.outbox.acked(id(1)));
    bench.expire_at(5 * SECOND);
    assert_eq!(bench.due(), Some(9 * SECOND), "b's");
}

/// [Q3] [X1]
#[test]
fn abandoning_resolves_everything_that_is_unresolved_a_lent_message_included() {
    let mut bench = bench(SMALL);
    bench.at_least_once('a');
    bench.write_all();
    bench.at_least_once('b');
    bench.send(Outgoing::this_connection('c', 1).expires_in(SECOND)).expect("accepted");
    assert_eq!(bench.lend(), Some((3, 'c', false)));
    bench.outbox.abandon();
    let expected = [
        (3, Outcome::Returned(Reason::Abandoned, 'c')),
        (1, Outcome::Unconfirmed(Reason::Abandoned, 'a')),
        (2, Outcome::Returned(Reason::Abandoned, 'b')),
    ];
    assert_eq!((bench.sent(3), bench.outcomes(), bench.due()), (None, expected.to_vec(), None));
    assert_eq!((bench.outbox.unresolved(), bench.outbox.held(), bench.lend()), (0, 0, None));
    bench.outbox.give_back();
    assert!(bench.outbox.queues.is_none());
}

/// [C5] [Q7]
#[test]
fn before_ready_only_messages_for_this_connection_are_lent_and_without_a_connection_none() {
    let mut bench = bench(SMALL);
    bench.at_most_once('a');
    bench.send(Outgoing::this_connection('b', 1)).expect("accepted");
    assert_eq!(bench.lend_when(Some(false)), Some((2, 'b', false)));
    assert_eq!((bench.lend_when(None), bench.sent(2)), (None, None));
    assert_eq!(bench.lend_when(Some(false)), Some((2, 'b', false)));
    assert_eq!((bench.sent(2), bench.lend_when(Some(false))), (Some(false), None));
    assert_eq!(bench.lend(), Some((1, 'a', false)));
}

/// [P2]
#[test]
fn a_fingerprint_tells_apart_what_will_differ() {
    let steps: [fn(&mut Bench); 9] = [
        |_| {},
        |bench| _ = bench.lend(),
        |bench| _ = bench.write(),
        |bench| _ = (bench.lend(), bench.lose()),
        |bench| _ = (bench.write(), bench.lose()),
        |bench| _ = (bench.write(), bench.outbox.acked(id(1))),
        |bench| _ = bench.outbox.cancel(id(1)),
        |bench| _ = bench.outbox.cancel(id(2)),
        |bench| drop((bench.outbox.cancel(id(2)), bench.outcomes())),
    ];
    let print = |step: &fn(&mut Bench)| {
        let mut bench = bench(OutboxConfig { ack_timeout: Some(SECOND), ..SMALL });
        bench.at_least_once('a');
        bench.at_most_once('b');
        step(&mut bench);
        let mut print = vec![];
        bench.outbox.fingerprint(&bench.config, bench.now, SECOND, &mut print);
        print
    };
    let prints: Vec<_> = steps.iter().map(print).collect();
    for (place, print) in prints.iter().enumerate() {
        assert!(!prints[..place].contains(print), "step {place}");
    }
}

/// How many slots a hundred calls look at, on average.
fn looks(mut call: impl FnMut(u64)) -> usize {
    use crate::session::queue::LOOKS;
    LOOKS.set(0);
    (0..100).for_each(&mut call);
    LOOKS.get() / 100
}

/// A bench with so many messages queued.
fn filled(queued: u64, config: OutboxConfig, outgoing: impl Fn(u64) -> Outgoing<char>) -> Bench {
    let mut bench = bench(config);
    (1..=queued).for_each(|nth| _ = bench.send(outgoing(nth)).expect("accepted"));
    bench
}

/// [P9]
#[test]
fn a_call_searches_and_does_not_walk_through_what_is_queued() {
    const QUEUED: u64 = 100_000;
    const MANY: u32 = 1 << 20;
    let config = OutboxConfig { max_messages: MANY, max_bytes: MANY, ack_window: MANY, max_losses: u16::MAX, ..SMALL };
    let (full, narrow) =
        (OutboxConfig { max_messages: QUEUED as u32, ..config }, OutboxConfig { ack_window: 2, ..config });
    let at_least_once = |_| Outgoing::at_least_once('a', 0);
    let middle = QUEUED / 2;
    let mut costs = Vec::new();

    let mut bench = filled(QUEUED, config, at_least_once);
    costs.push(("cancel from the middle", looks(|nth| assert!(bench.outbox.cancel(id(middle + nth))))));
    let mut bench = filled(QUEUED, config, at_least_once);
    costs.push(("transmit", looks(|_| assert!(bench.write().is_some()))));
    bench.write_all();
    costs.push(("acknowledge from the middle", looks(|nth| assert!(bench.outbox.acked(id(middle + nth))))));
    let mut bench =
        filled(QUEUED, config, |nth| Outgoing::at_most_once('a', 0).expires_in(Duration::from_millis(QUEUED - nth)));
    costs.push(("expire from the end", looks(|nth| bench.expire_at(Duration::from_millis(nth)))));
    let mut bench = filled(QUEUED, narrow, at_least_once);
    assert!(bench.write().is_some() && bench.write().is_some());
    costs.push(("lose a connection", looks(|_| bench.lose())));
    let mut bench = filled(QUEUED, full, |_| Outgoing::at_most_once('a', 0));
    costs.push(("evict for a send", looks(|_| _ = bench.send(Outgoing::at_most_once('b', 0)).expect("evicted"))));
    // What was evicted before fills the second set of bounds.
    let mut bench = filled(2, OutboxConfig { max_bytes: 9, ..config }, |_| Outgoing::at_most_once('a', 9));
    (0..QUEUED).for_each(|_| _ = bench.send(Outgoing::at_most_once('b', 0)).expect("accepted"));
    costs
        .push(("refuse a send", looks(|_| assert_eq!(bench.send(Outgoing::at_most_once('b', 1)), Err(Refusal::Full)))));

    for (call, looked_at) in costs {
        assert!(looked_at <= 64, "{call} looks at {looked_at} of {QUEUED} messages");
    }
}

//! Slow consumers.

use heartline::hub::{Fate, Settings};
use heartline::{Loss, RetryPolicy, Verdict};

use crate::desk::{Action, Desk, close, deliver, offline, plain, seconds, told};

/// [U9]
#[test]
fn the_budget_may_be_used_up_but_not_exceeded() {
    let (mut desk, [ann]) = Desk::with(plain(), ["ann"]);
    assert_eq!(desk.queued(ann, 100), []);
    assert_eq!(desk.written(ann, 1), []);
    assert_eq!(desk.queued(ann, 1), []);
    assert_eq!(desk.queued(ann, 1), [close(ann, 1013), offline("ann")]);
    assert_eq!(desk.hub.stats().closed_slow, 1);
}

/// [U9]
#[test]
fn the_code_for_a_slow_consumer_is_retried_by_the_default_policy() {
    assert!(matches!(RetryPolicy::default().verdict(Loss::Close(1013)), Verdict::RetryAfter(_)));
}

/// [U9]
#[test]
fn volatile_messages_are_routed_up_to_the_mark_and_again_below_it() {
    let (mut desk, [ann, bob]) = Desk::with(plain(), ["ann", "bob"]);
    desk.queued(bob, 10);
    assert_eq!(desk.volatile(ann, "bob", "tick")[0], deliver(bob, "ann", "tick"));
    desk.queued(bob, 1);
    assert_eq!(desk.volatile(ann, "bob", "tick"), [told(ann, "bob", Fate::Dropped("tick"))]);
    desk.written(bob, 1);
    assert_eq!(desk.volatile(ann, "bob", "tick")[0], deliver(bob, "ann", "tick"));
}

/// [U9]
#[test]
fn what_was_written_without_being_queued_is_no_credit() {
    let (mut desk, [ann]) = Desk::with(plain(), ["ann"]);
    desk.queued(ann, 50);
    desk.written(ann, u32::MAX);
    assert_eq!(desk.queued(ann, 100), []);
    assert_eq!(desk.queued(ann, 1), [close(ann, 1013), offline("ann")]);
}

/// [U9]
#[test]
fn a_single_message_over_the_budget_is_too_much_even_the_longest() {
    let (mut desk, [ann, bob]) = Desk::with(plain(), ["ann", "bob"]);
    assert_eq!(desk.queued(ann, 101), [close(ann, 1013), offline("ann")]);
    assert_eq!(desk.queued(bob, u32::MAX), [close(bob, 1013), offline("bob")]);
    let generous = Settings { budget: u32::MAX, volatile_above: u32::MAX, ..plain() };
    let (mut desk, [ann]) = Desk::with(generous, ["ann"]);
    assert_eq!(desk.queued(ann, u32::MAX), []);
    assert_eq!(desk.queued(ann, 1), [close(ann, 1013), offline("ann")]);
}

/// [U9]
#[test]
fn an_anonymous_connection_has_a_budget_too() {
    let mut desk = Desk::new(plain());
    let conn = desk.admit();
    assert_eq!(desk.queued(conn, 101), [close(conn, 1013)]);
    assert_eq!(desk.hub.anonymous(), 0);
}

/// [U9] [U11]
#[test]
fn nobody_else_notices_a_slow_consumer() {
    let (mut desk, [ann, bob, eve]) = Desk::with(plain(), ["ann", "bob", "eve"]);
    desk.queued(eve, 99);
    assert_eq!(desk.volatile(ann, "bob", "tick"), [deliver(bob, "ann", "tick"), told(ann, "bob", Fate::Routed(1))]);
    assert_eq!(desk.queued(eve, 2), [close(eve, 1013), offline("eve")]);
    assert_eq!(desk.relay(ann, "bob", "hello"), [deliver(bob, "ann", "hello"), told(ann, "bob", Fate::Routed(1))]);
    let abort = desk.run(seconds(60));
    assert_eq!(abort.last().map(|(_, said)| said), Some(&Action::Abort { conn: eve }));
    assert_eq!(desk.online(), [("ann", ann), ("bob", bob)]);
}

/// [U9]
#[test]
fn a_new_connection_starts_with_its_whole_budget() {
    let (mut desk, [old]) = Desk::with(plain(), ["ann"]);
    desk.queued(old, 90);
    let new = desk.user("ann");
    desk.closed(old);
    assert_eq!(desk.queued(new, 100), []);
    desk.closed(new);
    let conn = desk.admit();
    assert_eq!(desk.queued(conn, 100), [], "in the place of the others");
}

//! How messages end, and what slow connections do to them.

use std::cell::Cell;
use std::cmp::Ordering;

use heartline::hub::{self, Action, Config, Hub, Outcome, Settings, Undelivered};
use heartline::retry::{RetryPolicy, Verdict};
use heartline::{ConnId, Loss, Timestamp};

use crate::reference::Act::{Broadcast, Close, Deliver, Ended, Offline};
use crate::reference::NOBODY;
use crate::world::{Act, Input, Name, REQUEST, World, plain};

fn delivered(conn: ConnId, to: Name) -> Act {
    Ended(conn, Some(to), Outcome::Routed)
}

/// [U6]
#[test]
fn a_message_is_routed_to_a_user_who_is_online_and_otherwise_comes_back() {
    let (mut world, [ann, bob]) = World::with(plain(), ["ann", "bob"]);
    assert_eq!(world.relay(ann, "bob", "hello"), [Deliver(bob, "ann", "hello"), delivered(ann, "bob")]);
    assert_eq!(world.relay(ann, "ann", "note"), [Deliver(ann, "ann", "note"), delivered(ann, "ann")]);
    assert_eq!(world.relay(ann, "eve", "hello"), [Ended(ann, Some("eve"), Outcome::Offline("hello"))]);
    assert_eq!((world.hub.stats().offline, world.hub.stats().routed), (1, 2));
}

/// [U6]
#[test]
fn a_message_reaches_the_connection_that_is_the_users_at_that_step() {
    let (mut world, [ann, old]) = World::with(plain(), ["ann", "bob"]);
    assert_eq!(world.relay(ann, "bob", "one")[0], Deliver(old, "ann", "one"));
    let new = world.user("bob");
    assert_eq!(world.relay(ann, "bob", "two")[0], Deliver(new, "ann", "two"));
    assert_eq!(world.relay(new, "ann", "three")[0], Deliver(ann, "bob", "three"));
}

/// [U6]
#[test]
fn messages_between_two_users_stay_in_order() {
    let (mut world, [ann, bob, eve]) = World::with(plain(), ["ann", "bob", "eve"]);
    for message in ["1", "2", "3", "4"] {
        world.relay(ann, "bob", message);
        world.relay(eve, "bob", "noise");
        world.relay(bob, "ann", "noise");
    }
    let from_ann = |act: &Act| match act {
        Deliver(conn, "ann", message) if *conn == bob => Some(*message),
        _ => None,
    };
    assert_eq!(world.log.iter().filter_map(|(_, act)| from_ann(act)).collect::<String>(), "1234");
}

/// [U6]
#[test]
fn a_message_without_a_sender_here_ends_by_the_same_rules() {
    let (mut world, [ann]) = World::with(plain(), ["ann"]);
    let deliver = |world: &mut World, to, bytes, volatile| world.hub.deliver(world.now, &to, bytes, volatile);
    assert_eq!(deliver(&mut world, "eve", 1, false), Err(Undelivered::Offline));
    assert_eq!(deliver(&mut world, "ann", 101, false), Err(Undelivered::Full));
    assert_eq!(deliver(&mut world, "ann", 100, false), Ok(ann));
    world.queued(ann, 11);
    assert_eq!(deliver(&mut world, "ann", 1, true), Err(Undelivered::Dropped));
    assert_eq!(deliver(&mut world, "ann", 89, false), Ok(ann));
    let stats = world.hub.stats();
    assert_eq!((stats.offline, stats.full, stats.dropped, stats.routed), (1, 1, 1, 2));
}

/// [U6]
#[test]
fn a_delivery_that_is_not_pulled_is_counted_and_gone() {
    let (mut world, [ann, _bob]) = World::with(plain(), ["ann", "bob"]);
    world.unpulled(Input::Relay { conn: ann, to: "bob", message: "hello", bytes: 1, volatile: false, tag: 0 });
    assert_eq!(world.timer(), []);
    assert_eq!(world.hub.stats().undelivered, 2, "the message, and its outcome");
}

/// [U7]
#[test]
fn a_broadcast_is_one_action_for_exactly_those_online_but_the_sender_and_the_excluded() {
    let (mut world, [bob, ann, eve]) = World::with(plain(), ["bob", "ann", "eve"]);
    world.admit();
    let expected = [
        Broadcast(vec![bob, eve], Some("ann"), "news"),
        Ended(ann, None, Outcome::Broadcast { reached: 2, missed: 0 }),
    ];
    assert_eq!(world.broadcast(Some(ann), &[], "news"), expected);
    assert_eq!(world.hub.stats().routed, 2);
    let expected =
        [Broadcast(vec![eve], Some("ann"), "news"), Ended(ann, None, Outcome::Broadcast { reached: 1, missed: 0 })];
    assert_eq!(world.broadcast(Some(ann), &["bob", "nobody", "ann"], "news"), expected);
    assert_eq!(world.broadcast(None, &[], "news"), [Broadcast(vec![ann, bob, eve], None, "news")], "of the server");
    assert_eq!(world.broadcast(None, &["ann", "bob", "eve"], "news"), [], "nobody is left");
}

/// [U7] [U9]
#[test]
fn a_volatile_broadcast_leaves_out_the_slow_and_counts_them() {
    let (mut world, [ann, bob, eve]) = World::with(plain(), ["ann", "bob", "eve"]);
    world.queued(bob, 11);
    let volatile = |volatile| Input::Broadcast {
        from: Some(ann),
        room: None,
        except: Vec::new(),
        message: "tick",
        bytes: 4,
        volatile,
        tag: 0,
    };
    let expected =
        [Broadcast(vec![eve], Some("ann"), "tick"), Ended(ann, None, Outcome::Broadcast { reached: 1, missed: 1 })];
    assert_eq!(world.input(volatile(true)), expected);
    assert_eq!(world.hub.stats().dropped, 1);
    assert_eq!(world.input(volatile(false))[0], Broadcast(vec![bob, eve], Some("ann"), "tick"));
}

/// [U7]
#[test]
fn a_broadcast_follows_the_logins_and_closes_of_the_steps_before() {
    let (mut world, [ann, bob]) = World::with(plain(), ["ann", "bob"]);
    let (new, eve) = (world.user("bob"), world.user("eve"));
    world.closed(ann);
    assert_eq!(world.broadcast(None, &[], "news"), [Broadcast(vec![new, eve], None, "news")]);
    assert_eq!(world.broadcast(Some(bob), &[], "news"), [], "from the connection that was replaced");
}

/// [U6] [U7]
#[test]
fn a_sender_that_never_existed_is_counted_and_nothing_else() {
    let (mut world, [_ann]) = World::with(plain(), ["ann"]);
    let mut expected = world.hub.stats();
    expected.ignored += 2;
    assert_eq!((world.relay(NOBODY, "ann", "hello"), world.broadcast(Some(NOBODY), &[], "hello")), (vec![], vec![]));
    assert_eq!(world.hub.stats(), expected);
}

/// [U9]
#[test]
fn the_budget_and_the_reserve_may_be_used_up_but_not_exceeded() {
    let (mut world, [ann]) = World::with(plain(), ["ann"]);
    assert_eq!((world.queued(ann, 120), world.written(ann, 1), world.queued(ann, 1)), (vec![], vec![], vec![]));
    assert_eq!(world.queued(ann, 1), [Close(ann, 1013, None), Offline("ann")]);
    assert_eq!(world.hub.stats().closed_slow, 1);
    assert!(matches!(RetryPolicy::default().verdict(Loss::Close(1013)), Verdict::RetryAfter(_)), "it may come back");
}

/// [U6] [U9]
#[test]
fn volatile_messages_are_routed_up_to_the_mark_and_again_below_it_and_all_others_always() {
    let (mut world, [ann, bob, eve]) = World::with(plain(), ["ann", "bob", "eve"]);
    world.queued(bob, 10);
    assert_eq!(world.volatile(ann, "bob", "tick")[0], Deliver(bob, "ann", "tick"));
    world.queued(bob, 1);
    assert_eq!(world.volatile(ann, "bob", "tick"), [Ended(ann, Some("bob"), Outcome::Dropped("tick"))]);
    assert_eq!(world.relay(ann, "bob", "hello")[0], Deliver(bob, "ann", "hello"));
    assert_eq!(world.volatile(ann, "eve", "tick")[0], Deliver(eve, "ann", "tick"), "who is not slow");
    world.written(bob, 1);
    assert_eq!(world.volatile(ann, "bob", "tick")[0], Deliver(bob, "ann", "tick"));
    assert_eq!((world.hub.stats().dropped, world.hub.stats().routed), (1, 4));
}

/// [U9]
#[test]
fn a_single_message_over_the_budget_is_too_much_up_to_the_largest_budget() {
    let (mut world, [ann, bob]) = World::with(plain(), ["ann", "bob"]);
    assert_eq!(world.queued(ann, 121), [Close(ann, 1013, None), Offline("ann")]);
    assert_eq!(world.queued(bob, u32::MAX), [Close(bob, 1013, None), Offline("bob")]);
    let (mut world, [ann]) = World::with(Settings { budget: u32::MAX, reserve: u32::MAX, ..plain() }, ["ann"]);
    assert_eq!((world.queued(ann, u32::MAX), world.queued(ann, u32::MAX)), (vec![], vec![]));
    assert_eq!(world.queued(ann, 1), [Close(ann, 1013, None), Offline("ann")]);
}

/// [U9]
#[test]
fn every_connection_has_its_own_budget_logged_in_or_not() {
    let (mut world, [old]) = World::with(plain(), ["ann"]);
    world.queued(old, 90);
    let new = world.user("ann");
    world.closed(old);
    assert_eq!(world.queued(new, 120), []);
    world.closed(new);
    let conn = world.admit();
    assert_eq!(world.queued(conn, 120), [], "in the place of the others");
    assert_eq!(world.queued(conn, 1), [Close(conn, 1013, None)]);
    assert_eq!(world.hub.anonymous(), 0);
}

thread_local! {
    static COMPARISONS: Cell<usize> = const { Cell::new(0) };
}

/// A name that counts how often names are compared.
#[derive(Clone, Debug)]
struct Counted(u32);

impl Ord for Counted {
    fn cmp(&self, other: &Self) -> Ordering {
        COMPARISONS.set(COMPARISONS.get() + 1);
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Counted {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Counted {}

/// [U7] [P9]
#[test]
fn many_who_are_excluded_from_a_broadcast_to_many_are_not_each_compared_with_each() {
    let mut hub: Hub<Counted, ()> = Hub::new(Config::new(plain()).expect("valid"), 7);
    for user in 0..1000 {
        let conn = hub.admit(Timestamp::ORIGIN, &REQUEST).expect("admitted").conn;
        hub.handle(Timestamp::ORIGIN, hub::Input::Login { conn, user: Counted(user), until: None }).for_each(drop);
    }
    let except = (0..2000).rev().filter(|user| user % 2 == 0).map(Counted).collect();
    COMPARISONS.set(0);
    let news = hub::Input::Broadcast { from: None, room: None, except, message: (), bytes: 0, volatile: false, tag: 0 };
    let action = hub.handle(Timestamp::ORIGIN, news).next();
    assert!(matches!(action, Some(Action::Broadcast { conns, .. }) if conns.len() == 500));
    assert!(COMPARISONS.get() < 30_000, "{}", COMPARISONS.get());
}

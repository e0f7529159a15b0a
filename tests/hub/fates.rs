//! What becomes of messages.

use heartline::hub::{Fate, Stats};

use crate::desk::{Action, Desk, Input, deliver, plain, told};

/// [U6]
#[test]
fn a_message_to_a_user_who_is_online_is_routed_and_its_sender_is_told() {
    let (mut desk, [ann, bob]) = Desk::with(plain(), ["ann", "bob"]);
    assert_eq!(desk.relay(ann, "bob", "hello"), [deliver(bob, "ann", "hello"), told(ann, "bob", Fate::Routed(1))]);
}

/// [U6]
#[test]
fn a_message_to_a_user_who_is_not_online_comes_back() {
    let (mut desk, [ann]) = Desk::with(plain(), ["ann"]);
    assert_eq!(desk.relay(ann, "bob", "hello"), [told(ann, "bob", Fate::Offline("hello"))]);
    assert_eq!((desk.hub.stats().offline, desk.hub.stats().routed), (1, 0));
}

/// [U6] [U9]
#[test]
fn a_volatile_message_to_a_slow_consumer_comes_back_and_any_other_does_not() {
    let (mut desk, [ann, bob]) = Desk::with(plain(), ["ann", "bob"]);
    desk.queued(bob, 11);
    assert_eq!(desk.volatile(ann, "bob", "tick"), [told(ann, "bob", Fate::Dropped("tick"))]);
    assert_eq!(desk.relay(ann, "bob", "hello")[0], deliver(bob, "ann", "hello"));
    assert_eq!((desk.hub.stats().dropped, desk.hub.stats().routed), (1, 1));
}

/// [U6]
#[test]
fn a_message_reaches_the_connection_that_is_the_users_at_that_step() {
    let (mut desk, [ann, old]) = Desk::with(plain(), ["ann", "bob"]);
    assert_eq!(desk.relay(ann, "bob", "one")[0], deliver(old, "ann", "one"));
    let new = desk.user("bob");
    assert_eq!(desk.relay(ann, "bob", "two")[0], deliver(new, "ann", "two"));
    assert_eq!(desk.relay(new, "ann", "three")[0], deliver(ann, "bob", "three"));
}

/// [U6]
#[test]
fn users_may_write_to_themselves() {
    let (mut desk, [ann]) = Desk::with(plain(), ["ann"]);
    assert_eq!(desk.relay(ann, "ann", "note"), [deliver(ann, "ann", "note"), told(ann, "ann", Fate::Routed(1))]);
}

/// [U6]
#[test]
fn messages_between_two_users_stay_in_order() {
    let (mut desk, [ann, bob, eve]) = Desk::with(plain(), ["ann", "bob", "eve"]);
    for message in ["1", "2", "3", "4"] {
        desk.relay(ann, "bob", message);
        desk.relay(eve, "bob", "noise");
        desk.relay(bob, "ann", "noise");
    }
    let from_ann = |action: &Action| match action {
        Action::Deliver { conn, from: "ann", message } if *conn == bob => Some(*message),
        _ => None,
    };
    assert_eq!(desk.said.iter().filter_map(|(_, action)| from_ann(action)).collect::<String>(), "1234");
}

/// [U6]
#[test]
fn a_delivery_that_is_not_pulled_is_counted_and_gone() {
    let (mut desk, [ann, _bob]) = Desk::with(plain(), ["ann", "bob"]);
    let now = desk.now;
    drop(desk.hub.handle(now, Input::Relay { conn: ann, to: "bob", message: "hello", volatile: false }));
    assert_eq!(desk.timer(), []);
    assert_eq!(desk.hub.stats().undelivered, 2, "the message, and the word to its sender");
}

/// [U7]
#[test]
fn a_broadcast_is_one_action_for_exactly_those_online_but_the_sender() {
    let (mut desk, [ann, bob, eve]) = Desk::with(plain(), ["ann", "bob", "eve"]);
    desk.admit();
    let all = Action::Broadcast { conns: vec![bob, eve], from: Some("ann"), message: "news" };
    let fate = Action::Told { conn: ann, to: None, fate: Fate::Routed(2) };
    assert_eq!(desk.broadcast(Some(ann), &[], "news"), [all, fate]);
    assert_eq!(desk.hub.stats().routed, 2);
}

/// [U7]
#[test]
fn a_broadcast_of_the_server_goes_to_everybody_and_nobody_is_told_its_fate() {
    let (mut desk, [bob, ann]) = Desk::with(plain(), ["bob", "ann"]);
    let all = Action::Broadcast { conns: vec![ann, bob], from: None, message: "news" };
    assert_eq!(desk.broadcast(None, &[], "news"), [all]);
}

/// [U7]
#[test]
fn whoever_is_excluded_gets_nothing() {
    let (mut desk, [ann, bob, eve]) = Desk::with(plain(), ["ann", "bob", "eve"]);
    let said = desk.broadcast(Some(ann), &["bob", "nobody", "ann"], "news");
    assert_eq!(said[0], Action::Broadcast { conns: vec![eve], from: Some("ann"), message: "news" });
    assert_eq!(desk.broadcast(None, &["ann", "bob", "eve"], "news"), [], "nobody is left");
    assert_eq!(desk.hub.conn_of(&"bob"), Some(bob));
}

/// [U7] [U9]
#[test]
fn a_volatile_broadcast_leaves_out_the_slow_and_counts_them() {
    let (mut desk, [ann, bob, eve]) = Desk::with(plain(), ["ann", "bob", "eve"]);
    desk.queued(bob, 11);
    let volatile = |volatile| Input::Broadcast { from: Some(ann), except: Vec::new(), message: "tick", volatile };
    let said = desk.input(volatile(true));
    assert_eq!(said[0], Action::Broadcast { conns: vec![eve], from: Some("ann"), message: "tick" });
    assert_eq!(said[1], Action::Told { conn: ann, to: None, fate: Fate::Routed(1) });
    assert_eq!(desk.hub.stats().dropped, 1);
    let said = desk.input(volatile(false));
    assert_eq!(said[0], Action::Broadcast { conns: vec![bob, eve], from: Some("ann"), message: "tick" });
}

/// [U7]
#[test]
fn whoever_logs_in_or_is_closed_in_the_step_before_is_counted_right() {
    let (mut desk, [ann, bob]) = Desk::with(plain(), ["ann", "bob"]);
    let new = desk.user("bob");
    let eve = desk.user("eve");
    desk.closed(ann);
    let said = desk.broadcast(None, &[], "news");
    assert_eq!(said, [Action::Broadcast { conns: vec![new, eve], from: None, message: "news" }]);
    assert_eq!(desk.broadcast(Some(bob), &[], "news"), [], "the replaced one");
}

/// [U6] [U7]
#[test]
fn a_sender_that_never_was_is_counted_and_nothing_else() {
    let (mut desk, [_ann]) = Desk::with(plain(), ["ann"]);
    let before = desk.hub.stats();
    let nobody = crate::desk::raw(u64::MAX);
    assert_eq!(desk.relay(nobody, "ann", "hello"), []);
    assert_eq!(desk.broadcast(Some(nobody), &[], "hello"), []);
    assert_eq!(desk.hub.stats(), Stats { ignored: 2, ..before });
}

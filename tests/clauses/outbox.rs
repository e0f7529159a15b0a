use heartline::{Action, Input, Limits, Loss, Outcome, Outgoing, Overflow, Refusal, Settings, State, Transport, Why};

use crate::support::*;

pub const IO: Loss = Loss::Transport(Transport::Io);

pub fn bounded(outbox: Limits) -> Settings {
    Settings { outbox, ..plain() }
}

pub fn small(overflow: Overflow) -> Settings {
    bounded(Limits { max_messages: 3, max_bytes: 10, overflow, ack_window: 3, ..Limits::default() })
}

pub fn once(text: &str) -> Outgoing<Message> {
    Outgoing::once(text.into(), text.len())
}

pub fn connection(text: &str) -> Outgoing<Message> {
    Outgoing::connection(text.into(), text.len())
}

pub fn outcome(raw: u64, outcome: Outcome<Message>) -> Action<Message> {
    Action::Outcome { id: id(raw), outcome }
}

pub fn returned(raw: u64, why: Why, text: &str) -> Action<Message> {
    outcome(raw, Outcome::Returned(why, text.into()))
}

pub fn unconfirmed(raw: u64, why: Why, text: &str) -> Action<Message> {
    outcome(raw, Outcome::Unconfirmed(why, text.into()))
}

/// Loses the connection and opens the next.
pub fn reconnect(world: &mut World) {
    world.lose(IO);
    world.run(SECOND);
    world.open();
}

/// What may be transmitted now, with the marks of redelivery.
pub fn transmit_marked(world: &mut World) -> Vec<(String, bool)> {
    std::iter::from_fn(|| world.transmit()).map(|transmit| (transmit.message, transmit.redelivery)).collect()
}

/// [Q1] [Q3]
#[test]
fn over_the_bound_of_messages_the_new_one_is_refused_and_comes_back() {
    let mut world = World::new(small(Overflow::Refuse));
    for text in ["a", "b", "c"] {
        world.once(text);
    }
    let refused = world.send(once("d")).expect_err("full");
    assert_eq!((refused.reason, refused.outgoing), (Refusal::Full, once("d")));
    assert_eq!(world.session.queued(), 3);
}

/// [Q1]
#[test]
fn over_the_bound_of_bytes_the_new_one_is_refused() {
    let mut world = World::new(small(Overflow::Refuse));
    world.once("123456");
    assert_eq!(world.send(once("12345")).map_err(|refused| refused.reason), Err(Refusal::Full));
    world.once("1234");
    assert_eq!(world.session.held_bytes(), 10);
}

/// [Q1]
#[test]
fn a_message_larger_than_the_outbox_is_refused_for_ever() {
    for overflow in [Overflow::Refuse, Overflow::EvictOldest] {
        let mut world = World::new(small(overflow));
        world.once("a");
        assert_eq!(world.send(once("12345678901")).map_err(|refused| refused.reason), Err(Refusal::TooLarge));
        assert_eq!(world.session.queued(), 1);
    }
}

/// [Q1] [O2]
#[test]
fn the_oldest_that_were_never_transmitted_make_room() {
    let mut world = World::opened(small(Overflow::EvictOldest));
    world.at_least_once("sent");
    world.transmit_all();
    world.at_least_once("old");
    world.once("new");
    world.once("123456");
    let expected = [returned(2, Why::Evicted, "old"), returned(3, Why::Evicted, "new")];
    assert_eq!(world.input(Input::Timer), expected);
    assert_eq!((world.session.stats().evictions, world.session.queued()), (2, 2));
}

/// [Q1]
#[test]
fn where_eviction_cannot_make_room_none_is_evicted_and_the_new_one_is_refused() {
    let mut world = World::opened(small(Overflow::EvictOldest));
    world.at_least_once("12345");
    world.transmit_all();
    world.once("a");
    assert_eq!(world.send(once("1234567")).map_err(|refused| refused.reason), Err(Refusal::Full));
    assert_eq!((world.session.queued(), world.session.stats().evictions), (2, 0));
    assert_eq!(world.transmit_all(), ["a"]);
}

/// [Q1]
#[test]
fn connection_messages_are_never_evicted() {
    let mut world = World::opened(small(Overflow::EvictOldest));
    for text in ["a", "b", "c"] {
        world.send(connection(text)).expect("accepted");
    }
    assert_eq!(world.send(once("d")).map_err(|refused| refused.reason), Err(Refusal::Full));
    assert_eq!(world.transmit_all(), ["a", "b", "c"]);
}

/// [Q1] [P3]
#[test]
fn evicted_messages_count_in_bounds_of_their_own_until_told() {
    let mut world = World::new(small(Overflow::EvictOldest));
    for text in ["a", "b", "c", "d", "e", "f"] {
        world.once(text);
    }
    assert_eq!((world.session.held(), world.session.queued()), (6, 3));
    assert_eq!(world.send(once("g")).map_err(|refused| refused.reason), Err(Refusal::Full));
    world.input(Input::Timer);
    assert_eq!(world.session.held(), 3);
    world.once("g");
}

/// [Q2] [Q3]
#[test]
fn a_connection_message_is_committed_on_this_connection_or_returned_with_its_end() {
    let mut world = World::opened(plain());
    world.send(connection("sent")).expect("accepted");
    world.transmit_all();
    world.send(connection("too late")).expect("accepted");
    world.lose(IO);
    let expected = [(id(1), Outcome::Committed), (id(2), Outcome::Returned(Why::ConnectionOver, "too late".into()))];
    assert_eq!(world.outcomes(), expected);
    world.run(SECOND);
    world.open();
    assert_eq!(world.transmit(), None);
}

/// [Q2]
#[test]
fn a_once_message_survives_reconnects_and_is_done_when_committed() {
    let mut world = World::new(plain());
    world.once("a");
    world.open();
    reconnect(&mut world);
    assert_eq!(world.transmit_all(), ["a"]);
    assert_eq!(world.input(Input::Timer), [outcome(1, Outcome::Committed)]);
    reconnect(&mut world);
    assert_eq!(world.transmit(), None);
}

/// [Q2] [Q5]
#[test]
fn an_at_least_once_message_is_kept_until_acked() {
    let mut world = World::opened(plain());
    world.at_least_once("a");
    for redelivery in [false, true, true] {
        assert_eq!(transmit_marked(&mut world), [("a".into(), redelivery)]);
        assert_eq!(world.transmit(), None, "once per connection");
        reconnect(&mut world);
    }
    assert_eq!(world.input(Input::Acked { id: id(1) }), [outcome(1, Outcome::Acked)]);
    reconnect(&mut world);
    assert_eq!((world.transmit(), world.session.stats().redeliveries), (None, 2));
}

/// [Q3]
#[test]
fn what_was_never_transmitted_is_returned_and_what_was_is_unconfirmed() {
    let mut world = World::opened(plain());
    world.at_least_once("sent");
    world.transmit_all();
    world.at_least_once("unsent");
    world.once("also unsent");
    let cancel = |raw| Input::Cancel { id: id(raw) };
    assert_eq!(world.input(cancel(1)), [unconfirmed(1, Why::Cancelled, "sent")]);
    assert_eq!(world.input(cancel(2)), [returned(2, Why::Cancelled, "unsent")]);
    assert_eq!(world.input(cancel(3)), [returned(3, Why::Cancelled, "also unsent")]);
}

/// [Q3] [P1]
#[test]
fn an_id_ends_only_once() {
    let mut world = World::opened(plain());
    world.at_least_once("a");
    world.transmit_all();
    world.input(Input::Acked { id: id(1) });
    for input in [Input::Acked { id: id(1) }, Input::Cancel { id: id(1) }] {
        assert_eq!(world.input(input), []);
    }
    assert_eq!(world.session.stats().ignored, 2);
}

/// [Q3]
#[test]
fn what_is_lost_with_a_committed_once_message_is_not_told_twice() {
    let mut world = World::opened(plain());
    world.once("a");
    world.transmit_all();
    world.lose(IO);
    assert_eq!(world.outcomes(), [(id(1), Outcome::Committed)]);
    assert_eq!(world.session.queued(), 0);
}

/// [Q2] [Q7]
#[test]
fn nothing_is_transmitted_without_an_open_connection() {
    let mut world = World::new(plain());
    world.once("queued");
    let steps: [fn(&mut World); 4] = [
        |_| {},
        |world| _ = world.input(Input::Connect),
        |world| _ = world.lose(IO),
        |world| _ = (world.run(SECOND), world.lose(Loss::Close(1008))),
    ];
    for step in steps {
        step(&mut world);
        assert_eq!(world.transmit(), None, "{}", world.state());
    }
    assert_eq!((world.state(), world.session.queued()), (State::Idle, 1));
}

use heartline::{Input, Limits, Outcome, Outgoing, Settings, State, Unsent, Why};

use crate::outbox::{IO, bounded, connection, once, outcome, reconnect, returned, transmit_marked, unconfirmed};
use crate::support::*;

/// [Q4]
#[test]
fn first_transmissions_keep_the_order_of_acceptance_across_reconnects() {
    let mut world = World::new(plain());
    let texts = ["a", "b", "c", "d", "e", "f"];
    for (place, text) in texts.into_iter().enumerate() {
        if place % 2 == 0 {
            world.once(text)
        } else {
            world.at_least_once(text)
        };
    }
    world.open();
    let mut first = Vec::new();
    while first.len() < texts.len() {
        let transmit = world.transmit().expect("more");
        if !transmit.redelivery {
            first.push(transmit.message);
            reconnect(&mut world);
        }
    }
    assert_eq!(first, texts);
}

/// [Q5]
#[test]
fn redeliveries_come_in_order_before_anything_newer_and_only_when_ready() {
    let mut world = World::new(Settings { greeting_timeout: Some(SECOND), ..plain() });
    let conn = world.open();
    world.input(Input::Ready { conn });
    for text in ["a", "b", "c"] {
        world.at_least_once(text);
    }
    world.transmit_all();
    world.input(Input::Acked { id: id(2) });
    world.once("new");
    reconnect(&mut world);
    assert_eq!(world.transmit(), None, "greeting");
    let conn = world.session.conn().expect("greeting");
    world.input(Input::Ready { conn });
    world.send(connection("subscribe")).expect("accepted");
    let expected = [("subscribe", false), ("a", true), ("c", true), ("new", false)];
    assert_eq!(transmit_marked(&mut world), expected.map(|(text, mark)| (text.to_string(), mark)));
}

/// [Q5] [Q4]
#[test]
fn the_window_holds_back_what_comes_after_it() {
    let mut world = World::opened(bounded(Limits { ack_window: 2, ..Limits::default() }));
    for text in ["a", "b", "c"] {
        world.at_least_once(text);
    }
    world.once("d");
    assert_eq!(world.transmit_all(), ["a", "b"]);
    reconnect(&mut world);
    assert_eq!(world.transmit_all(), ["a", "b"], "redelivery opens no window");
    world.input(Input::Acked { id: id(2) });
    assert_eq!(world.transmit_all(), ["c", "d"]);
}

/// [Q5]
#[test]
fn after_max_deliveries_it_is_unconfirmed_when_that_connection_ends() {
    let mut world = World::opened(bounded(Limits { max_deliveries: 2, ..Limits::default() }));
    world.at_least_once("a");
    world.transmit_all();
    reconnect(&mut world);
    reconnect(&mut world);
    assert_eq!(world.transmit_all(), ["a"], "a connection on which it was not transmitted does not count");
    assert_eq!(world.session.queued(), 1, "it may still be acknowledged");
    world.lose(IO);
    assert_eq!(world.outcomes(), [(id(1), Outcome::Unconfirmed(Why::MaxDeliveries, "a".into()))]);
}

/// [Q5]
#[test]
fn an_acknowledgement_counts_in_any_order_on_any_connection_and_before_the_redelivery() {
    let mut world = World::opened(plain());
    for text in ["a", "b", "c"] {
        world.at_least_once(text);
    }
    world.transmit_all();
    assert_eq!(world.input(Input::Acked { id: id(3) }), [outcome(3, Outcome::Acked)]);
    world.lose(IO);
    assert_eq!(world.input(Input::Acked { id: id(1) }), [outcome(1, Outcome::Acked)], "late, while waiting");
    world.run(SECOND);
    world.open();
    assert_eq!(world.transmit_all(), ["b"]);
}

/// [Q5]
#[test]
fn what_was_not_transmitted_cannot_be_acknowledged() {
    let mut world = World::opened(plain());
    world.at_least_once("a");
    world.once("b");
    for raw in [1, 2] {
        assert_eq!(world.input(Input::Acked { id: id(raw) }), []);
    }
    assert_eq!((world.session.queued(), world.session.stats().ignored), (2, 2));
    let transmit = world.transmit().expect("a");
    world.session.unsent(world.now, transmit, Unsent::Full);
    assert_eq!(world.input(Input::Acked { id: id(1) }), [], "it was put back");
}

/// [Q6]
#[test]
fn a_time_to_live_is_resolved_by_the_timer_the_session_asks_for() {
    let mut world = World::new(plain());
    world.send(once("short").time_to_live(SECOND)).expect("accepted");
    world.send(once("long").time_to_live(seconds(9))).expect("accepted");
    assert_eq!(world.session.deadline(), Some(at(1_000)));
    world.sleep(millis(999));
    assert_eq!(world.input(Input::Timer), []);
    world.sleep(millis(1));
    assert_eq!(world.input(Input::Timer), [returned(1, Why::Expired, "short")]);
    assert_eq!(world.session.deadline(), Some(at(9_000)));
}

/// [Q6] [P7]
#[test]
fn with_the_last_message_its_deadline_goes() {
    let mut world = World::opened(plain());
    world.send(Outgoing::at_least_once("a".to_string(), 1).time_to_live(SECOND)).expect("accepted");
    world.transmit_all();
    world.input(Input::Acked { id: id(1) });
    assert_eq!(world.session.deadline(), None);
}

/// [Q6]
#[test]
fn a_time_to_live_runs_on_in_flight_and_between_connections() {
    let mut world = World::opened(plain());
    let lasting = Outgoing::at_least_once("a".to_string(), 1).time_to_live(millis(500));
    world.send(lasting).expect("accepted");
    world.transmit_all();
    world.lose(IO);
    assert_eq!(world.run(millis(500)), [(at(500), unconfirmed(1, Why::Expired, "a"))]);
}

/// [Q6]
#[test]
fn nothing_is_transmitted_after_its_time_to_live_a_nanosecond_before_it_is() {
    let end = at(1_000);
    for delivery in [Outgoing::connection, Outgoing::once, Outgoing::at_least_once] {
        let message = delivery("a".to_string(), 1).time_to_live(SECOND);
        let mut world = World::opened(plain());
        world.send(message.clone()).expect("accepted");
        world.now = heartline::Instant::from_nanos(end.as_nanos() - 1);
        assert_eq!(world.transmit_all(), ["a"]);
        let mut world = World::opened(plain());
        world.send(message).expect("accepted");
        world.now = end;
        assert_eq!(world.transmit(), None);
        assert_eq!(world.input(Input::Timer), [returned(1, Why::Expired, "a")]);
    }
}

/// [Q6] [Q5]
#[test]
fn a_redelivery_is_not_transmitted_after_its_time_to_live_either() {
    let mut world = World::opened(plain());
    let lasting = Outgoing::at_least_once("a".to_string(), 1).time_to_live(seconds(2));
    world.send(lasting).expect("accepted");
    world.at_least_once("b");
    world.transmit_all();
    reconnect(&mut world);
    world.sleep(SECOND);
    assert_eq!(world.transmit_all(), ["b"]);
    assert_eq!(world.input(Input::Timer), [unconfirmed(1, Why::Expired, "a")]);
}

/// [Q7]
#[test]
fn a_pulled_message_is_committed_by_the_next_call_of_any_kind() {
    let calls: [fn(&mut World); 4] = [
        |world| drop(world.input(Input::Timer)),
        |world| drop(world.message("inbound")),
        |world| _ = world.once("another"),
        |world| drop(world.transmit()),
    ];
    for (place, call) in calls.into_iter().enumerate() {
        let mut world = World::opened(plain());
        world.once("a");
        let transmit = world.transmit().expect("a");
        call(&mut world);
        world.session.unsent(world.now, transmit, Unsent::Full);
        assert_eq!(world.session.stats().ignored, 1, "call {place}");
        world.input(Input::Timer);
        assert_eq!(world.outcomes(), [(id(1), Outcome::Committed)], "call {place}");
    }
}

/// [Q7] [Q3]
#[test]
fn full_puts_it_back_at_the_front_as_what_it_was() {
    let mut world = World::opened(plain());
    for (text, send) in [("c", World::once as fn(&mut World, &str) -> _), ("d", World::at_least_once)] {
        send(&mut world, text);
    }
    world.send(connection("a")).expect("accepted");
    world.send(connection("b")).expect("accepted");
    let mut taken = Vec::new();
    while let Some(transmit) = world.transmit() {
        world.session.unsent(world.now, transmit.clone(), Unsent::Full);
        assert_eq!(world.transmit(), Some(transmit.clone()));
        taken.push(transmit.message);
    }
    assert_eq!(taken, ["a", "b", "c", "d"]);
    reconnect(&mut world);
    let transmit = world.transmit().expect("d again");
    assert!(transmit.redelivery);
    world.session.unsent(world.now, transmit.clone(), Unsent::Full);
    assert_eq!(world.transmit(), Some(transmit));
}

/// [Q7] [Q5]
#[test]
fn what_was_put_back_was_not_delivered() {
    let mut world = World::opened(bounded(Limits { max_deliveries: 1, ..Limits::default() }));
    world.at_least_once("a");
    let transmit = world.transmit().expect("a");
    world.session.unsent(world.now, transmit, Unsent::Full);
    reconnect(&mut world);
    assert_eq!(transmit_marked(&mut world), [("a".into(), false)]);
}

/// [Q7]
#[test]
fn rejected_resolves_it_so_that_no_message_blocks_the_queue() {
    let mut world = World::opened(plain());
    world.at_least_once("again");
    world.transmit_all();
    reconnect(&mut world);
    world.once("too large");
    world.at_least_once("neither");
    world.send(connection("nor this")).expect("accepted");
    world.once("fits");
    for _ in 0..4 {
        let transmit = world.transmit().expect("more");
        world.session.unsent(world.now, transmit, Unsent::Rejected);
    }
    assert_eq!(world.transmit_all(), ["fits"]);
    let expected = [
        returned(4, Why::Rejected, "nor this"),
        unconfirmed(1, Why::Rejected, "again"),
        returned(2, Why::Rejected, "too large"),
        returned(3, Why::Rejected, "neither"),
        outcome(5, Outcome::Committed),
    ];
    assert_eq!(world.input(Input::Timer), expected);
    assert_eq!(world.state(), State::Open);
}

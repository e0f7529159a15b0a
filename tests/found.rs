//! What the properties and the fuzzer found, as the scenarios it came down to.

mod support;

use heartline::{Action, Cause, Event, Outgoing, Rhythm, Settings, State};
use support::{SECOND, World, at, changes, millis, plain, pulse};

/// [X1] [Q6]
#[test]
fn a_drain_is_over_when_its_last_message_turns_out_to_have_expired() {
    let mut world = World::opened(plain());
    world.send(Outgoing::once("late".into(), 4).time_to_live(SECOND)).expect("there is room");
    world.close(millis(9_000));
    world.sleep(SECOND);
    assert!(world.transmit().is_none());
    assert_eq!(world.state(), State::Closing);
    let said = world.input(heartline::Input::Timer);
    assert_eq!(changes(&said), [(State::Closing, Cause::Drained)]);
}

/// [H8] [P7]
#[test]
fn a_link_that_recovered_is_degraded_again_slow_after_its_last_message() {
    let heartbeat =
        heartline::Pulse { slow_after: Some(millis(2_000)), ..pulse(Rhythm::Listen { window: millis(10_000) }) };
    let mut world = World::opened(Settings { heartbeat, ..plain() });
    world.run(millis(3_000));
    world.message("alive");
    let said = world.run(millis(5_000));
    assert_eq!(said, [(at(5_000), Action::Event(Event::Degraded))]);
}

//! Messages that grow old while there is no connection.

use heartline::{Backoff, Input, Loss, Outcome, Outgoing, Settings, Transport, Why};

use crate::support::{SECOND, World, id, plain, seconds};

fn offline() -> World {
    let mut world = World::opened(Settings { backoff: Backoff::constant(seconds(300)), ..plain() });
    world.lose(Loss::Transport(Transport::Io));
    world
}

/// **18.** Whatever an application had sent during an outage, a position every second, say, broke over the
/// server in one burst at the reconnect (socket.io #2003).
///
/// [Q6]
#[test]
fn an_outage_is_not_followed_by_a_burst_of_what_has_expired_meanwhile() {
    let mut world = offline();
    for second in 1..=60 {
        world.run(SECOND);
        let position = format!("position at {second} s");
        world.send(Outgoing::once(position, 16).time_to_live(seconds(3))).expect("accepted");
    }
    world.input(Input::NetworkChanged);
    world.open();
    world.input(Input::Timer);
    assert_eq!(world.transmit_all(), ["position at 58 s", "position at 59 s", "position at 60 s"]);
    let expired = |(_, outcome): &(_, Outcome<String>)| matches!(outcome, Outcome::Returned(Why::Expired, _));
    assert_eq!(world.outcomes().iter().filter(|outcome| expired(outcome)).count(), 57);
}

/// **29.** An order was given before the laptop slept and carried out when it woke, hours later: the queue was
/// flushed before any timer could look at it.
///
/// [Q6] [P5]
#[test]
fn a_message_that_outlived_its_time_is_not_sent_even_if_no_timer_ran() {
    let mut world = offline();
    world.send(Outgoing::once("buy at 10".into(), 9).time_to_live(seconds(60))).expect("accepted");
    world.sleep(seconds(3 * 3600));
    world.input(Input::NetworkChanged);
    world.open();
    assert_eq!(world.transmit(), None);
    world.input(Input::Timer);
    assert_eq!(world.outcomes(), [(id(1), Outcome::Returned(Why::Expired, "buy at 10".to_string()))]);
}

/// **29.** The same with a message that was sent once before, and was sent again to be sure.
///
/// [Q6] [Q5]
#[test]
fn a_message_that_outlived_its_time_is_not_sent_again_either() {
    let mut world = World::opened(plain());
    world.send(Outgoing::at_least_once("buy at 10".into(), 9).time_to_live(seconds(60))).expect("accepted");
    assert_eq!(world.transmit_all(), ["buy at 10"]);
    world.lose(Loss::Transport(Transport::Io));
    world.sleep(seconds(3 * 3600));
    world.input(Input::NetworkChanged);
    world.open();
    assert_eq!(world.transmit(), None);
    world.input(Input::Timer);
    assert_eq!(world.outcomes(), [(id(1), Outcome::Unconfirmed(Why::Expired, "buy at 10".to_string()))]);
}

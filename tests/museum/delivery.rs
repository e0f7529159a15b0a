//! What "sent" means.

use heartline::{Input, Limits, Loss, Outcome, Settings, State, Transport, Why};

use crate::network::{Link, Network};
use crate::support::{World, id, plain, pulse, seconds, when_idle};

fn beating() -> Settings {
    Settings { heartbeat: pulse(when_idle(seconds(20), seconds(10))), ..plain() }
}

/// **25.** The callback said that the message had failed; the queue kept it, and it was sent when the client was
/// connected again (ably-js #2115).
///
/// [Q3] [X2]
#[test]
fn what_was_returned_to_the_caller_is_never_sent_afterwards() {
    let mut world = World::opened(plain());
    world.lose(Loss::Close(4401));
    let messages = ["1", "2", "3"].map(|text| world.at_least_once(text));
    world.close(seconds(5));
    let abandoned = |(nth, id)| (id, Outcome::Returned(Why::Abandoned, format!("{}", nth + 1)));
    assert_eq!(world.outcomes(), messages.into_iter().enumerate().map(abandoned).collect::<Vec<_>>());
    world.sleep(seconds(1));
    world.open();
    assert_eq!((world.state(), world.transmit_all()), (State::Open, vec![]));
}

/// **26.** Writing into a socket whose link is dead succeeds, and the client called that sent
/// (tungstenite-rs #94, ws #1103).
///
/// [Q2] [Q3] [Q5]
#[test]
fn a_message_written_to_a_dead_link_is_not_done_and_arrives_by_the_next() {
    let mut network = Network::connected(beating());
    network.link = Link::Dead;
    network.world.at_least_once("order");
    network.run(seconds(31));
    assert_eq!((network.world.state(), network.world.outcomes()), (State::Connecting, vec![]));
    network.link = Link::Fine;
    network.run(seconds(60));
    assert_eq!(network.arrived, ["order"]);
    assert_eq!(network.world.outcomes(), [(id(1), Outcome::Acked)]);
}

/// **26.** What had been accepted for a link that then turned out to be dead was gone with its socket, although
/// not a byte of it had been written.
///
/// [Q2] [Q4]
#[test]
fn what_was_not_written_when_the_link_died_survives_it() {
    let mut world = World::opened(beating());
    world.once("1");
    world.at_least_once("2");
    world.run(seconds(31));
    world.open();
    assert_eq!((world.outcomes(), world.transmit_all()), (vec![], vec!["1".to_string(), "2".to_string()]));
}

fn window_of_two() -> Settings {
    Settings { outbox: Limits { ack_window: 2, ..Limits::default() }, ..plain() }
}

/// **27.** The window of unacknowledged messages was full when the connection ended; on the new one nothing in it
/// was sent again, so nothing was acknowledged and nothing else could be sent, for ever (rumqtt #1056).
///
/// [Q5]
#[test]
fn a_window_that_was_full_at_the_loss_drains_on_the_next_connection() {
    let mut world = World::opened(window_of_two());
    let messages = ["1", "2", "3", "4", "5"].map(|text| world.at_least_once(text));
    assert_eq!(world.transmit_all(), ["1", "2"]);
    world.lose(Loss::Transport(Transport::Io));
    world.run(seconds(1));
    world.open();
    assert_eq!(world.transmit_all(), ["1", "2"]);
    for message in messages {
        world.input(Input::Acked { id: message });
        world.transmit_all();
    }
    assert_eq!((world.outcomes().len(), world.session.queued()), (5, 0));
}

/// **27.** An acknowledgement that came out of turn did not open the window.
///
/// [Q5]
#[test]
fn an_acknowledgement_out_of_turn_makes_room_in_the_window() {
    let mut world = World::opened(window_of_two());
    let messages = ["1", "2", "3"].map(|text| world.at_least_once(text));
    assert_eq!(world.transmit_all(), ["1", "2"]);
    assert_eq!(world.input(Input::Acked { id: messages[1] }).len(), 1);
    assert_eq!(world.transmit_all(), ["3"]);
}

/// **27.** One message that the server would never acknowledge held its place in the window over every reconnect,
/// and nothing behind it was ever sent.
///
/// [Q5] [Q3]
#[test]
fn a_message_that_is_never_acknowledged_does_not_hold_the_window_for_ever() {
    let outbox = Limits { ack_window: 1, max_deliveries: 2, ..Limits::default() };
    let mut world = World::opened(Settings { outbox, ..plain() });
    let poison = world.at_least_once("poison");
    world.at_least_once("order");
    for _ in 0..2 {
        assert_eq!(world.transmit_all(), ["poison"]);
        world.lose(Loss::Close(1009));
        world.run(seconds(1));
        world.open();
    }
    assert_eq!(world.outcomes(), [(poison, Outcome::Unconfirmed(Why::MaxDeliveries, "poison".to_string()))]);
    assert_eq!(world.transmit_all(), ["order"]);
}

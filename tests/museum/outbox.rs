//! A queue with an end: what it holds, in which order, and what does not fit.

use heartline::{Input, Limits, Loss, Outcome, Outgoing, Overflow, Refusal, Settings, Transport, Unsent, Why};

use crate::support::{World, conn, id, plain, seconds};

fn two_messages(overflow: Overflow) -> Settings {
    Settings { outbox: Limits { max_messages: 2, ack_window: 2, overflow, ..Limits::default() }, ..plain() }
}

/// **19.** Beyond its limit the queue threw messages away without a word: `send` returned as always
/// (reconnecting-websocket #147).
///
/// [Q1] [Q3]
#[test]
fn a_message_for_which_there_is_no_room_comes_back_to_the_caller() {
    let mut world = World::new(two_messages(Overflow::Refuse));
    world.once("1");
    world.once("2");
    let refused = world.send(Outgoing::once("3".into(), 1)).expect_err("there is no room");
    assert_eq!((refused.reason, refused.outgoing.into_message()), (Refusal::Full, "3".to_string()));
    world.open();
    assert_eq!(world.transmit_all(), ["1", "2"]);
}

/// **19.** The same where the oldest make room for the newest: nobody is told which ones have gone.
///
/// [Q1] [Q3] [O2]
#[test]
fn a_message_that_made_room_for_a_newer_one_comes_back_to_the_caller() {
    let mut world = World::new(two_messages(Overflow::EvictOldest));
    for text in ["1", "2", "3"] {
        world.once(text);
    }
    world.open();
    assert_eq!(world.outcomes(), [(id(1), Outcome::Returned(Why::Evicted, "1".to_string()))]);
    assert_eq!(world.transmit_all(), ["2", "3"]);
    assert_eq!(world.session.stats().evictions, 1);
}

/// **22.** Everything that had been queued offline was flushed as soon as the socket opened, before the login
/// that the server expects first, and the server closed the connection (vueuse #4038).
///
/// [C5]
#[test]
fn nothing_queued_overtakes_the_login() {
    let mut world = World::new(Settings { greeting_timeout: Some(seconds(5)), ..plain() });
    world.once("queued offline");
    world.open();
    assert_eq!(world.transmit_all(), [""; 0]);
    world.send(Outgoing::connection("login".into(), 5)).expect("accepted");
    world.once("queued while greeting");
    assert_eq!(world.transmit_all(), ["login"]);
    world.input(Input::Ready { conn: conn(1) });
    assert_eq!(world.transmit_all(), ["queued offline", "queued while greeting"]);
}

/// **22.** The same where opening and sending the login are one step: the flush came first.
///
/// [C5]
#[test]
fn a_login_sent_at_the_opening_goes_before_the_queue() {
    let mut world = World::new(plain());
    world.once("queued offline");
    world.open();
    world.send(Outgoing::connection("login".into(), 5)).expect("accepted");
    assert_eq!(world.transmit_all(), ["login", "queued offline"]);
}

/// **23.** What was sent while the socket was still opening was tried again by a timer of its own for each
/// message, and arrived in any order (palava-client PR 11; a tutorial's client does the same, and loses what is
/// sent into a closed socket altogether).
///
/// [Q4] [Q2]
#[test]
fn what_was_queued_while_offline_arrives_in_the_order_of_sending() {
    let mut world = World::opened(plain());
    world.lose(Loss::Transport(Transport::Io));
    world.once("1");
    world.at_least_once("2");
    world.once("3");
    world.run(seconds(1));
    world.at_least_once("4");
    world.once("5");
    world.open();
    world.once("6");
    assert_eq!(world.transmit_all(), ["1", "2", "3", "4", "5", "6"]);
}

/// **23.** A message that the socket would not take was put back in the wrong place.
///
/// [Q4] [Q7]
#[test]
fn a_full_socket_does_not_change_the_order() {
    let mut world = World::opened(plain());
    for text in ["1", "2", "3"] {
        world.once(text);
    }
    let transmit = world.transmit().expect("there are three");
    world.session.unsent(world.now, transmit, Unsent::Full);
    assert_eq!(world.transmit_all(), ["1", "2", "3"]);
}

/// **23.** What had to be sent again came after what had been sent later.
///
/// [Q4] [Q5]
#[test]
fn what_is_sent_again_goes_before_what_is_new() {
    let mut world = World::opened(plain());
    world.at_least_once("1");
    assert_eq!(world.transmit_all(), ["1"]);
    world.lose(Loss::Transport(Transport::Io));
    world.at_least_once("2");
    world.run(seconds(1));
    world.open();
    assert_eq!(world.transmit_all(), ["1", "2"]);
}

/// **24.** The application's own timeout sent a request again; the first copy could not be taken out of the
/// queue, and when the server was back it got both (reconnecting-websocket #171).
///
/// [Q3]
#[test]
fn a_queued_message_can_be_taken_back_before_it_is_sent_again() {
    let mut world = World::new(plain());
    let first = world.once("order");
    world.input(Input::Cancel { id: first });
    assert_eq!(world.outcomes(), [(first, Outcome::Returned(Why::Cancelled, "order".to_string()))]);
    world.once("order");
    world.open();
    assert_eq!(world.transmit_all(), ["order"]);
}

/// **24.** The same by the client's own doing: what has long been confirmed, or was to be sent once, is sent again
/// with each reconnect.
///
/// [Q5] [Q2]
#[test]
fn what_was_acknowledged_or_was_to_be_sent_once_is_not_sent_again() {
    let mut world = World::opened(plain());
    let order = world.at_least_once("order");
    world.once("news");
    assert_eq!(world.transmit_all(), ["order", "news"]);
    world.input(Input::Acked { id: order });
    world.lose(Loss::Transport(Transport::Io));
    world.run(seconds(1));
    world.open();
    assert_eq!(world.transmit_all(), [""; 0]);
    assert_eq!(world.session.queued(), 0);
}

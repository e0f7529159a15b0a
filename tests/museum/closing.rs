//! Leaving, and being believed.

use heartline::{Action, CloseCode, Input, Limits, Loss, Outcome, Outgoing, Refusal, Settings, State, Transport, Why};

use crate::dials;
use crate::support::{World, at, conn, plain, seconds};

/// **6.** The application closed the client while it waited for its next attempt, and the attempt was made all
/// the same (reconnecting-websocket #51 and #70, centrifuge-js #92; a tutorial's client dials on when its page is
/// gone).
///
/// [X1] [X2]
#[test]
fn a_close_cancels_the_dial_that_was_scheduled() {
    let mut world = World::opened(plain());
    world.lose(Loss::Transport(Transport::Io));
    world.close(seconds(5));
    assert_eq!((world.state(), world.session.deadline()), (State::Closed, None));
    world.run(seconds(3600));
    assert_eq!(dials(&world), [at(0)]);
}

/// **6.** The same while open: the end of the connection that the application had closed was handled like any
/// other end, by a reconnect.
///
/// [X1] [X2] [C6]
#[test]
fn the_end_of_a_connection_that_was_closed_is_no_loss() {
    for end in [Loss::Transport(Transport::Io), Loss::Close(1006), Loss::Close(1001), Loss::Close(1000)] {
        let mut world = World::opened(plain());
        let close = world.close(seconds(5));
        assert!(close.contains(&Action::Close { conn: conn(1), code: CloseCode::NORMAL }));
        world.lose(end);
        assert_eq!((world.state(), world.session.deadline()), (State::Closed, None), "{end}");
        for late in [Input::Closed { conn: conn(1), closed: end.into() }, Input::NetworkChanged, Input::Timer] {
            assert_eq!(world.input(late), [], "{end}");
        }
        world.run(seconds(3600));
        assert_eq!(dials(&world), [at(0)], "{end}");
    }
}

/// **33.** The application left while the dial was under way; there was no socket to close yet, so nothing
/// happened, and a moment later the connection was there.
///
/// [X1] [X2]
#[test]
fn a_close_while_connecting_ends_the_dial() {
    let mut world = World::new(plain());
    world.input(Input::Connect);
    let close = world.close(seconds(5));
    assert_eq!(close.first(), Some(&Action::Abort { conn: conn(1) }));
    assert_eq!((world.state(), world.session.deadline()), (State::Closed, None));
}

/// **33.** The same with messages that were still to be sent: the client kept dialling for their sake, however long
/// ago it had been told to stop.
///
/// [X1] [Q3]
#[test]
fn a_close_with_a_backlog_while_connecting_ends_in_time() {
    let mut world = World::new(plain());
    world.input(Input::Connect);
    let message = world.once("goodbye");
    world.close(seconds(5));
    assert_eq!(world.state(), State::Connecting, "there is something to send yet");
    world.run(seconds(5));
    assert_eq!((world.state(), world.session.deadline()), (State::Closed, None));
    assert_eq!(world.outcomes(), [(message, Outcome::Returned(Why::Abandoned, "goodbye".to_string()))]);
    assert!(world.said.contains(&(at(5000), Action::Abort { conn: conn(1) })));
}

/// **33.** The same with a dial that succeeds just as it is given up: the connection that nobody wanted stayed
/// open, and its messages came in.
///
/// [C3] [X2]
#[test]
fn a_dial_that_succeeds_after_it_was_given_up_is_dropped() {
    let mut world = World::new(plain());
    world.input(Input::Connect);
    world.close(seconds(5));
    assert_eq!(world.input(Input::Opened { conn: conn(1) }), [Action::Abort { conn: conn(1) }]);
    assert_eq!(world.input(Input::Message { conn: conn(1), message: "hello".into() }), []);
    assert_eq!((world.state(), world.session.deadline()), (State::Closed, None));
}

/// **20.** One message more than the queue could hold, and the client closed the connection with 1001: the
/// backlog and the session were gone (okhttp #3317).
///
/// [Q1] [R6]
#[test]
fn a_full_queue_refuses_the_message_and_leaves_the_connection_alone() {
    let outbox = Limits { max_messages: 2, ack_window: 2, ..Limits::default() };
    let mut world = World::opened(Settings { outbox, ..plain() });
    world.once("1");
    world.once("2");
    for _ in 0..100 {
        let refused = world.send(Outgoing::once("3".into(), 1)).expect_err("there is no room");
        assert_eq!(refused.reason, Refusal::Full);
    }
    world.run(seconds(60));
    assert_eq!((world.state(), world.session.is_draining()), (State::Open, false));
    assert_eq!(world.transmit_all(), ["1", "2"]);
}

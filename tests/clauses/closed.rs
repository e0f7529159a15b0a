use std::time::Duration;

use heartline::{Action, Cause, CloseCode, Closed, Input, Loss, Outcome, Refusal, State, Unsent, Why};

use crate::change;
use crate::closing::{ALIVE, IO, once, with_one_queued};
use crate::support::*;

/// [X2] [C3]
#[test]
fn closed_is_absorbing() {
    let mut world = with_one_queued(State::Open);
    world.close(Duration::ZERO);
    world.input(Input::Timer);
    world.lose(Loss::Close(1000));
    world.sleep(seconds(100));
    world.input(Input::Timer);
    let before = world.session.fingerprint();
    let conn = conn(1);
    for input in [
        Input::Timer,
        Input::NetworkChanged,
        Input::close_within(SECOND),
        Input::Message { conn, message: "late".into() },
        Input::Pong { conn },
        Input::Closed { conn, closed: Closed::from(IO).retry_after(SECOND) },
        Input::Acked { id: id(1) },
        Input::Cancel { id: id(1) },
    ] {
        world.sleep(seconds(100));
        assert_eq!(world.input(input), []);
    }
    assert_eq!((world.session.fingerprint(), world.session.deadline()), (before, None));
    assert_eq!(world.outcomes().len(), 1, "every id has its outcome");
    assert_eq!(world.send(once("late")).map_err(|refused| refused.reason), Err(Refusal::Closed));
    assert_eq!(world.transmit(), None);
}

/// [X2]
#[test]
fn connect_begins_anew_from_closed() {
    let mut world = World::opened(plain());
    world.close(SECOND);
    world.lose(Loss::Close(1000));
    world.sleep(SECOND);
    let expected =
        [Action::Connect { conn: conn(2), attempt: 0 }, change(State::Closed, State::Connecting, Cause::Requested)];
    assert_eq!(world.input(Input::Connect), expected);
    world.open();
    world.once("accepted again");
    assert_eq!(world.transmit_all(), ["accepted again"]);
}

/// [X2] [R2]
#[test]
fn connect_from_closed_keeps_the_gap() {
    let mut world = World::opened(plain());
    world.close(SECOND);
    world.lose(Loss::Close(1000));
    world.sleep(millis(40));
    let expected = [
        change(State::Closed, State::Waiting, Cause::Requested),
        Action::ScheduleReconnect { attempt: 0, at: at(100), cause: Cause::Requested },
    ];
    assert_eq!(world.input(Input::Connect), expected);
    assert_eq!(world.run(millis(60))[0], (at(100), Action::Connect { conn: conn(2), attempt: 0 }));
}

/// [X2]
#[test]
fn connect_during_a_drain_withdraws_it() {
    for state in ALIVE {
        let mut world = with_one_queued(state);
        world.close(millis(500));
        world.sleep(millis(200));
        let actions = world.input(Input::Connect);
        if state == State::Waiting {
            assert_eq!(actions[0], Action::Connect { conn: conn(2), attempt: 1 }, "R6 as well");
        } else {
            assert_eq!(actions, [], "{state}");
        }
        assert!(!world.session.is_draining());
        world.sleep(millis(300));
        assert_eq!(world.input(Input::Timer), [], "{state}");
        world.once("accepted again");
        assert_eq!(world.session.queued(), 2, "what is queued stays queued");
    }
}

/// [X2]
#[test]
fn connect_after_the_close_frame_aborts_and_dials() {
    let mut world = World::opened(plain());
    world.sleep(SECOND);
    world.close(SECOND);
    let expected = [
        Action::Abort { conn: conn(1) },
        Action::Connect { conn: conn(2), attempt: 0 },
        change(State::Closing, State::Connecting, Cause::Requested),
    ];
    assert_eq!(world.input(Input::Connect), expected);
    assert_eq!(world.input(Input::Closed { conn: conn(1), closed: Loss::Close(1000).into() }), []);
    assert_eq!(world.state(), State::Connecting);
}

/// [X1] [Q7]
#[test]
fn a_drain_ends_with_a_rejected_message_and_not_with_one_put_back() {
    let mut world = with_one_queued(State::Open);
    world.close(seconds(60));
    let transmit = world.transmit().expect("queued");
    world.session.unsent(world.now, transmit, Unsent::Full);
    assert_eq!(world.input(Input::Timer), []);
    let transmit = world.transmit().expect("queued");
    world.session.unsent(world.now, transmit, Unsent::Rejected);
    assert_eq!(world.session.deadline(), Some(world.now));
    let expected = [
        Action::Close { conn: conn(1), code: CloseCode::NORMAL },
        change(State::Open, State::Closing, Cause::Drained),
        Action::Outcome { id: id(1), outcome: Outcome::Returned(Why::Rejected, "queued".into()) },
    ];
    assert_eq!(world.input(Input::Timer), expected);
}

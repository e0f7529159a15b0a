//! After the end, and back from it.

use std::time::Duration;

use crate::closing::{DRAINING, with_one_queued};
use crate::support::*;

/// [X2] [C3]
#[test]
fn closed_is_absorbing() {
    let mut client = with_one_queued(State::Open);
    client.close(Duration::ZERO);
    client.timer();
    client.lose(Loss::Close(1000));
    client.sleep(seconds(100));
    client.timer();
    let (before, conn) = (client.session.fingerprint(), conn(1));
    for input in [
        Input::Timer,
        Input::NetworkChanged,
        Input::close_within(SECOND),
        Input::Message { conn, message: "late".into() },
        Input::Pong { conn, token: None },
        Input::Heartbeat { conn, mode: HeartbeatMode::Off },
        Input::Closed { conn, loss: IO, retry_after: Some(SECOND) },
        Input::closed(conn, Loss::Application(4000)),
        Input::Acked { id: id(1) },
        Input::Cancel { id: id(1) },
    ] {
        assert_eq!(client.sleep(seconds(100)).input(input), []);
    }
    assert_eq!((client.session.fingerprint(), client.session.deadline()), (before.clone(), None));
    assert_eq!(client.outcomes().len(), 1, "every id has its outcome");
    assert_eq!(client.send(at_most_once("late")), Err(Refusal::Closed));
    assert_eq!(client.transmit(), None);
    assert_eq!(client.input(Input::Opened { conn }), [Did::Abort(1)], "a stale dial");
    assert_eq!(client.session.fingerprint(), before);
}

/// [X2] [R9]
#[test]
fn connect_and_reconnect_start_it_anew() {
    for ask in [Input::Connect, Input::Reconnect] {
        let mut client = Client::opened(plain());
        client.close(SECOND);
        client.lose(Loss::Close(1000));
        client.sleep(SECOND);
        let expected = [dial(2), change(State::Closed, State::Connecting, Cause::Requested)];
        assert_eq!(client.input(ask), expected);
        client.open();
        client.at_most_once("accepted again");
        assert_eq!(client.write_all(), ["accepted again"]);
    }
}

/// [X2] [R2]
#[test]
fn connect_from_closed_keeps_the_gap() {
    let mut client = Client::opened(plain());
    client.close(SECOND);
    client.lose(Loss::Close(1000));
    client.sleep(millis(40));
    let expected = [change(State::Closed, State::Waiting, Cause::Requested), schedule(0, at(100), Cause::Requested)];
    assert_eq!(client.connect(), expected);
    assert_eq!(client.run(millis(60))[0], (at(100), dial(2)));
}

/// [X2] [R6]
#[test]
fn connect_during_a_drain_withdraws_it() {
    for state in DRAINING {
        let mut client = with_one_queued(state);
        client.close(millis(500));
        client.sleep(millis(200));
        let actions = client.connect();
        if state == State::Waiting {
            assert_eq!(actions[0], redial(2, 0, IO), "and dials");
        } else {
            assert_eq!(actions, [], "{state}");
        }
        assert!(!client.session.is_draining());
        assert_eq!(client.timer_at(500), [], "{state}");
        client.at_most_once("accepted again");
        assert_eq!(client.session.queued(), 2, "what is queued stays queued");
    }
}

/// From wherever an application can get, with its box full and its server mute for a while.
///
/// [X3]
#[test]
fn no_state_is_a_dead_end() {
    for state in State::ALL {
        for unanswered in [0, 5] {
            let mut client = crate::purity::in_state(state);
            while client.send(at_least_once("x")).is_ok() {}
            for _ in 0..unanswered {
                client.run(seconds(30));
            }
            for _ in 0..2 {
                client.connect();
                client.run(SECOND);
            }
            let conn = client.conn();
            client.input(Input::Opened { conn });
            client.send(this_connection("login")).expect("there is room for it");
            client.input(Input::Ready { conn });
            assert_eq!(client.state(), State::Open, "{state}");
            client.close(SECOND);
            client.run(seconds(6));
            assert_eq!(client.state(), State::Closed, "{state}");
        }
    }
}

//! Draining and closing.

use std::time::Duration;

use crate::support::*;

/// A session in this state with one message queued.
pub fn with_one_queued(state: State) -> Client {
    let mut client = Client::new(greeting(seconds(60)));
    client.at_most_once("queued");
    if state != State::Idle {
        client.connect();
    }
    match state {
        State::Waiting => drop(client.lose(IO)),
        State::Greeting => _ = client.open(),
        State::Open => _ = client.ready(),
        _ => {}
    }
    assert_eq!(client.state(), state);
    client
}

/// The states in which a drain can last.
pub const DRAINING: [State; 4] = [State::Waiting, State::Connecting, State::Greeting, State::Open];

/// [X1]
#[test]
fn a_close_with_nothing_to_send_closes_the_connection_with_the_code() {
    let mut client = Client::opened(plain());
    let code = CloseCode::new(4000).expect("valid");
    let expected = [Did::Close(1, code), change(State::Open, State::Closing, Cause::Requested)];
    assert_eq!(client.input(Input::Close { code, within: SECOND }), expected);
    let cause = Cause::Lost(Loss::Close(4000));
    assert_eq!(client.lose(Loss::Close(4000)), [change(State::Closing, State::Closed, cause)]);
}

/// **Bug 6.** The application closed the client while it waited for its next attempt, and the attempt was made all the
/// same (reconnecting-websocket #51 and #70, centrifuge-js #92). **Bug 33.** It left while the dial was under way; there
/// was no socket to close yet, so nothing happened, and a moment later the connection was there.
///
/// [X1]
#[test]
fn a_close_with_nothing_to_send_and_no_connection_is_the_end_at_once() {
    let end = |from| change(from, State::Closed, Cause::Requested);
    let mut client = Client::new(plain());
    assert_eq!(client.close(SECOND), [end(State::Idle)]);
    let mut client = Client::new(plain());
    client.connect();
    assert_eq!(client.close(SECOND), [Did::Abort(1), end(State::Connecting)]);
    let mut client = Client::opened(plain());
    client.lose(IO);
    assert_eq!(client.close(SECOND), [end(State::Waiting)]);
    assert_eq!((client.session.deadline(), client.run(seconds(3600))), (None, vec![]));
}

/// [X1]
#[test]
fn from_idle_everything_is_abandoned_at_once() {
    let mut client = with_one_queued(State::Idle);
    let expected = [change(State::Idle, State::Closed, Cause::Requested), returned(1, Reason::Abandoned, "queued")];
    assert_eq!(client.close(seconds(60)), expected);
}

/// A text ping of the server, an acknowledgement of its protocol and a login want an answer during a drain, too.
///
/// [X1] [Q2]
#[test]
fn a_drain_changes_nothing_but_what_is_accepted() {
    for state in DRAINING {
        let mut client = with_one_queued(state);
        let due = client.session.deadline();
        assert_eq!(client.close(seconds(600)), [], "{state}");
        assert_eq!((client.state(), client.session.deadline()), (state, due.or(Some(at(600_000)))));
        assert_eq!((client.session.is_draining(), client.session.ready_state()), (true, ReadyState::Closing));
        for message in [at_most_once("late"), at_least_once("late")] {
            assert_eq!(client.send(message), Err(Refusal::Closed), "{state}");
        }
        let open = matches!(state, State::Greeting | State::Open);
        let expected = if open { Ok(id(2)) } else { Err(Refusal::Closed) };
        assert_eq!(client.send(this_connection("pong")), expected, "{state}");
    }
}

/// [X1] [Q2]
#[test]
fn answers_to_the_server_prolong_no_drain_beyond_its_time() {
    let mut client = Client::opened(plain());
    client.unacknowledged("never acknowledged");
    client.close(seconds(8));
    for _ in 0..8 {
        client.this_connection("pong");
        assert_eq!(client.write_all(), ["pong"]);
        client.run(SECOND);
    }
    assert_eq!((client.now, client.session.cause()), (at(8_000), Cause::DrainTimeout));
}

/// [X1]
#[test]
fn a_drain_that_begins_anywhere_ends_when_every_message_has_its_outcome() {
    for state in DRAINING {
        let mut client = with_one_queued(state);
        client.close(seconds(600));
        if state == State::Waiting {
            client.run_to_dial();
        }
        if matches!(client.state(), State::Connecting) {
            client.open();
        }
        let conn = client.conn();
        client.input(Input::Ready { conn });
        assert_eq!(client.write_all(), ["queued"]);
        let closing = change(State::Open, State::Closing, Cause::Drained);
        assert_eq!(client.rest(), [close_frame(conn.as_raw()), closing, transmitted(1)], "{state}");
    }
}

/// [X1] [R1]
#[test]
fn a_drain_reconnects_and_waits_for_acknowledgements() {
    let mut client = Client::opened(plain());
    client.unacknowledged("a");
    client.close(seconds(60));
    client.reconnect();
    assert_eq!(client.write_all(), ["a"]);
    client.run(seconds(20));
    assert_eq!(client.state(), State::Open);
    assert_eq!(client.ack(id(1))[0], close_frame(2));
}

/// [X1]
#[test]
fn a_drain_ends_at_once_where_there_is_no_connection() {
    let mut client = with_one_queued(State::Waiting);
    client.close(seconds(60));
    let cancel = Input::Cancel { id: id(1) };
    assert_eq!(client.input(cancel.clone())[0], change(State::Waiting, State::Closed, Cause::Drained));
    let mut client = with_one_queued(State::Connecting);
    client.close(seconds(60));
    assert_eq!(client.input(cancel)[..2], [Did::Abort(1), change(State::Connecting, State::Closed, Cause::Drained)]);
}

/// However the connection ends: reported, or by a deadline.
///
/// [X1] [Q2] [Q10]
#[test]
fn a_drain_whose_last_message_is_resolved_by_a_loss_ends_with_it() {
    let login: Step = |client| _ = client.this_connection("login");
    let poison: Step = |client| _ = client.unacknowledged("poison");
    for (send, by_timer) in [(login, false), (poison, false), (login, true), (poison, true)] {
        let outbox = OutboxConfig { max_losses: 1, ..OutboxConfig::default() };
        let mut client = Client::opened(Settings { outbox, ..beating(listen(9)) });
        send(&mut client);
        client.close(seconds(50));
        let loss = if by_timer { Loss::HeartbeatTimeout } else { IO };
        let _ = if by_timer { client.sleep(seconds(9)).timer() } else { client.lose(IO) };
        let ended = [(State::Waiting, Cause::Lost(loss)), (State::Closed, Cause::Drained)];
        assert_eq!(changes(client.did.iter().map(|(_, did)| did))[2..], ended);
        assert_eq!(client.session.deadline(), None);
    }
}

/// **Bug 33.** The client kept dialling for the sake of what was still to be sent, however long ago it had been told to
/// stop.
///
/// [X1] [Q3]
#[test]
fn when_within_is_over_the_rest_is_abandoned_and_the_session_ends_as_its_state_allows() {
    for state in DRAINING {
        let mut client = with_one_queued(state);
        client.close(millis(500));
        assert_eq!(client.timer_at(499), [], "{state}");
        let (mut expected, to) = match state {
            State::Waiting => (vec![], State::Closed),
            State::Connecting => (vec![Did::Abort(1)], State::Closed),
            _ => (vec![close_frame(1)], State::Closing),
        };
        expected.extend([change(state, to, Cause::DrainTimeout), returned(1, Reason::Abandoned, "queued")]);
        assert_eq!(client.timer_at(500), expected);
    }
    let mut client = Client::opened(plain());
    client.unacknowledged("sent");
    client.close(Duration::ZERO);
    assert_eq!(client.timer().last(), Some(&unconfirmed(1, Reason::Abandoned, "sent")));
}

/// [X1] [Q6]
#[test]
fn a_drain_whose_last_message_expires_in_its_last_moment_was_drained() {
    let mut client = Client::opened(plain());
    client.send(at_most_once("live_expiries").expires_in(SECOND)).expect("accepted");
    client.close(SECOND);
    let expected = [close_frame(1), change(State::Open, State::Closing, Cause::Drained)];
    assert_eq!(client.timer_at(1_000)[..2], expected);
}

/// [X1] [P5] [Q7]
#[test]
fn a_drain_whose_last_message_is_found_expired_by_transmit_or_is_rejected_is_over() {
    let mut client = Client::opened(plain());
    client.send(at_most_once("live_expiries").expires_in(SECOND)).expect("accepted");
    client.close(seconds(60));
    client.sleep(SECOND);
    assert_eq!((client.transmit(), client.state()), (None, State::Closing));
    let mut client = with_one_queued(State::Open);
    client.close(seconds(60));
    client.transmit().expect("queued");
    assert_eq!(client.state(), State::Open, "a lend is no outcome");
    client.session.rejected(client.now, id(1));
    assert_eq!(client.state(), State::Closing);
}

/// [X1] [R5]
#[test]
fn when_the_policy_stops_a_drain_the_rest_is_abandoned() {
    let mut client = with_one_queued(State::Open);
    client.close(seconds(60));
    let cause = Cause::Stopped(Loss::Close(1008));
    let expected = [change(State::Open, State::Closed, cause), returned(1, Reason::Abandoned, "queued")];
    assert_eq!(client.lose(Loss::Close(1008)), expected);
    let mut client = Client::new(Settings { max_retries: Some(0), ..plain() });
    client.at_most_once("queued");
    client.connect();
    client.close(seconds(60));
    let cause = Cause::Exhausted(IO);
    let expected = [change(State::Connecting, State::Closed, cause), returned(1, Reason::Abandoned, "queued")];
    assert_eq!(client.lose(IO), expected);
}

/// [X1]
#[test]
fn a_second_close_can_only_shorten_what_is_left_of_a_drain() {
    let mut client = with_one_queued(State::Open);
    client.close(seconds(10));
    for no_sooner in [10, 20] {
        client.close(seconds(no_sooner));
    }
    assert_eq!((client.session.deadline(), client.session.stats().ignored), (Some(at(10_000)), 2));
    client.input(Input::Close { code: CloseCode::GOING_AWAY, within: seconds(5) });
    assert_eq!((client.session.deadline(), client.session.stats().ignored), (Some(at(5_000)), 2));
    assert_eq!(client.timer_at(5_000)[0], close_frame(1), "with the code of the first");
}

/// [X1]
#[test]
fn a_second_close_can_only_shorten_what_is_left_of_a_close_handshake() {
    let mut client = Client::opened(plain());
    client.close(SECOND);
    assert_eq!(client.session.deadline(), Some(at(5_000)), "close_timeout");
    for no_sooner in [5, 9] {
        client.close(seconds(no_sooner));
    }
    assert_eq!((client.session.deadline(), client.session.stats().ignored), (Some(at(5_000)), 2));
    client.close(seconds(2));
    assert_eq!(client.session.deadline(), Some(at(2_000)));
}

/// **Bug 3.** The peer was gone, its answer to the close frame never came, and the client stayed in "closing".
///
/// [X1]
#[test]
fn a_close_handshake_that_takes_too_long_is_aborted() {
    let mut client = Client::opened(plain());
    client.close(SECOND);
    assert_eq!(client.timer_at(4_999), []);
    let end = change(State::Closing, State::Closed, Cause::CloseTimeout);
    assert_eq!(client.timer_at(5_000), [Did::Abort(1), end]);
}

/// **Bug 6.** The end of the connection that the application had closed was handled like any other end, by a reconnect.
///
/// [X1] [R1] [C6]
#[test]
fn the_end_of_a_connection_that_was_closed_is_no_loss() {
    for end in [IO, Loss::Close(1006), Loss::Close(1001), Loss::Close(1000)] {
        let mut client = Client::opened(plain());
        client.close(SECOND);
        assert_eq!(client.lose(end), [change(State::Closing, State::Closed, Cause::Lost(end))]);
        assert_eq!((client.session.deadline(), client.run(seconds(3600))), (None, vec![]));
    }
}

/// [X1] [Q2]
#[test]
fn while_closing_nothing_is_accepted_or_transmitted() {
    let mut client = Client::opened(greeting(SECOND));
    client.close(SECOND);
    assert_eq!(client.state(), State::Closing);
    for message in [at_most_once("a"), at_least_once("b"), this_connection("c")] {
        assert_eq!(client.send(message), Err(Refusal::Closed));
    }
    assert_eq!(client.transmit(), None);
}

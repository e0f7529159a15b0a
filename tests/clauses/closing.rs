use std::time::Duration;

use heartline::{
    Action, Cause, CloseCode, Input, Loss, Outcome, Outgoing, ReadyState, Refusal, Settings, State, Transport, Why,
};

use crate::change;
use crate::support::*;

pub const IO: Loss = Loss::Transport(Transport::Io);

pub fn greeting() -> Settings {
    Settings { greeting_timeout: Some(seconds(60)), ..plain() }
}

pub fn close_frame(raw: u64) -> Action<Message> {
    Action::Close { conn: conn(raw), code: CloseCode::NORMAL }
}

pub fn abandoned(raw: u64, text: &str) -> Action<Message> {
    Action::Outcome { id: id(raw), outcome: Outcome::Returned(Why::Abandoned, text.into()) }
}

pub fn once(text: &str) -> Outgoing<Message> {
    Outgoing::once(text.into(), text.len())
}

/// A session in this state with one message queued.
pub fn with_one_queued(state: State) -> World {
    let mut world = World::new(greeting());
    world.once("queued");
    if state != State::Idle {
        world.input(Input::Connect);
    }
    if state == State::Waiting {
        world.lose(IO);
    }
    if matches!(state, State::Greeting | State::Open) {
        world.open();
    }
    if state == State::Open {
        world.input(Input::Ready { conn: conn(1) });
    }
    assert_eq!(world.state(), state);
    world
}

pub const ALIVE: [State; 4] = [State::Waiting, State::Connecting, State::Greeting, State::Open];

/// [X1]
#[test]
fn a_close_with_nothing_to_send_closes_the_connection_with_the_code() {
    let mut world = World::opened(plain());
    let code = CloseCode::new(4000).expect("valid");
    let expected = [Action::Close { conn: conn(1), code }, change(State::Open, State::Closing, Cause::Requested)];
    assert_eq!(world.input(Input::Close { code, within: SECOND }), expected);
    let cause = Cause::Lost(Loss::Close(4000));
    assert_eq!(world.lose(Loss::Close(4000)), [change(State::Closing, State::Closed, cause)]);
}

/// [X1]
#[test]
fn a_close_with_nothing_to_send_and_no_connection_is_the_end_at_once() {
    let mut world = World::new(plain());
    world.input(Input::Connect);
    let end = |from| change(from, State::Closed, Cause::Requested);
    assert_eq!(world.close(SECOND), [Action::Abort { conn: conn(1) }, end(State::Connecting)]);
    let mut world = World::opened(plain());
    world.lose(IO);
    assert_eq!(world.close(SECOND), [end(State::Waiting)]);
    let mut world = World::new(plain());
    assert_eq!(world.close(SECOND), [end(State::Idle)]);
}

/// [X1]
#[test]
fn from_idle_everything_is_abandoned_at_once() {
    let mut world = with_one_queued(State::Idle);
    let expected = [change(State::Idle, State::Closed, Cause::Requested), abandoned(1, "queued")];
    assert_eq!(world.close(seconds(60)), expected);
}

/// [X1]
#[test]
fn a_drain_changes_nothing_but_what_is_accepted() {
    for state in ALIVE {
        let mut world = with_one_queued(state);
        let due = world.session.deadline();
        assert_eq!(world.close(seconds(600)), [], "{state}");
        assert_eq!((world.state(), world.session.deadline()), (state, due.or(Some(at(600_000)))));
        assert_eq!((world.session.is_draining(), world.session.ready_state()), (true, ReadyState::Closing));
        assert_eq!(world.send(once("late")).map_err(|refused| refused.reason), Err(Refusal::Closed), "{state}");
        let connection = world.send(Outgoing::connection("login".into(), 5)).map_err(|refused| refused.reason);
        let expected = if state == State::Greeting { Ok(id(2)) } else { Err(Refusal::Closed) };
        assert_eq!(connection, expected, "{state}");
    }
}

/// [X1]
#[test]
fn a_drain_that_begins_anywhere_ends_when_every_message_has_its_outcome() {
    for state in ALIVE {
        let mut world = with_one_queued(state);
        world.close(seconds(600));
        if state == State::Waiting {
            world.run(SECOND);
        }
        let conn = if state == State::Greeting || state == State::Open {
            world.session.conn().expect("a connection")
        } else {
            world.open()
        };
        world.input(Input::Ready { conn });
        assert_eq!(world.transmit_all(), ["queued"]);
        let expected = [
            Action::Close { conn, code: CloseCode::NORMAL },
            change(State::Open, State::Closing, Cause::Drained),
            Action::Outcome { id: id(1), outcome: Outcome::Committed },
        ];
        assert_eq!(world.input(Input::Timer), expected, "{state}");
    }
}

/// [X1]
#[test]
fn a_drain_waits_for_acknowledgements_across_reconnects() {
    let mut world = World::opened(plain());
    world.at_least_once("a");
    world.transmit_all();
    world.close(seconds(60));
    world.lose(IO);
    world.run(SECOND);
    world.open();
    assert_eq!(world.transmit_all(), ["a"]);
    world.run(seconds(30));
    assert_eq!(world.state(), State::Open);
    assert_eq!(world.input(Input::Acked { id: id(1) })[0], close_frame(2));
}

/// [X1]
#[test]
fn a_drain_ends_at_once_where_there_is_no_connection() {
    let mut world = with_one_queued(State::Waiting);
    world.close(seconds(60));
    assert_eq!(world.input(Input::Cancel { id: id(1) })[0], change(State::Waiting, State::Closed, Cause::Drained));
    let mut world = with_one_queued(State::Connecting);
    world.close(seconds(60));
    let expected = [Action::Abort { conn: conn(1) }, change(State::Connecting, State::Closed, Cause::Drained)];
    assert_eq!(world.input(Input::Cancel { id: id(1) })[..2], expected);
}

/// [X1] [Q2]
#[test]
fn a_drain_for_connection_messages_alone_ends_with_the_connection() {
    let mut world = World::opened(greeting());
    world.send(Outgoing::connection("login".into(), 5)).expect("accepted");
    world.close(seconds(60));
    let told = changes(&world.lose(IO));
    assert_eq!(told, [(State::Waiting, Cause::Lost(IO)), (State::Closed, Cause::Drained)]);
    assert_eq!(world.session.deadline(), None);
}

/// [X1]
#[test]
fn when_within_is_over_the_rest_is_abandoned_and_the_session_ends_as_its_state_allows() {
    for state in ALIVE {
        let mut world = with_one_queued(state);
        world.close(millis(500));
        world.sleep(millis(499));
        assert_eq!(world.input(Input::Timer), [], "{state}");
        world.sleep(millis(1));
        let mut expected = match state {
            State::Waiting => vec![],
            State::Connecting => vec![Action::Abort { conn: conn(1) }],
            _ => vec![close_frame(1)],
        };
        let to = if matches!(state, State::Greeting | State::Open) { State::Closing } else { State::Closed };
        expected.extend([change(state, to, Cause::DrainTimeout), abandoned(1, "queued")]);
        assert_eq!(world.input(Input::Timer), expected);
    }
}

/// [X1] [Q6]
#[test]
fn a_drain_whose_last_message_expires_in_its_last_moment_was_drained() {
    let mut world = World::opened(plain());
    world.send(once("mortal").time_to_live(SECOND)).expect("accepted");
    world.close(SECOND);
    world.sleep(SECOND);
    let expected = [close_frame(1), change(State::Open, State::Closing, Cause::Drained)];
    assert_eq!(world.input(Input::Timer)[..2], expected);
}

/// [X1] [P5]
#[test]
fn a_drain_whose_last_message_is_found_expired_by_transmit_is_over() {
    let mut world = World::opened(plain());
    world.send(once("mortal").time_to_live(SECOND)).expect("accepted");
    world.close(seconds(60));
    world.sleep(SECOND);
    assert_eq!((world.transmit(), world.state()), (None, State::Closing));
}

/// [X1] [Q3]
#[test]
fn what_was_transmitted_is_abandoned_unconfirmed() {
    let mut world = World::opened(plain());
    world.at_least_once("a");
    world.transmit_all();
    world.close(Duration::ZERO);
    world.input(Input::Timer);
    assert_eq!(world.outcomes(), [(id(1), Outcome::Unconfirmed(Why::Abandoned, "a".into()))]);
    assert_eq!(world.state(), State::Closing);
}

/// [X1] [R5]
#[test]
fn when_the_policy_stops_a_drain_the_rest_is_abandoned() {
    let mut world = with_one_queued(State::Open);
    world.close(seconds(60));
    let cause = Cause::Stopped(Loss::Close(1008));
    let expected = [change(State::Open, State::Closed, cause), abandoned(1, "queued")];
    assert_eq!(world.lose(Loss::Close(1008)), expected);
    let mut world = World::new(Settings { max_attempts: Some(0), ..plain() });
    world.once("queued");
    world.input(Input::Connect);
    world.close(seconds(60));
    let expected = [change(State::Connecting, State::Closed, Cause::Exhausted(IO)), abandoned(1, "queued")];
    assert_eq!(world.lose(IO), expected);
}

/// [X1]
#[test]
fn a_second_close_can_only_shorten_what_is_left() {
    let mut world = with_one_queued(State::Open);
    world.close(seconds(10));
    for no_sooner in [10, 20] {
        world.close(seconds(no_sooner));
    }
    assert_eq!((world.session.deadline(), world.session.stats().ignored), (Some(at(10_000)), 2));
    world.input(Input::Close { code: CloseCode::GOING_AWAY, within: seconds(5) });
    assert_eq!((world.session.deadline(), world.session.stats().ignored), (Some(at(5_000)), 2));
    world.sleep(seconds(5));
    assert_eq!(world.input(Input::Timer)[0], close_frame(1), "with the code of the first");
}

/// [X1]
#[test]
fn a_second_close_shortens_a_close_handshake_as_well() {
    let mut world = World::opened(plain());
    world.close(SECOND);
    assert_eq!(world.session.deadline(), Some(at(5_000)), "close_timeout");
    for no_sooner in [5, 9] {
        world.close(seconds(no_sooner));
    }
    assert_eq!((world.session.deadline(), world.session.stats().ignored), (Some(at(5_000)), 2));
    world.close(seconds(2));
    assert_eq!(world.session.deadline(), Some(at(2_000)));
}

/// [X1]
#[test]
fn a_close_handshake_that_takes_too_long_is_aborted() {
    let mut world = World::opened(plain());
    world.close(SECOND);
    world.sleep(millis(4_999));
    assert_eq!(world.input(Input::Timer), []);
    world.sleep(millis(1));
    let end = change(State::Closing, State::Closed, Cause::CloseTimeout);
    assert_eq!(world.input(Input::Timer), [Action::Abort { conn: conn(1) }, end]);
}

/// [X1] [R1]
#[test]
fn a_connection_that_breaks_while_closing_is_not_dialled_again() {
    let mut world = World::opened(plain());
    world.close(SECOND);
    assert_eq!(world.lose(IO), [change(State::Closing, State::Closed, Cause::Lost(IO))]);
    assert_eq!(world.run(seconds(3600)), []);
}

/// [X1]
#[test]
fn while_closing_nothing_is_accepted_or_transmitted() {
    let mut world = World::opened(greeting());
    world.close(SECOND);
    assert_eq!(world.state(), State::Closing);
    for message in [once("a"), Outgoing::connection("b".into(), 1)] {
        assert_eq!(world.send(message).map_err(|refused| refused.reason), Err(Refusal::Closed));
    }
    assert_eq!(world.transmit(), None);
}

use heartline::{
    Action, Cause, Delivery, Input, Loss, Outcome, Outgoing, Refusal, Rhythm, Settings, State, Transport, Why,
};

use crate::support::*;
use crate::{change, is_dial, unheard};

const IO: Loss = Loss::Transport(Transport::Io);

fn greeting() -> Settings {
    Settings { greeting_timeout: Some(seconds(3)), ..plain() }
}

fn connection(text: &str) -> Outgoing<Message> {
    Outgoing::connection(text.into(), text.len())
}

/// [C1]
#[test]
fn a_new_dial_comes_only_after_the_end_of_the_one_before() {
    let mut world = World::new(plain());
    let mut existing = None;
    let inputs: [fn(&mut World); 7] = [
        |world| drop(world.input(Input::Connect)),
        |world| drop(world.run(seconds(11))),
        |world| _ = world.open(),
        |world| drop(world.close(SECOND)),
        |world| drop(world.input(Input::Connect)),
        |world| drop(world.lose(IO)),
        |world| drop(world.run(seconds(2))),
    ];
    for step in 0..200 {
        let before = world.said.len();
        if world.session.conn().is_some() || step % 7 != 5 {
            inputs[step % 7](&mut world);
        }
        for (_, action) in &world.said[before..] {
            match action {
                Action::Abort { conn } => assert_eq!(existing.take(), Some(*conn)),
                Action::Connect { conn, .. } => assert_eq!(existing.replace(*conn), None, "step {step}"),
                _ => {}
            }
        }
        existing = existing.filter(|conn| world.session.conn() == Some(*conn));
    }
    assert!(world.session.stats().dials > 50);
}

/// [C2]
#[test]
fn connection_ids_increase_over_retries_closes_and_new_beginnings() {
    let mut world = World::new(plain());
    let mut names = Vec::new();
    for _ in 0..3 {
        names.push(world.open());
        world.lose(IO);
        world.run(SECOND);
        names.push(world.open());
        world.close(SECOND);
        world.lose(Loss::Close(1000));
        world.sleep(SECOND);
    }
    assert_eq!(names, [1, 2, 3, 4, 5, 6].map(conn));
}

/// [C3]
#[test]
fn what_an_ended_connection_says_changes_nothing() {
    let mut world = World::opened(plain());
    world.lose(IO);
    world.run(SECOND);
    assert_eq!(world.open(), conn(2));
    let (before, old) = (world.session.fingerprint(), conn(1));
    for input in [
        Input::Closed { conn: old, closed: IO.into() },
        Input::Message { conn: old, message: "late".into() },
        Input::Pong { conn: old },
        Input::Ready { conn: old },
    ] {
        assert_eq!(world.input(input), []);
    }
    assert_eq!((world.session.fingerprint(), world.session.stats().stale), (before, 4));
}

/// [C3]
#[test]
fn a_dial_that_opens_after_its_end_is_aborted() {
    let mut world = World::new(plain());
    world.input(Input::Connect);
    world.run(seconds(10));
    let before = world.session.fingerprint();
    assert_eq!(world.input(Input::Opened { conn: conn(1) }), [Action::Abort { conn: conn(1) }]);
    assert_eq!(world.session.fingerprint(), before);
    assert_eq!(world.input(Input::Opened { conn: conn(1) }), [Action::Abort { conn: conn(1) }], "as often as it asks");
}

/// [C3] [P6]
#[test]
fn an_abort_that_is_still_owed_is_told_once_to_a_dial_that_opens() {
    let mut world = World::new(plain());
    world.input(Input::Connect);
    world.sleep(seconds(10));
    unheard(&mut world, Input::Timer);
    let aborts = world.input(Input::Opened { conn: conn(1) });
    assert_eq!(aborts.iter().filter(|action| matches!(action, Action::Abort { .. })).count(), 1);
}

/// [C3]
#[test]
fn opening_twice_is_opening_once() {
    let mut world = World::opened(plain());
    assert_eq!(world.input(Input::Opened { conn: conn(1) }), []);
    assert_eq!((world.state(), world.session.stats().ignored), (State::Open, 1));
}

/// [C4] [R1]
#[test]
fn a_dial_that_takes_too_long_is_aborted_and_retried() {
    let mut world = World::new(plain());
    world.input(Input::Connect);
    assert_eq!(world.session.deadline(), Some(at(10_000)));
    world.sleep(millis(9_999));
    assert_eq!(world.input(Input::Timer), []);
    world.sleep(millis(1));
    let cause = Cause::Lost(Loss::ConnectTimeout);
    let expected = [
        Action::Abort { conn: conn(1) },
        change(State::Connecting, State::Waiting, cause),
        Action::ScheduleReconnect { attempt: 1, at: at(11_000), cause },
    ];
    assert_eq!(world.input(Input::Timer), expected);
    assert_eq!(world.session.stats().lost_to_connect_timeout, 1);
}

/// [C5]
#[test]
fn nothing_queued_overtakes_the_greeting() {
    let mut world = World::new(greeting());
    world.at_least_once("queued first");
    world.once("queued second");
    world.open();
    assert_eq!((world.state(), world.transmit()), (State::Greeting, None));
    world.send(connection("login")).expect("accepted");
    world.send(connection("subscribe")).expect("accepted");
    assert_eq!(world.transmit_all(), ["login", "subscribe"]);
    assert_eq!(world.input(Input::Ready { conn: conn(1) })[0], change(State::Greeting, State::Open, Cause::Ready));
    assert_eq!(world.transmit_all(), ["queued first", "queued second"]);
}

/// [C5]
#[test]
fn connection_messages_come_before_all_others_in_every_state() {
    let mut world = World::new(greeting());
    world.at_least_once("again");
    let first = world.open();
    world.input(Input::Ready { conn: first });
    world.transmit_all();
    world.lose(IO);
    world.run(SECOND);
    let second = world.open();
    world.once("new");
    world.send(connection("subscribe")).expect("accepted");
    world.input(Input::Ready { conn: second });
    world.send(connection("more")).expect("accepted");
    assert_eq!(world.transmit_all(), ["subscribe", "more", "again", "new"]);
}

/// [C5] [H4]
#[test]
fn a_greeting_that_takes_too_long_is_aborted_and_lost() {
    let mut world = World::opened(greeting());
    world.sleep(millis(2_999));
    assert_eq!(world.input(Input::Timer), []);
    world.sleep(millis(1));
    let cause = Cause::Lost(Loss::GreetingTimeout);
    let expected = [
        Action::Abort { conn: conn(1) },
        change(State::Greeting, State::Waiting, cause),
        Action::ScheduleReconnect { attempt: 1, at: at(4_000), cause },
    ];
    assert_eq!(world.input(Input::Timer), expected);
    assert_eq!(world.session.stats().lost_to_greeting_timeout, 1);
}

/// [C5]
#[test]
fn a_chatty_server_does_not_prolong_the_greeting() {
    let mut world = World::opened(greeting());
    world.sleep(seconds(2));
    world.message("not the answer");
    assert_eq!(world.session.deadline(), Some(at(3_000)));
}

/// [C5]
#[test]
fn without_a_greeting_opened_is_ready() {
    let mut world = World::new(plain());
    world.once("queued");
    world.input(Input::Connect);
    let opened = world.input(Input::Opened { conn: conn(1) });
    assert_eq!(opened, [change(State::Connecting, State::Open, Cause::Opened)]);
    assert_eq!(world.transmit_all(), ["queued"]);
}

/// [C6] [R1]
#[test]
fn an_error_and_a_close_and_a_timer_are_one_end_and_one_retry() {
    let mut world = World::opened(Settings { heartbeat: pulse(when_idle(seconds(5), seconds(5))), ..plain() });
    world.run(seconds(9));
    let conn = world.session.conn().expect("open");
    for loss in [IO, Loss::Close(1006), Loss::Transport(Transport::Protocol)] {
        world.input(Input::Closed { conn, closed: loss.into() });
    }
    world.run(millis(999));
    let scheduled = |(_, action): &&(_, Action<Message>)| matches!(action, Action::ScheduleReconnect { .. });
    assert_eq!(world.said.iter().filter(scheduled).count(), 1);
    let stats = world.session.stats();
    assert_eq!((stats.lost_to_transport, stats.lost_to_close, stats.lost_to_heartbeat, stats.stale), (1, 0, 0, 2));
    let dials: Vec<_> = world.run(millis(1)).into_iter().filter(|(_, action)| is_dial(action)).collect();
    assert_eq!(dials, [(at(10_000), Action::Connect { conn: crate::support::conn(2), attempt: 1 })]);
}

/// [C6]
#[test]
fn a_received_close_frame_is_an_end() {
    let mut world = World::opened(plain());
    let cause = Cause::Lost(Loss::Close(1001));
    assert_eq!(world.lose(Loss::Close(1001))[0], change(State::Open, State::Waiting, cause));
    assert_eq!(world.session.stats().lost_to_close, 1);
}

/// [C7]
#[test]
fn messages_are_delivered_from_the_opening_to_the_end() {
    let mut world = World::opened(greeting());
    let deliver = |text: &str| vec![Action::Deliver(text.to_string())];
    assert_eq!(world.message("greeting"), deliver("greeting"));
    world.input(Input::Ready { conn: conn(1) });
    assert_eq!(world.message("open"), deliver("open"));
    world.at_least_once("unacknowledged");
    world.close(SECOND);
    assert_eq!(world.message("draining"), deliver("draining"));
    world.transmit_all();
    world.input(Input::Acked { id: id(1) });
    assert_eq!(world.state(), State::Closing);
    assert_eq!(world.message("closing"), deliver("closing"));
    world.lose(Loss::Close(1000));
    let message = Input::Message { conn: conn(1), message: "closed".into() };
    assert_eq!(world.input(message), []);
}

/// [C7]
#[test]
fn a_dial_that_has_not_opened_delivers_nothing() {
    let mut world = World::new(plain());
    world.input(Input::Connect);
    assert_eq!(world.message("too early"), []);
    assert_eq!(world.session.stats().ignored, 1);
}

/// [Q2] [C5]
#[test]
fn connection_messages_are_refused_where_there_is_no_connection_and_returned_with_it() {
    let mut world = World::new(greeting());
    let refused = world.send(connection("too early")).expect_err("no connection");
    assert_eq!((refused.reason, refused.outgoing.delivery()), (Refusal::NotConnected, Delivery::Connection));
    world.input(Input::Connect);
    assert_eq!(world.send(connection("dialling")).map_err(|refused| refused.reason), Err(Refusal::NotConnected));
    world.open();
    let login = world.send(connection("login")).expect("accepted");
    world.lose(IO);
    assert_eq!(world.outcomes(), [(login, Outcome::Returned(Why::ConnectionOver, "login".into()))]);
    assert_eq!(world.send(connection("lost")).map_err(|refused| refused.reason), Err(Refusal::NotConnected));
}

/// [C5] [H2]
#[test]
fn the_heartbeat_begins_when_the_greeting_is_over() {
    let rhythm = Rhythm::Steady { interval: seconds(5), timeout: Some(seconds(2)) };
    let mut world = World::opened(Settings { heartbeat: pulse(rhythm), ..greeting() });
    assert_eq!(world.session.deadline(), Some(at(3_000)), "the greeting's");
    world.sleep(seconds(2));
    assert_eq!(world.input(Input::Ready { conn: conn(1) })[0], Action::Ping { conn: conn(1) });
    assert_eq!(world.session.deadline(), Some(at(4_000)), "the ping's");
}

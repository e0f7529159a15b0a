//! Coming back: the moment there is hope, and with what the dial is made.

use heartline::{Action, Backoff, Input, Loss, Outcome, Outgoing, Settings, State, Transport, Why};

use crate::dials;
use crate::support::{Message, World, at, conn, id, millis, plain, pulse, seconds, when_idle};

/// Five minutes between dials.
fn patient() -> Settings {
    Settings { backoff: Backoff::constant(seconds(300)), ..plain() }
}

/// **12.** The network was back, the operating system said so, and the client sat out what was left of a long
/// delay (centrifuge-js #203).
///
/// [R7]
#[test]
fn a_network_that_came_back_is_used_at_once() {
    let mut world = World::opened(patient());
    world.run(seconds(60));
    world.lose(Loss::Transport(Transport::Io));
    world.run(seconds(10));
    world.input(Input::NetworkChanged);
    assert_eq!(dials(&world), [at(0), at(70_000)]);
}

/// **12.** The laptop slept through the moment of the next attempt; awake again, the client began a new wait
/// instead of making it.
///
/// [R1] [P4]
#[test]
fn a_dial_that_fell_due_during_sleep_is_made_on_waking() {
    let mut world = World::opened(patient());
    world.lose(Loss::Transport(Transport::Io));
    world.sleep(seconds(3600));
    world.input(Input::Timer);
    assert_eq!((dials(&world), world.state()), (vec![at(0), at(3_600_000)], State::Connecting));
}

/// **12.** Awake again after an hour, the client believed for another round of its heartbeat in a link that had died
/// meanwhile, although the clock told it how long it had slept (SignalR #3330).
///
/// [H2] [H6]
#[test]
fn a_link_that_died_during_sleep_is_found_dead_within_one_timeout_of_waking() {
    for asleep_after in [10, 25] {
        let mut world = World::opened(Settings { heartbeat: pulse(when_idle(seconds(20), seconds(10))), ..plain() });
        world.run(seconds(asleep_after));
        world.sleep(seconds(3600));
        assert!(world.input(Input::Timer).contains(&Action::Ping { conn: conn(1) }), "after {asleep_after} s");
        world.run(seconds(10));
        assert_eq!(world.state(), State::Waiting, "after {asleep_after} s");
    }
}

/// **12.** After a change of network the old connection looked open for as long as its heartbeat took to
/// notice.
///
/// [R7] [H4]
#[test]
fn a_changed_network_puts_an_open_link_to_the_test_at_once() {
    let mut world = World::opened(Settings { heartbeat: pulse(when_idle(seconds(300), seconds(10))), ..plain() });
    world.run(seconds(50));
    assert_eq!(world.input(Input::NetworkChanged), [Action::Ping { conn: conn(1) }]);
    world.run(seconds(10));
    assert_eq!((world.state(), world.now), (State::Waiting, at(60_000)));
}

/// **32.** "Reconnect now", said the button, and the client waited for the end of its delay all the same
/// (reconnecting-websocket #91).
///
/// [R6]
#[test]
fn a_user_who_asks_to_reconnect_does_not_wait_out_the_delay() {
    let mut world = World::opened(patient());
    world.run(seconds(60));
    world.lose(Loss::Transport(Transport::Io));
    world.run(seconds(10));
    world.input(Input::Connect);
    assert_eq!((dials(&world), world.state()), (vec![at(0), at(70_000)], State::Connecting));
}

/// Dials with a token for every name of a connection; the server accepts each token once.
fn dial_with_token(actions: &[Action<Message>], fetched: &mut Vec<(u64, usize)>) -> usize {
    let name = actions.iter().find_map(|action| match action {
        Action::Connect { conn, .. } => Some(conn.as_raw()),
        _ => None,
    });
    let name = name.expect("a dial");
    let known = fetched.iter().find(|(known, _)| *known == name).map(|(_, token)| *token);
    known.unwrap_or_else(|| {
        fetched.push((name, fetched.len() + 1));
        fetched.len()
    })
}

/// **15.** The address was put together once, token and all; when the token had expired every reconnect was
/// refused with it (graphql-ws #482 and #105, sockette #59). Here each dial is a request of its own, under a new name.
///
/// [C2] [R1]
#[test]
fn every_dial_is_a_new_request_for_which_a_new_token_is_fetched() {
    let (mut world, mut fetched) = (World::new(plain()), Vec::new());
    let mut dial = world.input(Input::Connect);
    for expected in 1..=4 {
        assert_eq!(dial_with_token(&dial, &mut fetched), expected);
        world.open();
        world.lose(Loss::Close(1006));
        dial = world.run(seconds(1)).into_iter().map(|(_, action)| action).collect();
    }
}

/// **15.** The same with a login by message: what the old connection had not sent yet went out on the new one,
/// with the old token.
///
/// [Q2] [C5]
#[test]
fn a_login_that_was_not_sent_is_not_sent_on_the_next_connection() {
    let mut world = World::opened(Settings { greeting_timeout: Some(seconds(5)), ..plain() });
    world.send(Outgoing::connection("login with token 1".into(), 18)).expect("accepted");
    world.lose(Loss::Close(1006));
    let returned = Outcome::Returned(Why::ConnectionOver, "login with token 1".to_string());
    world.run(seconds(1));
    world.open();
    world.send(Outgoing::connection("login with token 2".into(), 18)).expect("accepted");
    assert_eq!(world.transmit_all(), ["login with token 2"]);
    assert_eq!(world.outcomes(), [(id(1), returned)]);
}

/// **21.** Messages of the old session that were still on their way were handed to the application as if the
/// new one had sent them, and broke its state (sharedb PR 608).
///
/// [C3] [C7]
#[test]
fn a_message_that_arrives_late_from_the_old_connection_is_not_delivered() {
    let mut world = World::opened(Settings { greeting_timeout: Some(seconds(5)), ..plain() });
    world.lose(Loss::Transport(Transport::Io));
    world.run(seconds(1));
    world.open();
    let late = Input::Message { conn: conn(1), message: "your session is 1".to_string() };
    assert_eq!(world.input(late.clone()), [], "while greeting");
    world.sleep(millis(1));
    world.input(Input::Ready { conn: conn(2) });
    assert_eq!(world.input(late), [], "while open");
    assert_eq!(world.message("your session is 2"), [Action::Deliver("your session is 2".to_string())]);
    assert_eq!(world.session.stats().stale, 2);
}

//! The server's part of the museum: bugs that users of other servers reported, each as a scenario that this one
//! survives. The number in bold is the exhibit; `tests/hub_bugs.rs` puts each bug in and shows that its test fails.

use heartline::hub::{Fate, Settings};
use heartline::{Cause, Loss, State};

use crate::desk::{Action, Desk, Input, close, code, deliver, offline, online, plain, seconds, told, when_idle};
use crate::network::Network;

/// **30.** A user came back on a new connection; then the end of the old one was noticed, and took the user out of
/// the registry: online, and reached by nothing (link1st/gowebsocket #9, ComfyUI #16010, Netflix/zuul PR 1280; the
/// Java server of a tutorial removes by name as well).
///
/// [U5]
#[test]
fn the_late_end_of_an_old_connection_does_not_unregister_the_new_one() {
    let (mut desk, [old, ann]) = Desk::with(plain(), ["bob", "ann"]);
    desk.sleep(seconds(1));
    let new = desk.user("bob");
    desk.sleep(seconds(1));
    assert_eq!(desk.closed(old), []);
    assert_eq!(desk.relay(ann, "bob", "hello")[0], deliver(new, "ann", "hello"));
    assert_eq!(desk.hub.online().len(), 2);
}

/// **30.** The same when nobody reports the end, and the server's own timer finds it.
///
/// [U5] [U8]
#[test]
fn the_old_connection_that_times_out_does_not_take_its_user_with_it() {
    let (mut desk, [old]) = Desk::with(Settings { heartbeat: when_idle(), ..plain() }, ["bob"]);
    desk.run(seconds(29));
    let new = desk.user("bob");
    let said = desk.run(seconds(11));
    assert!(said.iter().any(|(_, action)| *action == Action::Abort { conn: old }), "{said:?}");
    assert!(said.iter().all(|(_, action)| !matches!(action, Action::Event(_))), "{said:?}");
    assert_eq!(desk.online(), [("bob", new)]);
}

/// **31.** One client stopped reading; the server kept everything for it until there was no memory left, or waited
/// for it in the middle of a broadcast while everybody else waited too.
///
/// [U9]
#[test]
fn a_client_that_never_reads_is_closed_and_costs_nobody_else_a_message() {
    let (mut desk, [ann, bob, lazy]) = Desk::with(plain(), ["ann", "bob", "lazy"]);
    let (mut queued, mut got) = (0, 0);
    for _ in 0..1000 {
        for action in desk.broadcast(Some(ann), &[], "ten bytes.") {
            let Action::Broadcast { conns, .. } = action else { continue };
            got += u32::from(conns.contains(&bob));
            for conn in conns {
                desk.queued(conn, 10);
                if conn == lazy {
                    queued += 10;
                } else {
                    desk.written(conn, 10);
                }
            }
        }
    }
    assert_eq!((got, queued), (1000, 110), "bob has read everything, and little was kept for the lazy");
    assert!(desk.said.iter().any(|(_, action)| *action == close(lazy, 1013)));
    assert_eq!(desk.online(), [("ann", ann), ("bob", bob)]);
}

/// **31.** A connection broke without a word, and its user was online for ever: messages went into the void and
/// were told to be delivered.
///
/// [U8] [U6]
#[test]
fn a_user_whose_connection_died_without_a_word_does_not_stay_online() {
    let (mut desk, [dead]) = Desk::with(Settings { heartbeat: when_idle(), ..plain() }, ["dead"]);
    desk.run(seconds(40));
    let ann = desk.user("ann");
    assert_eq!(desk.relay(ann, "dead", "hello"), [told(ann, "dead", Fate::Offline("hello"))]);
    assert_eq!((desk.hub.connections(), desk.hub.online().len()), (1, 1));
    assert_eq!(desk.hub.conn_of(&"dead"), None, "{dead} is gone");
}

/// **31.** The number of users online was counted up and down beside the registry: an end reported twice counted
/// twice, a replaced connection was never counted down, and after a week the number was negative.
///
/// [U4] [U5] [U10]
#[test]
fn the_count_does_not_drift_whatever_is_reported_twice() {
    let mut desk = Desk::new(plain());
    for round in 0..100 {
        let [old, new] = [desk.user("ann"), desk.user("ann")];
        let anonymous = desk.admit();
        for conn in [old, new, old, anonymous, new, anonymous] {
            if round % 2 == 0 {
                desk.queued(conn, 101);
            }
            desk.closed(conn);
            desk.closed(conn);
        }
        assert_eq!((desk.hub.online().len(), desk.hub.anonymous(), desk.hub.connections()), (0, 0, 0));
    }
    let count = |wanted: Action| desk.said.iter().filter(|(_, said)| *said == wanted).count();
    assert_eq!((count(online("ann")), count(offline("ann"))), (100, 100));
}

/// **31.** The bytes on their way to a client were counted below zero, and from then on it could not be too slow.
///
/// [U9]
#[test]
fn the_bytes_on_their_way_never_count_below_nothing() {
    let (mut desk, [ann]) = Desk::with(plain(), ["ann"]);
    (0..100).for_each(|_| drop(desk.written(ann, u32::MAX)));
    assert_eq!(desk.queued(ann, 100), []);
    assert_eq!(desk.queued(ann, 1), [close(ann, 1013), offline("ann")]);
}

/// **34.** Two clients of one user: each, thrown out, came back at once and threw the other out, for ever (emqx
/// #151, faf-client #1351). The code for the replaced is final for a client with the default policy.
///
/// [U4] [R4] [R5]
#[test]
fn two_clients_of_one_user_do_not_throw_each_other_out_for_ever() {
    let mut network = Network::new(Settings { heartbeat: when_idle(), ..plain() });
    let first = network.join("ann");
    network.run(seconds(1));
    let second = network.join("ann");
    network.run(seconds(3600));
    let [first, second] = [&network.clients[first], &network.clients[second]];
    assert_eq!((first.session.state(), first.dials), (State::Idle, 1));
    assert_eq!(first.session.cause(), Cause::Stopped(Loss::Close(4409)));
    assert_eq!((second.session.state(), second.dials), (State::Open, 1));
    assert_eq!((network.hub.stats().superseded, network.hub.online().len()), (1, 1));
}

/// **34.** That it is the code that ends the war, and not the network of this test: with one that is retried it
/// goes on.
///
/// [U4] [R4]
#[test]
fn with_a_code_that_is_retried_the_war_would_go_on() {
    let settings = Settings { superseded: code(4000), heartbeat: when_idle(), ..plain() };
    let mut network = Network::new(settings);
    network.join("ann");
    network.run(seconds(1));
    network.join("ann");
    for hour in 1..=3 {
        let before = network.hub.stats().superseded;
        network.run(seconds(3600));
        let wars = network.hub.stats().superseded - before;
        assert!(wars > 100, "hour {hour}: {wars}");
        assert_eq!(network.hub.online().len(), 1);
    }
}

/// **34.** And whoever was thrown out may still come back when its user asks for it.
///
/// [U4] [R5]
#[test]
fn the_one_who_was_replaced_comes_back_when_asked_and_takes_over_in_turn() {
    let (mut desk, [first, second]) = Desk::with(plain(), ["ann", "ann"]);
    desk.closed(first);
    let third = desk.admit();
    assert_eq!(desk.input(Input::Login { conn: third, user: "ann" })[1], close(second, 4409));
    assert_eq!(desk.online(), [("ann", third)]);
}

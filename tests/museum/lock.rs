//! One loss, one retry: what a flag would guard, and what reaches the wrong connection.

use heartline::{Cause, Input, Loss, Settings, State, Transport};

use crate::network::{Link, Network};
use crate::support::{World, at, changes, conn, millis, plain, pulse, seconds, when_idle};
use crate::{dials, schedules};

/// **1.** The heartbeat's own verdict left the flag set that guards the reconnect, so the client stayed offline
/// until somebody reloaded the page (reconnecting-websocket #125, #134 and #165, partykit #252; a tutorial's client
/// sets the flag in the very handler that gives the verdict).
///
/// [R1] [H4]
#[test]
fn a_heartbeat_timeout_is_followed_by_a_dial() {
    let mut world = World::opened(Settings { heartbeat: pulse(when_idle(seconds(20), seconds(10))), ..plain() });
    world.run(seconds(31));
    assert_eq!(dials(&world), [at(0), at(31_000)]);
    assert_eq!(world.state(), State::Connecting);
}

/// **1.** The other way to leak it: set by the first loss and never cleared, so that the client came back once and
/// never again (another tutorial's client).
///
/// [R1]
#[test]
fn the_third_loss_is_followed_by_a_dial_as_the_first_was() {
    let mut world = World::opened(plain());
    for nth in 1..=3 {
        world.lose(Loss::Transport(Transport::Io));
        world.run(seconds(1));
        assert_eq!(world.state(), State::Connecting, "after loss {nth}");
        world.open();
    }
    assert_eq!(dials(&world), [at(0), at(1000), at(2000), at(3000)]);
}

/// **4.** The close of a connection that had been replaced was taken for the end of the new one, which was torn
/// down or dialled a second time (socket.io-client PR 533, vueuse #3177, liveblocks #1459).
///
/// [C3] [C6]
#[test]
fn a_late_close_from_the_old_connection_changes_nothing() {
    let mut world = World::opened(Settings { heartbeat: pulse(when_idle(seconds(20), seconds(10))), ..plain() });
    world.run(seconds(31));
    let late = [Loss::Transport(Transport::Io), Loss::Close(1006), Loss::Close(1000)];
    for loss in late {
        assert_eq!(world.input(Input::Closed { conn: conn(1), closed: loss.into() }), [], "while dialling");
    }
    world.open();
    for loss in late {
        assert_eq!(world.input(Input::Closed { conn: conn(1), closed: loss.into() }), [], "while open");
    }
    assert_eq!((world.state(), world.session.conn()), (State::Open, Some(conn(2))));
    assert_eq!((dials(&world).len(), world.session.stats().stale), (2, 6));
}

/// **5.** A broken connection is reported by an error and by a close, and each of them started a reconnect: two
/// dials, twice the traffic (reconnecting-websocket #39; a tutorial's client has both handlers).
///
/// [R1] [C6]
#[test]
fn an_error_and_the_close_that_follows_it_are_one_loss() {
    let mut world = World::opened(plain());
    let error = world.lose(Loss::Transport(Transport::Io));
    assert_eq!(schedules(&error), [(1, at(1000), Cause::Lost(Loss::Transport(Transport::Io)))]);
    world.sleep(millis(10));
    assert_eq!(world.input(Input::Closed { conn: conn(1), closed: Loss::Close(1006).into() }), []);
    assert_eq!(world.session.next_dial(), Some((1, at(1000))));
    world.run(seconds(1));
    assert_eq!(dials(&world), [at(0), at(1000)]);
}

/// **5.** Whoever asked for a connection while one was being made got a second one beside it (recws #20).
///
/// [C1] [R6]
#[test]
fn asking_twice_for_a_connection_makes_one() {
    let mut world = World::new(plain());
    world.input(Input::Connect);
    assert_eq!(world.input(Input::Connect), [], "while dialling");
    world.open();
    world.sleep(seconds(1));
    assert_eq!(world.input(Input::Connect), [], "while open");
    world.run(seconds(60));
    assert_eq!((dials(&world), world.state()), (vec![at(0)], State::Open));
}

/// **10.** A ping was still unanswered when its connection ended; the new connection inherited the wait, never
/// answered a ping it had not been sent, and was closed as dead (phoenix #3083).
///
/// [H3] [H4] [C3]
#[test]
fn a_ping_left_over_from_the_old_connection_does_not_condemn_the_new_one() {
    let heartbeat = pulse(when_idle(seconds(20), seconds(10)));
    let mut network = Network::connected(Settings { heartbeat, ..plain() });
    network.link = Link::Dead;
    network.run(seconds(25));
    network.link = Link::Fine;
    network.world.lose(Loss::Transport(Transport::Io));
    network.run(seconds(120));
    assert_eq!((network.world.state(), network.world.session.conn()), (State::Open, Some(conn(2))));
    assert_eq!(network.world.session.stats().lost_to_heartbeat, 0);
}

/// **17.** Only a connection that had once been open was made again; a first dial that failed, at the start of a
/// machine whose network was not up yet, was the last (aspnetcore #24957).
///
/// [R1] [R4] [C4]
#[test]
fn a_first_dial_that_fails_is_retried_like_any_other() {
    let mut world = World::new(plain());
    world.input(Input::Connect);
    let refused = world.lose(Loss::Transport(Transport::Connect));
    assert_eq!(schedules(&refused), [(1, at(1000), Cause::Lost(Loss::Transport(Transport::Connect)))]);
    world.run(seconds(1));
    let silence = world.run(seconds(10));
    assert_eq!(
        changes(silence.iter().map(|(_, action)| action)),
        [(State::Waiting, Cause::Lost(Loss::ConnectTimeout))]
    );
    world.run(seconds(1));
    world.open();
    assert_eq!(world.state(), State::Open);
}

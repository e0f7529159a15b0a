//! Going down, and asking everybody to come back later.

use std::time::Duration;

use heartline::hub::Settings;
use heartline::retry::{RetryPolicy, Verdict};
use heartline::{ConnId, Loss};

use crate::reference::Act::{Abort, Close, Drained, Offline};
use crate::world::{Act, NANOSECOND, World, plain, seconds, watched};

/// The connections that are asked to come back, and when.
fn returns(acts: &[Act]) -> Vec<(ConnId, Duration)> {
    let asked = |act: &Act| match act {
        Close(conn, 1012, wait) => Some((*conn, wait.expect("a moment to come back"))),
        Close(..) => panic!("{act:?}"),
        _ => None,
    };
    acts.iter().filter_map(asked).collect()
}

fn asked(acts: &[Act]) -> Vec<ConnId> {
    returns(acts).into_iter().map(|(conn, _)| conn).collect()
}

/// [U12]
#[test]
fn a_shutdown_closes_every_connection_and_says_when_to_come_back() {
    let (mut world, [ann, bob]) = World::with(plain(), ["ann", "bob"]);
    let conn = world.admit();
    let acts = world.shut_down(seconds(10), seconds(30));
    assert_eq!(asked(&acts), [ann, bob, conn]);
    assert!(returns(&acts).iter().all(|(_, wait)| *wait <= seconds(30)));
    assert_eq!(acts[3..], [Offline("ann"), Offline("bob")]);
    assert_eq!((world.hub.online().len(), world.hub.anonymous(), world.hub.connections()), (0, 0, 3));
    assert!(matches!(RetryPolicy::default().verdict(Loss::Close(1012)), Verdict::RetryAfter(_)));
}

/// [U12]
#[test]
fn the_moments_to_come_back_fill_the_spread_evenly() {
    let mut world = World::new(plain());
    (0..1000).for_each(|_| _ = world.admit());
    let returns = returns(&world.shut_down(seconds(10), seconds(10)));
    let mut tenths = [0; 10];
    returns.iter().for_each(|(_, wait)| tenths[(wait.as_secs() as usize).min(9)] += 1);
    assert_eq!(returns.len(), 1000);
    // Each is 100 give or take 9.5: these are five times that.
    assert!(tenths.iter().all(|count| (53..=147).contains(count)), "{tenths:?}");
}

/// [U12]
#[test]
fn without_a_spread_everybody_may_come_back_at_once() {
    let (mut world, [ann]) = World::with(plain(), ["ann"]);
    assert_eq!(returns(&world.shut_down(seconds(10), Duration::ZERO)), [(ann, Duration::ZERO)]);
    let (mut world, [ann]) = World::with(plain(), ["ann"]);
    assert_eq!(asked(&world.shut_down(seconds(10), Duration::MAX)), [ann]);
}

/// [U12]
#[test]
fn the_last_end_is_reported_once() {
    let (mut world, [ann, bob]) = World::with(plain(), ["ann", "bob"]);
    world.shut_down(seconds(10), seconds(30));
    assert_eq!((world.closed(ann), world.closed(bob)), (vec![], vec![Drained]));
    assert_eq!((world.deadline(), world.closed(bob)), (None, vec![]));
    let mut empty = World::new(plain());
    assert_eq!(empty.shut_down(seconds(10), seconds(30)), [Drained]);
    assert_eq!((empty.shut_down(seconds(10), seconds(30)), empty.timer(), empty.deadline()), (vec![], vec![], None));
}

/// [U12]
#[test]
fn a_client_that_has_not_answered_within_the_time_is_aborted() {
    let settings = Settings { close_timeout: seconds(60), ..plain() };
    let (mut world, [ann, bob, eve]) = World::with(settings, ["ann", "bob", "eve"]);
    world.shut_down(seconds(10), seconds(30));
    world.closed(bob);
    assert_eq!(world.run(seconds(10) - NANOSECOND), []);
    assert_eq!(world.run(seconds(60)), [Abort(ann), Abort(eve), Drained].map(|act| (seconds(10), act)));
    assert_eq!(world.hub.connections(), 0);
}

/// [U12]
#[test]
fn a_close_handshake_takes_no_longer_than_usual_during_a_shutdown() {
    let (mut world, [ann]) = World::with(plain(), ["ann"]);
    world.shut_down(seconds(60), seconds(30));
    assert_eq!(world.run(seconds(60)), [Abort(ann), Drained].map(|act| (seconds(5), act)));
}

/// [U12] [U10]
#[test]
fn a_connection_that_is_being_closed_already_is_not_closed_again() {
    let (mut world, [old, new]) = World::with(plain(), ["ann", "ann"]);
    assert_eq!(asked(&world.shut_down(seconds(3), seconds(30))), [new]);
    assert_eq!(asked(&world.shut_down(seconds(3), seconds(30))), []);
    assert_eq!(world.run(seconds(60)), [Abort(old), Abort(new), Drained].map(|act| (seconds(3), act)));
}

/// [U12]
#[test]
fn a_second_shutdown_can_only_shorten_the_time() {
    for (first, second) in [(seconds(4), seconds(1)), (seconds(1), seconds(4))] {
        let (mut world, [ann]) = World::with(plain(), ["ann"]);
        world.shut_down(first, seconds(30));
        world.shut_down(second, seconds(30));
        assert_eq!(world.run(seconds(60)), [Abort(ann), Drained].map(|act| (seconds(1), act)));
    }
}

/// [U12]
#[test]
fn a_shutdown_within_no_time_aborts_with_the_next_timer() {
    let (mut world, [ann]) = World::with(watched(), ["ann"]);
    assert_eq!(asked(&world.shut_down(Duration::ZERO, seconds(30))), [ann]);
    assert_eq!(world.hub.deadline(), Some(world.now));
    assert_eq!((world.timer(), world.deadline()), (vec![Abort(ann), Drained], None));
}

/// [U12] [U5]
#[test]
fn inputs_from_clients_during_a_shutdown_have_no_effect() {
    let (mut world, [ann, bob]) = World::with(plain(), ["ann", "bob"]);
    world.shut_down(seconds(10), seconds(30));
    assert_eq!((world.relay(ann, "bob", "hello"), world.login(bob, "bob"), world.close(ann)), (vec![], vec![], vec![]));
    assert_eq!(world.hub.stats().stale, 3);
}

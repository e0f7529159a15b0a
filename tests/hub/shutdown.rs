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
fn where_others_serve_nobody_waits_for_the_end_of_the_pace() {
    let (mut world, [ann, bob]) = World::with(Settings { others_serve: true, ..plain() }, ["ann", "bob"]);
    assert_eq!(returns(&world.shut_down_slowly(seconds(60), seconds(10), Duration::ZERO)), [(ann, Duration::ZERO)]);
    let later: Vec<_> =
        world.run(seconds(5)).into_iter().map(|(_, act)| act).filter(|act| *act != Offline("bob")).collect();
    assert_eq!(returns(&later), [(bob, Duration::ZERO)]);
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
fn what_is_queued_may_go_out_until_the_end_of_a_shutdown() {
    let (mut world, [old, ann]) = World::with(plain(), ["ann", "ann"]);
    world.shut_down(seconds(60), seconds(30));
    assert_eq!(world.deadline(), Some(seconds(5)), "of the close that was decided before");
    let aborts = [(seconds(5), Abort(old)), (seconds(60), Abort(ann)), (seconds(60), Drained)];
    assert_eq!(world.run(seconds(60)), aborts);
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

/// The closes of a shutdown, with their moments in seconds.
fn turns(acts: &[(Duration, Act)]) -> Vec<(u64, ConnId)> {
    let turn = |(at, act): &(Duration, Act)| {
        matches!(act, Close(_, 1012, _)).then(|| (at.as_secs(), asked(std::slice::from_ref(act))[0]))
    };
    acts.iter().filter_map(turn).collect()
}

/// [U12]
#[test]
fn the_anonymous_are_closed_first_and_the_others_one_after_the_other() {
    let mut world = World::new(plain());
    let anonymous = world.admit();
    let [zoe, bob, ann, eve] = ["zoe", "bob", "ann", "eve"].map(|name| world.user(name));
    assert_eq!(asked(&world.shut_down_slowly(seconds(60), seconds(40), seconds(0))), [anonymous, zoe]);
    assert_eq!(world.relay(ann, "bob", "still here")[0], Act::Deliver(bob, "ann", "still here"));
    assert_eq!(turns(&world.run(seconds(50))), [(10, bob), (20, ann), (30, eve)]);
    assert_eq!(world.hub.stats().stale, 0);
}

/// [U12]
#[test]
fn nobody_is_asked_to_come_back_while_others_are_sent_away() {
    let mut world = World::new(plain());
    (0..100).for_each(|nth| _ = world.user(format!("user {nth}").leak()));
    world.shut_down_slowly(seconds(60), seconds(50), seconds(10));
    world.run(seconds(50));
    let closes: Vec<_> = world.log.iter().filter(|(_, act)| matches!(act, Close(..))).collect();
    assert_eq!(closes.len(), 100);
    let moments: Vec<_> = closes.iter().map(|(at, act)| *at + returns(std::slice::from_ref(act))[0].1).collect();
    assert!(moments.iter().all(|moment| (seconds(50)..=seconds(60)).contains(moment)), "{moments:?}");
    let late = moments.iter().filter(|moment| **moment >= seconds(55)).count();
    assert!((25..=75).contains(&late), "{late} in the second half");
}

/// [U12]
#[test]
fn a_pace_longer_than_the_shutdown_is_as_long_as_it() {
    let (mut world, [ann, bob]) = World::with(plain(), ["ann", "bob"]);
    assert_eq!(returns(&world.shut_down_slowly(seconds(20), seconds(40), seconds(0))), [(ann, seconds(20))]);
    let acts = world.run(seconds(60));
    assert_eq!(turns(&acts), [(10, bob)]);
    assert_eq!(acts[2..], [Abort(ann), Abort(bob), Drained].map(|act| (seconds(20), act)));
}

/// [U12]
#[test]
fn a_connection_that_ends_before_its_turn_has_none_and_moves_no_other() {
    let settings = Settings { login_timeout: seconds(3600), ..plain() };
    let (mut world, [_, bob, ann, eve]) = World::with(settings, ["zoe", "bob", "ann", "eve"]);
    world.shut_down_slowly(seconds(60), seconds(40), seconds(0));
    assert_eq!(world.deadline(), Some(seconds(10)));
    world.closed(bob);
    assert_eq!(world.deadline(), Some(seconds(20)));
    world.close(ann);
    assert_eq!(turns(&world.run(seconds(50))), [(30, eve)]);
}

/// [U12]
#[test]
fn a_second_shutdown_closes_nobody_later_than_the_first_would_have() {
    let (mut world, conns) = World::with(plain(), ["a", "b", "c", "d", "e", "f"]);
    world.shut_down_slowly(seconds(90), seconds(60), seconds(5));
    // Those whose turn was to be last are gone, so that the rest could take longer.
    conns[3..].iter().for_each(|conn| _ = world.closed(*conn));
    assert_eq!(asked(&world.shut_down_slowly(seconds(90), seconds(80), seconds(500))), [], "nothing is shorter");
    assert_eq!(asked(&world.shut_down_slowly(seconds(90), seconds(50), seconds(500))), [conns[1]]);
    assert_eq!(turns(&world.run(seconds(60))), [(20, conns[2])], "and not 25");
    let (mut world, conns) = World::with(plain(), ["a", "b", "c", "d", "e", "f"]);
    world.shut_down_slowly(seconds(90), seconds(60), seconds(0));
    world.run(seconds(15));
    let acts = world.shut_down_slowly(seconds(90), seconds(4), seconds(500));
    assert_eq!(returns(&acts), [(conns[2], seconds(4))], "the first, of no spread, is the shorter");
    assert_eq!(turns(&world.run(seconds(5))), [(16, conns[3]), (17, conns[4]), (18, conns[5])]);
}

/// [U12] [U13]
#[test]
fn after_a_suspension_those_that_remain_are_not_closed_at_once() {
    let mut settings = plain();
    settings.heartbeat.late_tolerance = seconds(5);
    let (mut world, conns) = World::with(settings, ["a", "b", "c", "d", "e", "f"]);
    world.shut_down_slowly(seconds(90), seconds(60), seconds(0));
    world.sleep(seconds(40));
    assert_eq!(asked(&world.timer()), [conns[1]]);
    assert_eq!(turns(&world.run(seconds(30))), [(44, conns[2]), (48, conns[3]), (52, conns[4]), (56, conns[5])]);
    let (mut world, conns) = World::with(watched(), ["a", "b", "c", "d", "e", "f"]);
    world.shut_down_slowly(seconds(90), seconds(60), seconds(0));
    world.sleep(seconds(24));
    assert_eq!(asked(&world.timer()), conns[1..3], "late, but no suspension");
}

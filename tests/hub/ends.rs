//! How connections end, and what counts afterwards.

use heartline::hub::Outcome;

use crate::reference::Act::{Abort, Close, Ended, Offline};
use crate::reference::NOBODY;
use crate::world::{Input, World, code, frames, plain, seconds};

/// [U5]
#[test]
fn the_end_of_a_users_connection_unregisters_the_user_once() {
    let (mut world, [ann]) = World::with(plain(), ["ann"]);
    assert_eq!(world.closed(ann), [Offline("ann")]);
    assert_eq!((world.hub.online().len(), world.hub.connections(), world.deadline()), (0, 0, None));
    assert_eq!((world.closed(ann), world.closed(NOBODY)), (vec![], vec![]));
    assert_eq!((world.hub.stats().stale, world.hub.stats().ignored), (1, 1));
}

/// [U5]
#[test]
fn inputs_for_a_replaced_connection_have_no_effect_and_are_counted() {
    let (mut world, [old, new, _bob]) = World::with(plain(), ["ann", "ann", "bob"]);
    let late = [Input::Login { conn: old, user: "eve", until: None }, Input::Close { conn: old, code: code(4000) }];
    for (nth, input) in (1..).zip(frames(old).into_iter().chain(late)) {
        assert_eq!(world.input(input.clone()), [], "{input:?}");
        assert_eq!(world.hub.stats().stale, nth);
    }
    assert_eq!(world.hub.conn_of(&"ann"), Some(new));
    assert_eq!((world.hub.stats().routed, world.hub.stats().closed_slow, world.hub.online().len()), (0, 0, 2));
}

/// [U5] [U6]
#[test]
fn nothing_is_routed_to_a_connection_that_is_being_closed() {
    let (mut world, [ann, bob]) = World::with(plain(), ["ann", "bob"]);
    assert_eq!(world.close(bob), [Close(bob, 4000, None), Offline("bob")]);
    assert_eq!(world.relay(ann, "bob", "hello"), [Ended(ann, Some("bob"), Outcome::Offline("hello"))]);
    assert_eq!(
        world.broadcast(Some(ann), &[], "news"),
        [Ended(ann, None, Outcome::Broadcast { reached: 0, missed: 0 })]
    );
}

/// [U10]
#[test]
fn a_connection_is_closed_once_however_many_reasons_there_are() {
    let (mut world, [ann]) = World::with(plain(), ["ann"]);
    assert_eq!(world.queued(ann, 121), [Close(ann, 1013, None), Offline("ann")]);
    assert_eq!((world.queued(ann, 121), world.close(ann)), (vec![], vec![]));
    world.user("ann");
    let acts = world.shut_down(seconds(60), seconds(30));
    assert!(acts.iter().all(|act| !matches!(act, Close(conn, ..) if *conn == ann)));
}

/// [U5]
#[test]
fn a_close_handshake_that_takes_too_long_is_cut_short() {
    let (mut world, [ann]) = World::with(plain(), ["ann"]);
    world.close(ann);
    assert_eq!(world.run(seconds(60)), [(seconds(5), Abort(ann))]);
    assert_eq!((world.hub.connections(), world.closed(ann)), (0, vec![]));
}

/// [U10]
#[test]
fn a_close_that_was_not_pulled_before_the_end_is_withdrawn() {
    let (mut world, [ann]) = World::with(plain(), ["ann"]);
    world.unpulled(Input::Close { conn: ann, code: code(4000) });
    assert_eq!(world.hub.deadline(), Some(world.now), "something is owed");
    assert_eq!(world.closed(ann), [Offline("ann")]);
    assert_eq!(world.deadline(), None);
}

/// [U5]
#[test]
fn an_end_makes_an_abort_that_was_not_pulled_superfluous() {
    let (mut world, [ann]) = World::with(plain(), ["ann"]);
    world.close(ann);
    world.sleep(seconds(5));
    world.unpulled(Input::Timer);
    assert_eq!(world.closed(ann), []);
    assert_eq!((world.hub.connections(), world.hub.stats().stale), (0, 0));
}

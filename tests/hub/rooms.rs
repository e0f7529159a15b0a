//! Who is in a room, and who hears what is said there.

use heartline::hub::{Action, JoinRefusal, Outcome, Room, Settings};
use heartline::{ConnId, Timestamp};

use crate::reference::Act::{Broadcast, Ended, JoinRefused, Joined};
use crate::world::{Act, Input, Name, World, plain, seconds};

fn joined(conn: ConnId, room: Name, members: u32) -> Vec<Act> {
    vec![Joined(conn, room.into(), members)]
}

fn refused(conn: ConnId, room: Name, reason: JoinRefusal) -> Vec<Act> {
    vec![JoinRefused(conn, room.into(), reason)]
}

fn members(world: &World, room: Name, from: Option<ConnId>) -> Vec<(ConnId, Name)> {
    world.hub.members(room.as_bytes(), from).map(|(conn, user)| (conn, *user)).collect()
}

/// What [`refused`] expects without waiting for `reply_gap`.
fn frank() -> Settings {
    Settings { reply_gap: seconds(0), ..plain() }
}

/// [U19]
#[test]
fn a_room_is_heard_by_its_members_in_the_order_of_their_ids() {
    let (mut world, [eve, bob, ann, zoe]) = World::with(plain(), ["eve", "bob", "ann", "zoe"]);
    assert_eq!(world.join(ann, "btc"), joined(ann, "btc", 1));
    assert_eq!(world.join(eve, "btc"), joined(eve, "btc", 2));
    assert_eq!(world.join(bob, "btc"), joined(bob, "btc", 3));
    assert_eq!(world.say(None, "btc", "up"), [Broadcast(vec![eve, bob, ann], None, "up")]);
    let reached = |conn, reached| Ended(conn, None, Outcome::Broadcast { reached, missed: 0 });
    let acts = world.say(Some(bob), "btc", "down");
    assert_eq!(acts, [Broadcast(vec![eve, ann], Some("bob"), "down"), reached(bob, 2)]);
    let acts = world.say(Some(zoe), "btc", "from outside");
    assert_eq!(acts, [Broadcast(vec![eve, bob, ann], Some("zoe"), "from outside"), reached(zoe, 3)]);
    assert_eq!(world.say(Some(zoe), "eth", "echo"), [reached(zoe, 0)]);
    assert_eq!(world.say(None, "eth", "echo"), []);
}

/// [U19] [U7]
#[test]
fn a_broadcast_names_its_room_and_leaves_out_the_excluded_and_the_slow() {
    let (mut world, [ann, bob, eve]) = World::with(plain(), ["ann", "bob", "eve"]);
    [ann, bob, eve].into_iter().for_each(|conn| _ = world.join(conn, "btc"));
    world.queued(eve, 11);
    let room = Some(Room::from("btc"));
    let except = vec!["bob"];
    let news =
        Input::Broadcast { from: None, room: room.clone(), except, message: "up", bytes: 1, volatile: true, tag: 0 };
    let acts: Vec<_> = world.hub.handle(world.now, news).collect();
    assert!(
        matches!(&acts[..], [Action::Broadcast { conns, room: named, .. }] if *conns == [ann] && *named == room),
        "{acts:?}"
    );
    assert_eq!(world.hub.stats().dropped, 1);
}

/// [U19]
#[test]
fn who_leaves_hears_no_more_and_a_room_without_members_is_none() {
    let (mut world, [ann, bob]) = World::with(plain(), ["ann", "bob"]);
    [ann, bob].into_iter().for_each(|conn| _ = world.join(conn, "btc"));
    for _ in 0..2 {
        assert_eq!((world.leave(ann, "btc"), world.leave(ann, "eth")), (vec![], vec![]));
    }
    assert_eq!(members(&world, "btc", None), [(bob, "bob")]);
    assert_eq!((world.hub.rooms(), world.hub.room_size(b"btc"), world.hub.rooms_of(ann).count()), (1, 1, 0));
    world.leave(bob, "btc");
    assert_eq!((world.hub.rooms(), world.hub.room_size(b"btc")), (0, 0));
    assert_eq!(world.say(None, "btc", "up"), []);
    assert_eq!(world.join(ann, "btc"), joined(ann, "btc", 1));
}

/// [U19]
#[test]
fn joining_again_is_answered_again_and_costs_nothing() {
    let (mut world, [ann]) = World::with(Settings { max_rooms_per_connection: 1, ..plain() }, ["ann"]);
    for _ in 0..3 {
        assert_eq!(world.join(ann, "btc"), joined(ann, "btc", 1));
    }
    assert_eq!((world.hub.stats().joined, members(&world, "btc", None)), (1, vec![(ann, "ann")]));
    world.leave(ann, "btc");
    assert_eq!(world.join(ann, "eth"), joined(ann, "eth", 1));
}

/// [U19] [U5]
#[test]
fn a_membership_ends_as_soon_as_the_close_is_decided() {
    let ends: [fn(&mut World, ConnId); 3] = [
        |world, ann| _ = world.close(ann),
        |world, ann| _ = world.closed(ann),
        |world, _| _ = world.shut_down(seconds(10), seconds(10)),
    ];
    for end in ends {
        let (mut world, [ann]) = World::with(plain(), ["ann"]);
        ["btc", "eth"].into_iter().for_each(|room| _ = world.join(ann, room));
        end(&mut world, ann);
        assert_eq!((world.hub.rooms(), members(&world, "btc", None), world.hub.rooms_of(ann).count()), (0, vec![], 0));
        assert_eq!((world.join(ann, "btc"), world.hub.stats().stale), (vec![], 1));
    }
}

/// [U19] [U4]
#[test]
fn rooms_are_not_handed_on_to_the_connection_that_takes_a_user_over() {
    let (mut world, [ann]) = World::with(plain(), ["ann"]);
    world.join(ann, "btc");
    let again = world.user("ann");
    assert_eq!((world.hub.rooms(), world.hub.rooms_of(again).count()), (0, 0));
    assert_eq!(world.join(again, "btc"), joined(again, "btc", 1));
}

/// [U19]
#[test]
fn a_join_is_refused_for_each_limit_and_only_beyond_it() {
    let settings = Settings { max_rooms_per_connection: 2, max_rooms: 3, max_room_name: 4, ..frank() };
    let (mut world, [ann, bob]) = World::with(settings, ["ann", "bob"]);
    let anonymous = world.admit();
    assert_eq!(world.join(anonymous, "btc"), refused(anonymous, "btc", JoinRefusal::NotLoggedIn));
    for name in ["", "btcusd"] {
        assert_eq!(world.join(ann, name), refused(ann, name, JoinRefusal::InvalidName));
    }
    assert_eq!(world.join(ann, "atom"), joined(ann, "atom", 1));
    assert_eq!(world.join(ann, "btc"), joined(ann, "btc", 1));
    assert_eq!(world.join(ann, "eth"), refused(ann, "eth", JoinRefusal::ConnectionLimit));
    assert_eq!(world.join(bob, "eth"), joined(bob, "eth", 1));
    assert_eq!(world.join(bob, "xrp"), refused(bob, "xrp", JoinRefusal::HubLimit));
    assert_eq!(world.join(bob, "btc"), joined(bob, "btc", 2), "one that exists");
    let stats = world.hub.stats();
    assert_eq!((stats.joined, stats.joins_refused), (4, 5));
    assert_eq!(world.hub.rooms(), 3);
}

/// [U19] [U10]
#[test]
fn refused_joins_are_answered_no_more_often_than_anything_else_that_is_refused() {
    let mut world = World::new(plain());
    let conn = world.admit();
    assert_eq!(world.join(conn, "btc"), refused(conn, "btc", JoinRefusal::NotLoggedIn));
    assert_eq!((world.join(conn, "btc"), world.unknown(conn)), (vec![], vec![]));
    let stats = world.hub.stats();
    assert_eq!((stats.joins_refused, stats.unanswered), (2, 2));
}

/// [U19]
#[test]
fn members_are_listed_page_by_page() {
    let (mut world, conns) = World::with(plain(), ["eve", "bob", "ann", "zoe"]);
    conns.into_iter().rev().for_each(|conn| _ = world.join(conn, "btc"));
    let [eve, bob, ann, zoe] = conns;
    assert_eq!(members(&world, "btc", None), [(eve, "eve"), (bob, "bob"), (ann, "ann"), (zoe, "zoe")]);
    assert_eq!(members(&world, "btc", Some(ann)), [(ann, "ann"), (zoe, "zoe")]);
    world.leave(ann, "btc");
    assert_eq!(members(&world, "btc", Some(ann)), [(zoe, "zoe")]);
    assert_eq!((members(&world, "eth", Some(ann)), world.hub.room_size(b"eth")), (vec![], 0));
}

/// [U19] [P3]
#[test]
fn what_many_memberships_take_is_given_back_and_a_page_costs_nothing() {
    let settings = Settings { max_rooms_per_connection: 100, ..plain() };
    let (mut world, [ann, bob, eve]) = World::with(settings, ["ann", "bob", "eve"]);
    world.join(bob, "0");
    world.closed(eve);
    let info = allocation_counter::measure(|| {
        for room in 0..100 {
            drop(world.hub.handle(Timestamp::ORIGIN, Input::Join { conn: ann, room: room.to_string().into() }));
        }
        assert_eq!(world.hub.rooms(), 100);
        world.hub.handle(Timestamp::ORIGIN, Input::Closed { conn: ann }).for_each(drop);
    });
    assert_eq!(world.hub.rooms(), 1);
    assert!(info.bytes_max > 5_000 && info.bytes_current <= 0, "{info:?}");
    let info = allocation_counter::measure(|| assert_eq!(world.hub.members(b"0", None).take(1).count(), 1));
    assert_eq!(info.count_total, 0);
}

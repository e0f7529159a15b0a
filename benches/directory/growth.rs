//! What grows with nodes, with users, and with logins.

use std::time::Duration;

use allocation_counter::measure;
use heartline::directory::{Departure, Input, Settings};

use crate::report::{conn, insertion, ratio, user};
use crate::traffic::{CHANGES, HELLO, Traffic};
use crate::world::{Place, World};

const NODES: [usize; 5] = [2, 4, 8, 16, 32];
/// How long nodes do nothing but greet each other, and then how long users come and go.
const SECONDS: u32 = 10;
/// So many users log in each second, and as many log out, on all nodes together.
const LOGINS: u32 = 1000;

const HEAD: &str = "\
| nodes | users in all | bytes of a hello | a node receives, packets a second | bytes a second | the broker sends, bytes a second | CPU of a hello, ratio | µs a second and node | with log-ins and log-outs: bytes of each | a node receives, packets a second | CPU of each, ratio | memory, bytes a user and node |
|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|";

pub fn show(sizes: &[u32]) {
    let base = insertion(100_000);
    println!(
        "\nGrowth: at first nobody comes or goes for {SECONDS} s, then {LOGINS} log in and {LOGINS} log out each second, in all."
    );
    println!(
        "Ratios are to an insertion into a BTreeMap of 100,000, {} ns. Names of users have 13 bytes, of nodes 5.\n\n{HEAD}",
        base.as_nanos()
    );
    for nodes in NODES {
        for users in sizes {
            println!("{}", row(nodes, *users, base));
        }
    }
}

fn row(nodes: usize, users: u32, base: Duration) -> String {
    let mut world = World::new(nodes, Settings::default());
    let bytes = measure(|| {
        fill(&mut world, users);
        world.places.iter_mut().flatten().for_each(Place::shrink);
    });
    let memory = bytes.bytes_current as f64 / f64::from(users) / nodes as f64;

    let (idle, idle_cpu) = watch(&mut world, |world| world.run(Duration::from_secs(SECONDS.into())));
    let hellos = idle.of(HELLO);
    let (busy, busy_cpu) = watch(&mut world, |world| come_and_go(world, users));
    let changes = f64::from(2 * LOGINS * SECONDS);
    let apart = busy.of(CHANGES);
    let (per_node, per_second) = (nodes as f64, f64::from(SECONDS));
    let cpu_of_each = busy_cpu.saturating_sub(idle_cpu).div_f64(changes * per_node);
    format!(
        "| {nodes} | {users} | {:.0} | {:.1} | {:.0} | {:.0} | {:.1} | {:.0} | {:.1} | {:.0} | {:.1} | {memory:.0} |",
        hellos.bytes as f64 / hellos.packets as f64,
        idle.delivered.packets as f64 / per_node / per_second,
        idle.delivered.bytes as f64 / per_node / per_second,
        idle.delivered.bytes as f64 / per_second,
        ratio(idle_cpu.div_f64(idle.delivered.packets as f64), base),
        idle_cpu.as_secs_f64() * 1e6 / per_node / per_second,
        apart.bytes as f64 / changes,
        busy.delivered.packets as f64 / per_node / per_second,
        ratio(cpu_of_each, base),
    )
}

fn fill(world: &mut World, users: u32) {
    let nodes = world.places.len() as u32;
    for nth in 0..nodes {
        world.log_in(nth as usize, users * nth / nodes..users * (nth + 1) / nodes);
    }
    let is_full = |world: &World| world.running().all(|place| place.knows(users, nodes as usize - 1));
    world.run_until(Duration::from_secs(60), is_full).expect("all know in time");
    world.run(Duration::from_secs(1));
}

/// What goes over the broker meanwhile, and the processors' time of all nodes.
fn watch(world: &mut World, run: impl FnOnce(&mut World)) -> (Traffic, Duration) {
    world.forget_work();
    let before = world.traffic;
    run(world);
    (world.traffic.since(&before), world.running().map(|place| place.work.cpu).sum())
}

/// One logs in and one logs out at a time, on each node in turn.
fn come_and_go(world: &mut World, users: u32) {
    let nodes = world.places.len();
    let pause = Duration::from_secs(1) / LOGINS;
    for nth in 0..LOGINS * SECONDS {
        let (at, fresh) = (nth as usize % nodes, users + nth);
        world.feed(at, Input::Login { conn: conn(fresh), user: user(fresh) });
        // Of those who came a second ago.
        if let Some(before) = nth.checked_sub(LOGINS - LOGINS % nodes as u32) {
            let gone = users + before;
            world.feed(at, Input::Ended { conn: conn(gone), user: user(gone), departure: Departure::LoggedOut });
        }
        world.run(pause);
    }
}

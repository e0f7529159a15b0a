//! What steps cost a node that hears very many others, of which each has a few users.

use std::hint::black_box;
use std::time::Duration;

use heartline::Timestamp;
use heartline::directory::{Action, Departure, Directory, Input, Settings, UnixTime};

use crate::report::{Watch, conn, insertion, ratio, user};
use crate::traffic::{HELLO, kind};
use crate::world::World;

const NODES: [usize; 5] = [2, 8, 32, 128, 256];
/// Users of each node.
const USERS: u32 = 10;
const WALL: UnixTime = UnixTime::from_millis(1_700_000_000_000);
const TIMES: u32 = 20_000;
/// Of each figure the least of so many.
const ROUNDS: usize = 5;

const HEAD: &str = "\
| nodes | `deadline` | a hello heard | a step that finds nothing | a login | a message to another node | of a second, hellos take |
|--:|--:|--:|--:|--:|--:|--:|";

pub fn show() {
    let base = insertion(100_000);
    println!(
        "\nSteps with so many nodes, in ns and as ratios to an insertion into a BTreeMap of 100,000, {} ns.",
        base.as_nanos()
    );
    println!("A step is `handle`, its actions, and `deadline`.\n\n{HEAD}");
    for nodes in NODES {
        println!("{}", row(nodes, base));
    }
}

fn row(nodes: usize, base: Duration) -> String {
    let settings = Settings { max_nodes: 1024, max_relays: 1 << 20, relay_bytes: u32::MAX, ..Settings::default() };
    let mut world = World::new(nodes, settings);
    for nth in 0..nodes as u32 {
        world.log_in(nth as usize, nth * USERS..(nth + 1) * USERS);
    }
    world.run(Duration::from_secs(2));
    world.forget_work();
    world.run(Duration::from_secs(3));
    let greeting = world.running().map(|place| place.work.cpu).sum::<Duration>() / 3 / nodes as u32;

    let subject = Subject { directory: &world.place(0).directory, now: world.now };
    let hello = hello_of(&world.place(1).directory, world.now);
    let stale = Input::Ended { conn: conn(9_999), user: user(9_999), departure: Departure::Lost };
    let relay = |nth: u32| Input::Relay {
        conn: conn(0),
        from: user(0),
        to: user(USERS + nth % USERS),
        message: vec![7; 64],
        volatile: false,
        tag: nth.into(),
    };
    let figures = [
        subject.deadline(),
        subject.steps(|_| Input::Received { payload: hello.clone() }),
        subject.steps(|_| stale.clone()),
        subject.steps(|nth| Input::Login { conn: conn(1_000_000 + nth), user: user(1_000_000 + nth) }),
        subject.steps(relay),
    ];
    let figures = figures.map(|time| format!("{} ns, {:.2}", time.as_nanos(), ratio(time, base)));
    format!("| {nodes} | {} | {:.3} % |", figures.join(" | "), greeting.as_secs_f64() * 100.0)
}

/// The next one.
fn hello_of(directory: &Directory, now: Timestamp) -> Vec<u8> {
    let mut directory = directory.clone();
    let actions = directory.handle(now.saturating_add(Duration::from_secs(1)), WALL, Input::Timer);
    let mut packets = actions.filter_map(|action| match action {
        Action::Publish { payload, .. } => Some(payload),
        _ => None,
    });
    packets.find(|payload| kind(payload) == HELLO).expect("a hello")
}

struct Subject<'a> {
    directory: &'a Directory,
    now: Timestamp,
}

impl Subject<'_> {
    fn deadline(&self) -> Duration {
        let mut directory = self.directory.clone();
        // Nothing is owed.
        directory.handle(self.now, WALL, Input::Timer).for_each(drop);
        least(|| {
            let watch = Watch::start();
            for _ in 0..TIMES {
                black_box(black_box(&directory).deadline());
            }
            watch.elapsed()
        })
    }

    /// On a copy each round, so that the node is as it was.
    fn steps(&self, input: impl Fn(u32) -> Input) -> Duration {
        least(|| {
            let mut directory = self.directory.clone();
            directory.handle(self.now, WALL, Input::Timer).for_each(drop);
            let inputs: Vec<Input> = (0..TIMES).map(&input).collect();
            let mut done: Vec<Action> = Vec::with_capacity(4 * TIMES as usize);
            let watch = Watch::start();
            for input in inputs {
                done.extend(directory.handle(self.now, WALL, input));
                black_box(directory.deadline());
            }
            watch.elapsed()
        })
    }
}

fn least(round: impl Fn() -> Duration) -> Duration {
    (0..ROUNDS).map(|_| round()).min().unwrap_or_default() / TIMES
}

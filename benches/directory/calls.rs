//! Single calls: logins here and elsewhere, messages between nodes, hellos, a node that is new and one that is gone.

use std::hint::black_box;
use std::time::Duration;

use heartline::Timestamp;
use heartline::directory::{Action, Config, Destination, Directory, Input, Node, Outcome, Settings, UnixTime, User};

use crate::report::{Watch, conn, insertion, ratio, user};

const USERS: u32 = 100_000;
const RELAYS: u32 = 200_000;
const WALL: u64 = 1_700_000_000_000;

/// Prints what one of `times` costs, in nanoseconds and as a ratio to an insertion.
struct Report {
    insertion: Duration,
}

impl Report {
    fn measure<T>(&self, name: &str, times: u32, work: impl FnOnce() -> T) -> T {
        let watch = Watch::start();
        let result = black_box(work());
        let took = watch.elapsed();
        self.line(name, took / times, took);
        result
    }

    fn line(&self, name: &str, each: Duration, all: Duration) {
        let (each, ratio) = (each.as_secs_f64() * 1e9, ratio(each, self.insertion));
        println!("{name:<58} {each:>11.1} ns each {ratio:>8.2} x {:>9.1} ms in all", all.as_secs_f64() * 1e3);
    }
}

/// Two nodes that hear each other, and what each has published.
struct Pair {
    now: Timestamp,
    nodes: [Directory; 2],
    bytes: usize,
}

impl Pair {
    fn new(settings: Settings) -> Self {
        let config = Config::new(settings).expect("a valid config");
        let now = Timestamp::ORIGIN;
        let node = |nth: usize| {
            let name = Node::new(["a", "b"][nth]).expect("a name");
            Directory::new(config.clone(), name, now, UnixTime::from_millis(WALL), u64::MAX - nth as u64)
        };
        let mut pair = Self { now, nodes: [node(0), node(1)], bytes: 0 };
        pair.run(Duration::from_secs(3));
        pair
    }

    fn feed(&mut self, nth: usize, input: Input) -> Vec<Action> {
        let wall = UnixTime::from_millis(WALL + self.now.since_origin().as_millis() as u64);
        self.nodes[nth].handle(self.now, wall, input).collect()
    }

    /// Hands packets over. The other actions are left.
    fn carry(&mut self, from: usize, actions: Vec<Action>) {
        let mut queue: Vec<_> = actions.into_iter().map(|action| (from, action)).collect();
        while let Some((from, action)) = queue.pop() {
            let Action::Publish { to, payload } = action else { continue };
            self.bytes += payload.len();
            for nth in 0..2 {
                let name = self.nodes[nth].node();
                if matches!(&to, Destination::All) || matches!(&to, Destination::Node(node) if node == name) {
                    let actions = self.feed(nth, Input::Received { payload: payload.clone() });
                    queue.extend(actions.into_iter().map(|action| (nth, action)));
                }
                let _ = from;
            }
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now.saturating_add(time);
        while let Some((at, nth)) =
            (0..2).filter_map(|nth| Some((self.nodes[nth].deadline()?, nth))).min().filter(|(at, _)| *at <= end)
        {
            self.now = self.now.max(at);
            let actions = self.feed(nth, Input::Timer);
            self.carry(nth, actions);
        }
        self.now = end;
    }
}

pub fn show() {
    let report = Report { insertion: insertion(USERS) };
    report.line("BTreeMap: an insertion", report.insertion, report.insertion * USERS);
    let users: Vec<_> = (0..USERS).map(user).collect();

    let quick = Settings { answer_rate: u32::MAX, ..Settings::default() };
    let mut pair = Pair::new(quick.clone());
    let mut packets = Vec::new();
    report.measure("a login here, its packets included", USERS, || {
        for (nth, user) in (0..).zip(&users) {
            let actions = pair.feed(0, Input::Login { conn: conn(nth), user: user.clone() });
            packets.extend(actions);
        }
        pair.now = pair.now.saturating_add(Duration::from_millis(60));
        packets.extend(pair.feed(0, Input::Timer));
    });
    packets.retain(|action| matches!(action, Action::Publish { .. }));
    let bytes: usize =
        packets.iter().map(|action| if let Action::Publish { payload, .. } = action { payload.len() } else { 0 }).sum();
    println!("{:<58} {:>11.1} bytes each", "  on the broker", bytes as f64 / f64::from(USERS));
    report.measure("a login elsewhere, online event included", USERS, || {
        for action in packets.drain(..) {
            let Action::Publish { payload, .. } = action else { continue };
            pair.feed(1, Input::Received { payload });
        }
    });
    assert_eq!(pair.nodes[1].online().len(), USERS as usize);

    report.measure("a message to another node, there and back", RELAYS, || {
        for nth in 0..RELAYS {
            relay(&mut pair, &users[(nth % USERS) as usize]);
        }
    });
    assert_eq!(pair.nodes[1].stats().routed, u64::from(RELAYS));

    pair.run(Duration::from_secs(1));
    let before = pair.bytes;
    report.measure("a hello, and hearing it, between nodes that agree", 2000, || pair.run(Duration::from_secs(1000)));
    println!("{:<58} {:>11.1} bytes each", "  on the broker", (pair.bytes - before) as f64 / 2000.0);

    let fresh = Directory::new(
        Config::new(quick).expect("valid"),
        Node::new("b").expect("a name"),
        pair.now,
        UnixTime::from_millis(WALL + 9_000_000),
        9 << 60,
    );
    pair.nodes[1] = fresh;
    let before = pair.bytes;
    report.measure("a new node learns of a user, at an endless rate", USERS, || pair.run(Duration::from_secs(2)));
    assert_eq!(pair.nodes[1].online().len(), USERS as usize);
    println!("{:<58} {:>11.1} bytes each", "  on the broker", (pair.bytes - before) as f64 / f64::from(USERS));

    let [_, other] = &mut pair.nodes;
    let later = pair.now.saturating_add(Duration::from_secs(5));
    let wall = UnixTime::from_millis(WALL);
    report.measure("a user of a node that is gone", USERS, || {
        // Not later than a lease, or it would have been suspended.
        other.handle(pair.now.saturating_add(Duration::from_secs(2)), wall, Input::Timer).for_each(drop);
        while other.online().len() > 0 {
            other.handle(later, wall, Input::Timer).for_each(drop);
        }
    });
    assert_eq!(other.online().len(), 0);
}

fn relay(pair: &mut Pair, to: &User) {
    let relay = Input::Relay {
        conn: conn(0),
        from: "ann".into(),
        to: to.clone(),
        message: vec![7; 64],
        volatile: false,
        tag: 1,
    };
    for action in pair.feed(1, relay) {
        let Action::Publish { payload, .. } = action else { continue };
        for action in pair.feed(0, Input::Received { payload }) {
            let Action::Deliver { relay, .. } = action else { continue };
            for action in pair.feed(0, Input::Delivered { relay, outcome: Outcome::Routed }) {
                let Action::Publish { payload, .. } = action else { continue };
                assert!(matches!(
                    pair.feed(1, Input::Received { payload })[..],
                    [Action::Outcome { outcome: Outcome::Routed, .. }]
                ));
            }
        }
    }
}

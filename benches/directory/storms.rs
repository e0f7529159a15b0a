//! Storms: very many users log in at once, their node dies, another node comes.

use std::time::Duration;

use heartline::directory::Settings;

use crate::report::{insertion, millis, ratio};
use crate::traffic::Traffic;
use crate::world::{Work, World};

/// Of a thousand packets, where some are lost.
const LOSS: u32 = 50;
/// Others use the machine too: of each time the least of these rounds is shown.
const ROUNDS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(60);

/// What one storm came to.
struct Storm {
    name: &'static str,
    /// Whose claims changed.
    users: u32,
    /// Until all knew.
    took: Duration,
    traffic: Traffic,
    /// Of the node that it happened on, and of the busiest other one.
    here: Work,
    elsewhere: Work,
}

impl Storm {
    /// Of two rounds.
    fn least(self, other: Self) -> Self {
        Self {
            took: self.took.min(other.took),
            here: least(&self.here, &other.here),
            elsewhere: least(&self.elsewhere, &other.elsewhere),
            ..other
        }
    }

    fn row(&self, insertion: Duration) -> String {
        let each = |work: &Work| ratio(work.cpu / self.users, insertion);
        let (published, delivered) = (self.traffic.published(), self.traffic.delivered);
        let longest = |of: fn(&Work) -> Duration| of(&self.here).max(of(&self.elsewhere));
        format!(
            "| {} | {} | {:.2} | {} | {:.0} | {} | {:.1} | {:.0} | {:.0} | {:.0} | {:.1} | {:.1} | {:.1} | {} |",
            self.name,
            self.users,
            self.took.as_secs_f64(),
            published.packets,
            published.bytes as f64 / f64::from(self.users),
            delivered.packets,
            delivered.bytes as f64 / 1e6,
            self.traffic.repair().bytes as f64 * 100.0 / published.bytes as f64,
            millis(self.here.cpu),
            millis(self.elsewhere.cpu),
            each(&self.here).max(each(&self.elsewhere)),
            millis(longest(|work| work.longest_call)),
            millis(longest(|work| work.longest_step)),
            self.here.most_actions.max(self.elsewhere.most_actions),
        )
    }
}

fn least(one: &Work, other: &Work) -> Work {
    Work {
        cpu: one.cpu.min(other.cpu),
        longest_call: one.longest_call.min(other.longest_call),
        longest_step: one.longest_step.min(other.longest_step),
        ..*other
    }
}

const HEAD: &str = "\
| what | users | s until all know | published | bytes a user | handed out | MB | % repair | CPU of the node, ms | of another, ms | ratio a user | longest call, ms | longest step, ms | most actions |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|";

pub fn show(sizes: &[u32]) {
    println!(
        "\nStorms on three nodes, of which each has a processor of its own in the simulated clock; the broker takes 1 ms."
    );
    for users in sizes {
        let insertion = insertion(*users);
        let rounds = (0..ROUNDS).map(|_| round(*users));
        let storms = rounds.reduce(|one, other| one.into_iter().zip(other).map(|(a, b)| a.least(b)).collect());
        println!(
            "\n{users} users a node; ratios are to an insertion into a BTreeMap, {} ns\n\n{HEAD}",
            insertion.as_nanos()
        );
        storms.into_iter().flatten().for_each(|storm| println!("{}", storm.row(insertion)));
    }
}

/// One storm after the other, on the same nodes.
fn round(users: u32) -> Vec<Storm> {
    let mut round = Round { world: World::new(3, Settings::default()), storms: Vec::new() };
    round.storm("they log in on one node", users, (0, users), |world| world.log_in(0, 0..users));
    round.storm("as many on each of the others, 5 % lost", 2 * users, (1, 3 * users), |world| {
        world.loss = LOSS;
        world.log_in(1, users..2 * users);
        world.log_in(2, 2 * users..3 * users);
    });
    round.storm("a node dies", users, (0, 2 * users), |world| world.crash(2));
    round.storm("a node joins the two", 2 * users, (3, 2 * users), World::join);
    round.storm("another joins, 5 % lost", 2 * users, (4, 2 * users), |world| {
        world.loss = LOSS;
        world.join();
    });
    round.storm("a node dies, its users log in on the new one", users, (3, 2 * users), |world| {
        world.crash(1);
        world.log_in(3, users..2 * users);
    });
    round.storms
}

struct Round {
    world: World,
    storms: Vec<Storm>,
}

impl Round {
    /// One that happens on this node, and at the end of which so many users are online.
    fn storm(&mut self, name: &'static str, users: u32, (node, online): (usize, u32), begin: impl FnOnce(&mut World)) {
        let world = &mut self.world;
        world.forget_work();
        let (began, before) = (world.now, world.traffic);
        begin(world);
        let is_known = |world: &World| {
            let nodes = world.running().count() - 1;
            world.running().all(|place| place.knows(online, nodes))
        };
        let known = world.run_until(PATIENCE, is_known).expect("all know in time");
        let traffic = world.traffic.since(&before);
        world.loss = 0;
        // What was lost last is found out by the next hellos, and offline is told after a grace.
        world.run(Duration::from_secs(15));
        assert!(world.agrees(), "{name}: all agree");
        let others = world.places.iter().enumerate().filter(|(nth, _)| *nth != node);
        let elsewhere = others.filter_map(|(_, place)| Some(place.as_ref()?.work)).max_by_key(|work| work.cpu);
        self.storms.push(Storm {
            name,
            users,
            took: known.saturating_since(began),
            traffic,
            here: world.place(node).work,
            elsewhere: elsewhere.expect("another node"),
        });
    }
}

//! Random lives of clusters, each drawn from a seed, and made shorter if it breaks a rule.

use std::fmt;
use std::time::Duration;

use heartline::directory;

use super::brokers::Leg;
use super::ledger::{Tally, Violation};
use super::settings::Settings;
use super::simulation::Cluster;
use super::site::Wall;
use super::step::Step;
use crate::sim::Random;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A cluster, and what happens to it at which times.
#[derive(Clone, Debug)]
pub struct Script {
    seed: u64,
    nodes: usize,
    sessions: Vec<String>,
    /// How long messages take at most in the calm.
    delay: Duration,
    /// What happens, in the order of time.
    steps: Vec<(Duration, Step)>,
    brokers: usize,
    directory: directory::Settings,
}

/// A script that breaks a rule, made as short as was found, with what happens in it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{violation}\n{script}{trace}")]
#[non_exhaustive]
pub struct Failure {
    /// The violation.
    pub violation: Violation,
    /// What is left of the script.
    pub script: Script,
    /// The last 50 lines of what happened to everybody and to the user whom it concerns.
    pub trace: String,
}

impl Script {
    /// Draws a small cluster with faults: 2 to 5 nodes, 1 to 3 brokers, mostly up to 11 users and at most 39, for 10 to 40 s.
    pub fn draw(seed: u64) -> Self {
        let mut draw =
            Draw { random: Random::new(seed), nodes: 0, sessions: 0, brokers: 0, end: SECOND, steps: Vec::new() };
        draw.script(seed)
    }

    /// Runs the script, and then the calm.
    ///
    /// # Errors
    /// The first violation.
    pub fn run(&self) -> Result<Tally, Violation> {
        let cluster = self.play(false);
        cluster.violation().map_or(Ok(cluster.tally()), Err)
    }

    /// As [`run`](Self::run), but a script that fails is made shorter, in up to 400 tries, as long as it breaks the same rule.
    ///
    /// # Errors
    /// The shortest script that was found.
    pub fn explain(self) -> Result<Tally, Box<Failure>> {
        let found = match self.run() {
            Ok(tally) => return Ok(tally),
            Err(violation) => violation,
        };
        let script = self.shortened(found.clause);
        let cluster = script.play(true);
        let violation = cluster.violation().unwrap_or(found);
        let trace = cluster.trace(violation.about.as_ref(), 50);
        Err(Box::new(Failure { violation, script, trace }))
    }

    fn play(&self, traced: bool) -> Cluster {
        let directory = directory::Config::new(self.directory.clone()).expect("drawn from the ranges");
        let settings = Settings { brokers: self.brokers, directory, traced, ..Settings::default() };
        let mut cluster = Cluster::new(self.seed, settings);
        for nth in 0..self.nodes {
            cluster.node(&format!("n{nth}"), nth);
        }
        for user in &self.sessions {
            cluster.session(user);
        }
        let mut passed = Duration::ZERO;
        for (at, step) in &self.steps {
            cluster.run_for(at.saturating_sub(passed));
            passed = *at;
            if cluster.violation().is_some() {
                return cluster;
            }
            cluster.apply(step);
        }
        cluster.run_for(SECOND);
        // The violation is the cluster's to tell.
        let _ = cluster.calm(self.delay);
        cluster
    }

    /// Leaves out whatever is not needed to break the same rule: first halves, then less and less.
    fn shortened(mut self, clause: &'static str) -> Self {
        let mut chunk = self.steps.len().div_ceil(2);
        let mut tries = 400;
        while chunk > 0 && tries > 0 {
            let mut at = 0;
            while at < self.steps.len() && tries > 0 {
                tries -= 1;
                let mut shorter = self.clone();
                shorter.steps.drain(at..(at + chunk).min(self.steps.len()));
                match shorter.run() {
                    Err(violation) if violation.clause == clause => self = shorter,
                    _ => at += chunk,
                }
            }
            chunk /= 2;
        }
        self
    }
}

impl fmt::Display for Script {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, nodes, brokers, sessions, .. } = self;
        writeln!(formatter, "seed {seed}: {nodes} nodes, {brokers} brokers, {} sessions", sessions.len())?;
        self.steps.iter().try_for_each(|(at, step)| writeln!(formatter, "  {at:?} {step:?}"))
    }
}

/// A script that is being drawn.
struct Draw {
    random: Random,
    nodes: usize,
    sessions: usize,
    brokers: usize,
    end: Duration,
    steps: Vec<(Duration, Step)>,
}

impl Draw {
    fn script(&mut self, seed: u64) -> Script {
        self.nodes = 2 + self.below(4);
        self.brokers = 1 + self.below(3);
        let users = if self.random.chance(1, 10) { 10 + self.below(30) } else { 2 + self.below(10) };
        let mut sessions: Vec<String> = (0..users).map(|user| format!("u{user}")).collect();
        let second = self.below(users);
        sessions.extend((0..second).map(|user| format!("u{user}")));
        self.sessions = sessions.len();
        self.end = self.random.duration(10 * SECOND..40 * SECOND);
        let directory = self.directory();
        self.logins();
        if self.random.chance(1, 8) {
            let (at, node) = (self.time(), self.below(self.nodes));
            self.at(at, Step::Churn { node });
        }
        (0..self.below(40)).for_each(|_| self.talk());
        (0..1 + self.below(8)).for_each(|_| self.fault());
        self.steps.sort_by_key(|(at, _)| *at);
        // A relay and its answer are to be in time in the calm.
        let slow = directory.relay_timeout / 6;
        let delay = if self.random.chance(1, 4) { slow } else { 20 * MILLISECOND };
        let (steps, nodes, brokers) = (std::mem::take(&mut self.steps), self.nodes, self.brokers);
        Script { seed, nodes, sessions, delay, steps, brokers, directory }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random.below(bound as u64) as usize
    }

    fn directory(&mut self) -> directory::Settings {
        let mut settings = directory::Settings { sent_away_grace: 4 * SECOND, ..directory::Settings::default() };
        if self.random.chance(1, 2) {
            settings.hello = 250 * MILLISECOND;
            settings.lease = SECOND;
            settings.relay_timeout = 500 * MILLISECOND;
            (settings.offline_grace, settings.sent_away_grace) = (700 * MILLISECOND, 900 * MILLISECOND);
        }
        if self.random.chance(1, 3) {
            settings.answer_rate = 16 * 1024;
        }
        if self.random.chance(1, 3) {
            settings.batch_bytes = 1024;
            settings.max_payload = 65 * 1024;
        }
        if self.random.chance(1, 4) {
            (settings.batch_delay, settings.ask_spread) = (Duration::ZERO, Duration::ZERO);
        }
        if self.random.chance(1, 6) {
            settings.max_relays = 1 + self.random.below(4) as u32;
        }
        settings.send_away_when_cut_off = self.random.chance(1, 4);
        settings
    }

    fn time(&mut self) -> Duration {
        self.random.duration(Duration::ZERO..self.end)
    }

    fn at(&mut self, at: Duration, step: Step) {
        self.steps.push((at, step));
    }

    fn wall(&mut self) -> Wall {
        let most = [0, 100, 2_000, 30_000][self.below(4)];
        let ahead = i64::try_from(self.random.below(2 * most + 1)).unwrap_or(0) - most as i64;
        let drift = if self.random.chance(1, 4) { self.random.below(2_000) as i64 - 1_000 } else { 0 };
        Wall { ahead, drift }
    }

    /// Everybody logs in somewhere within 3 s. Some move, log out, or lose their connection, once or several times.
    fn logins(&mut self) {
        for node in 0..self.nodes {
            let wall = self.wall();
            self.at(Duration::ZERO, Step::SetWall { node, wall });
        }
        for session in 0..self.sessions {
            let (at, node) = (self.random.duration(Duration::ZERO..3 * SECOND), self.below(self.nodes));
            let roams = !self.random.chance(1, 4);
            self.at(at, Step::Go { session, node, roams });
        }
        for _ in 0..self.below(2 * self.sessions + 2) {
            let (at, session, node) = (self.time(), self.below(self.sessions), self.below(self.nodes));
            let step = match self.random.below(8) {
                0 => Step::LogOut { session },
                1 => Step::Lose { session, told: true },
                2 => Step::Lose { session, told: false },
                _ => Step::Go { session, node, roams: true },
            };
            self.at(at, step);
        }
        if self.random.chance(1, 5) {
            self.hopping();
        }
    }

    /// One user moves faster than packets travel.
    fn hopping(&mut self) {
        let (session, mut at) = (self.below(self.sessions), self.time());
        for _ in 0..2 + self.below(6) {
            let node = self.below(self.nodes);
            self.at(at, Step::Go { session, node, roams: true });
            at += self.random.duration(10 * MILLISECOND..500 * MILLISECOND);
        }
    }

    fn talk(&mut self) {
        let (at, from, to) = (self.time(), self.below(self.sessions), self.below(self.sessions));
        let room = self.random.below(3) as u8;
        let step = match self.random.below(10) {
            0..=3 => Step::Write { from, to },
            4..=5 => {
                let bytes = if self.random.chance(1, 20) { 70_000 } else { self.below(100) };
                let volatile = self.random.chance(1, 2);
                Step::Say { from, to, bytes, volatile }
            }
            6 => Step::Leave { session: from, room },
            7 => Step::Publish { session: from, room },
            8 => Step::Ask { node: from, room },
            _ => Step::Join { session: from, room },
        };
        self.at(at, step);
    }

    /// Something goes wrong, and mostly ends some time later.
    fn fault(&mut self) {
        let (at, node, broker) = (self.time(), self.below(self.nodes), self.below(self.brokers));
        let after = at + self.random.duration(100 * MILLISECOND..10 * SECOND);
        let mended = self.random.chance(3, 4);
        match self.random.below(12) {
            0 => {
                let loss = [5, 50, 300, 1000][self.below(4)];
                self.at(at, Step::Loss(loss));
                self.at(after, Step::Loss(0));
            }
            1 => {
                let delay = [5, 100, 1_000, 5_000][self.below(4)] * MILLISECOND;
                self.at(at, Step::Delay(delay));
                self.at(after, Step::Delay(20 * MILLISECOND));
            }
            2 | 3 => self.split(at, mended.then_some(after)),
            4 => self.part(at, mended.then_some(after), node),
            5 => {
                self.at(at, Step::CrashBroker(broker));
                self.at(after, Step::StartBroker(broker));
            }
            6 => self.at(at, Step::Reconnect { node, broker }),
            7 | 8 => {
                self.at(at, Step::Crash(node));
                let wall = self.wall();
                if mended {
                    self.at(after, Step::Start { node, wall });
                }
            }
            9 => {
                let pace = self.random.duration(Duration::ZERO..2 * SECOND);
                self.at(at, Step::ShutDown { node, pace });
                let wall = self.wall();
                self.at(after, Step::Crash(node));
                self.at(after + 100 * MILLISECOND, Step::Start { node, wall });
            }
            10 => {
                self.at(at, Step::Suspend(node));
                let (timer_first, interrupted) = (self.random.chance(1, 2), self.random.chance(1, 4));
                self.at(after, Step::Wake { node, timer_first, interrupted });
            }
            _ => {
                let wall = self.wall();
                if self.random.chance(1, 2) {
                    self.at(at, Step::SetWall { node, wall });
                } else {
                    self.at(at, Step::Twin { node, broker, wall });
                }
            }
        }
    }

    /// Two brokers do not hear each other, or one does not hear the other.
    fn split(&mut self, at: Duration, mended: Option<Duration>) {
        let (one, other) = (self.below(self.brokers), self.below(self.brokers));
        self.trouble(at, mended, [Leg::Between(one, other), Leg::Between(other, one)]);
    }

    /// A node does not hear its broker, or the broker not the node.
    fn part(&mut self, at: Duration, mended: Option<Duration>, node: usize) {
        self.trouble(at, mended, [Leg::Up(node), Leg::Down(node)]);
    }

    fn trouble(&mut self, at: Duration, mended: Option<Duration>, legs: [Leg; 2]) {
        let (stalled, ways) = (self.random.chance(1, 3), self.below(3));
        for leg in legs.into_iter().take(1 + ways) {
            self.at(at, if stalled { Step::Stall(leg) } else { Step::Cut(leg) });
            if let Some(after) = mended {
                self.at(after, Step::Heal(leg));
            }
        }
    }
}

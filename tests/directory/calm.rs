//! Random faults, then a calm: all nodes agree after it.

use std::collections::{BTreeMap, BTreeSet};

use heartline::directory::{Action, Departure, Input, Outcome, RemoteConn, Settings, User};
use proptest::prelude::*;

use crate::cluster::{Cluster, SECOND, conn};
use crate::plan::Plan;

const NODES: usize = 3;
/// A connection that does not end before its node.
const SENDER: u64 = 1_000_000;
const USERS: [&str; 5] = ["ann", "bob", "cyd", "dan", "eve"];

struct Storm {
    cluster: Cluster,
    conns: u64,
    /// Who is connected where, by node and user.
    live: BTreeMap<(usize, &'static str), u64>,
    relays: u64,
    /// Messages without an outcome, and where they are from.
    pending: BTreeMap<u64, usize>,
    /// Those that a hub took.
    taken: BTreeSet<u64>,
    /// The latest that came, by its sender's connection and its recipient.
    counts: BTreeMap<(usize, RemoteConn, User), u64>,
}

impl Storm {
    fn new(cluster: Cluster) -> Self {
        let (live, pending, counts) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { cluster, conns: 0, live, relays: 0, pending, taken: BTreeSet::new(), counts }
    }

    fn step(&mut self, plan: &mut Plan<'_>) {
        let (nth, user) = (plan.below(NODES), plan.one(&USERS));
        match plan.below(16) {
            0..6 => {
                self.conns += 1;
                self.live.insert((nth, user), self.conns);
                self.cluster.login(nth, self.conns, user);
            }
            6 | 7 => {
                if let Some(raw) = self.live.remove(&(nth, user)) {
                    let departure = plan.one(&[Departure::Lost, Departure::LoggedOut, Departure::SentAway]);
                    self.cluster.act(nth, Input::Ended { conn: conn(raw), user: user.into(), departure });
                }
            }
            8 | 9 => _ = self.cluster.cut.insert((nth, plan.below(NODES))),
            10 => _ = self.cluster.cut.remove(&(nth, plan.below(NODES))),
            11 => self.cluster.skew[nth] = plan.one(&[-20_000, -100, 0, 100, 3000]),
            12 if plan.below(4) == 0 => {
                self.live.retain(|(at, _), _| *at != nth);
                self.pending.retain(|_, from| *from != nth);
                self.cluster.crash(nth);
                // The highest skew of all: to a node with a lower epoch D2 promises its name only while it is young.
                self.cluster.skew[nth] = 3000;
                self.cluster.start(nth);
            }
            13 if plan.below(4) == 0 => self.cluster.run_but(SECOND * plan.one(&[1, 3, 5, 9]), &[nth]),
            14 => self.cluster.act(nth, Input::Interrupted),
            15 => self.relay(nth, user),
            _ => self.cluster.run(SECOND / 100 * plan.one(&[1, 5, 20, 100, 300])),
        }
        self.hear();
    }

    fn relay(&mut self, nth: usize, user: &str) {
        self.relays += 1;
        self.pending.insert(self.relays, nth);
        let (message, tag) = (self.relays.to_le_bytes().to_vec(), self.relays);
        let (from, to) = ("eve".into(), user.into());
        self.cluster.act(nth, Input::Relay { conn: conn(SENDER), from, to, message, volatile: false, tag });
    }

    /// What the nodes were asked to do.
    fn hear(&mut self) {
        while let Some(nth) = (0..NODES).find(|nth| !self.cluster.done[*nth].is_empty()) {
            for action in std::mem::take(&mut self.cluster.done[nth]) {
                self.carry_out(nth, action);
            }
        }
    }

    fn carry_out(&mut self, nth: usize, action: Action) {
        match action {
            Action::Close { conn, .. } => self.live.retain(|(at, _), raw| *at != nth || *raw != conn.as_raw()),
            Action::Deliver { relay, to, conn, sequence, message, .. } => {
                let tag = u64::from_le_bytes(message.try_into().unwrap());
                let is_here = self.live.keys().any(|(at, user)| *at == nth && to == User::from(*user));
                let latest = self.counts.insert((nth, conn, to), sequence);
                assert!(latest.is_none_or(|latest| latest < sequence), "{latest:?}, then {sequence}");
                assert!(!is_here || self.taken.insert(tag), "twice");
                let outcome = if is_here { Outcome::Routed } else { Outcome::Offline };
                self.cluster.act(nth, Input::Delivered { relay, outcome });
            }
            Action::Outcome { tag, outcome, .. } => {
                assert_eq!(self.pending.remove(&tag), Some(nth), "a second outcome");
                assert!(outcome == Outcome::Unknown || self.taken.contains(&tag) == (outcome == Outcome::Routed));
            }
            _ => {}
        }
    }

    fn check(&mut self) {
        self.cluster.cut.clear();
        self.cluster.run(5 * SECOND);
        self.hear();
        assert_eq!(self.pending, BTreeMap::new());
        for user in USERS {
            let opinion = self.cluster.opinion(user);
            let on: Vec<_> =
                self.live.keys().filter(|(_, other)| *other == user).map(|(nth, _)| format!("n{nth}")).collect();
            assert_eq!(on, Vec::from_iter(opinion), "{user}");
        }
        assert!(
            (0..NODES)
                .all(|nth| self.cluster.node(nth).nodes().filter(|node| node.in_step && node.hears_us).count() == 2)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 100, ..ProptestConfig::default() })]

    /// [D10] [D11] [D16] Packets are lost, nodes crash, are suspended, have wrong clocks. Then it takes at most a lease and a second.
    #[test]
    fn after_the_calm_all_agree_and_no_user_has_two_connections(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let cluster = Cluster::with(NODES, Settings::default());
        let (mut storm, mut plan) = (Storm::new(cluster), Plan(&bytes));
        while !plan.0.is_empty() {
            storm.step(&mut plan);
        }
        storm.check();
    }
}

//! One directory among honest nodes that are told what to do, and a model of who owns whom.

use std::collections::BTreeMap;

use heartline::CloseCode;
use heartline::directory::{Action, Input};
use proptest::prelude::*;

use crate::cluster::{Cluster, SECOND, conn, name};
use crate::packets::{Body, Change, Claim, Sender, encode};
use crate::plan::Plan;

const NODES: [&str; 3] = ["a", "n00", "z"];
const USERS: [&str; 3] = ["ann", "bob", "cyd"];

/// Of another node: its claims, and how many changes it has made since it started.
#[derive(Default)]
struct Other {
    claims: BTreeMap<&'static str, u64>,
    changes: u64,
    epoch: u64,
}

struct Model {
    cluster: Cluster,
    others: [Other; 3],
    /// This node's logins: connection and stamp.
    own: BTreeMap<&'static str, (u64, u64)>,
    closes: BTreeMap<u64, CloseCode>,
    conns: u64,
}

impl Model {
    fn new() -> Self {
        let mut model = Self {
            cluster: Cluster::new(1),
            others: Default::default(),
            own: BTreeMap::new(),
            closes: BTreeMap::new(),
            conns: 0,
        };
        (0..3).for_each(|nth| model.restart(nth));
        model
    }

    fn say(&mut self, nth: usize, body: &Body) {
        let sender = Sender { node: NODES[nth].into(), epoch: self.others[nth].epoch, incarnation: 0 };
        self.cluster.act(0, Input::Received { payload: encode(&sender, body) });
    }

    fn restart(&mut self, nth: usize) {
        self.others[nth] = Other { epoch: self.others[nth].epoch + 1, ..Other::default() };
        self.say(nth, &Body::Hello { serial: 1, wall: 0, number: 0, claims: 0, digest: 0, hears: Vec::new() });
        self.cluster.feed(0, Input::Timer);
    }

    fn change(&mut self, nth: usize, change: Change) {
        self.others[nth].changes += 1;
        let first = self.others[nth].changes;
        self.say(nth, &Body::Changes { first, changes: vec![change] });
    }

    /// The highest claim: its time and its node.
    fn owner(&self, user: &str) -> Option<(u64, &'static str)> {
        let others = NODES.iter().zip(&self.others).filter_map(|(node, other)| Some((*other.claims.get(user)?, *node)));
        others.chain(self.own.get(user).map(|(_, time)| (*time, "n0"))).max()
    }

    fn login(&mut self, user: &'static str) {
        self.conns += 1;
        let before = self.owner(user).map_or(0, |(time, _)| time);
        self.cluster.act(0, Input::Login { conn: conn(self.conns), user: user.into() });
        let stamp = self.cluster.node(0).stamp_of(&user.into()).cloned().expect("the user is online");
        assert!(stamp.node == name(0) && stamp.time > before, "{stamp} is not above {before}");
        self.own.insert(user, (self.conns, stamp.time));
    }

    /// A login on another node, whose clock is right, or behind, or ahead; it knew of the owner or did not.
    fn login_elsewhere(&mut self, nth: usize, user: &'static str, plan: &mut Plan<'_>) {
        let owner = self.owner(user);
        let around = owner.map_or(1 << 60, |(time, _)| time);
        let time = around.saturating_add_signed(plan.one(&[-1, 0, 1, 1, 1 << 30]));
        let own = self.own.get(user).copied();
        let overs =
            [None, owner, own.map(|(_, time)| (time, "n0")), own.map(|(_, time)| (time - 1, "n0")), Some((1, "z"))];
        let over = plan.one(&overs).map(|(time, node)| (time, node.to_string()));
        self.others[nth].claims.insert(user, time);
        self.change(nth, Change::Claimed(Claim { user: user.into(), time, over: over.clone() }));
        let Some((conn, stamp)) = own else { return };
        if (time, NODES[nth]) > (stamp, "n0") {
            self.own.remove(user);
            let is_known = over == Some((stamp, "n0".to_string()));
            self.closes.insert(conn, if is_known { CloseCode::SUPERSEDED } else { CloseCode::CONCURRENT });
        }
    }

    fn step(&mut self, plan: &mut Plan<'_>) {
        let (nth, user) = (plan.below(3), plan.one(&USERS));
        match plan.below(10) {
            0..3 => self.login(user),
            3..7 => self.login_elsewhere(nth, user, plan),
            7 => {
                self.others[nth].claims.remove(user);
                self.change(nth, Change::Released(user.into(), plan.below(3) as u8));
            }
            8 => {
                if let Some((raw, _)) = self.own.remove(user) {
                    self.cluster.log_out(0, raw, user);
                }
            }
            _ => {
                self.cluster.now = self.cluster.now.saturating_add(SECOND / 10);
                self.restart(nth);
            }
        }
    }

    fn check(&self) {
        for user in USERS {
            let owner = self.owner(user).map(|(time, node)| (time, node.to_string()));
            let found = self.cluster.node(0).stamp_of(&user.into());
            assert_eq!(found.map(|stamp| (stamp.time, stamp.node.as_str().to_string())), owner, "{user}");
        }
        assert_eq!(self.cluster.closes(0), self.closes);
        let count = self.cluster.done[0].iter().filter(|action| matches!(action, Action::Close { .. })).count();
        assert_eq!(count, self.closes.len(), "each once");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// [D3] [D4]
    #[test]
    fn the_highest_claim_owns_and_what_it_replaces_decides_how_the_others_are_closed(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let (mut model, mut plan) = (Model::new(), Plan(&bytes));
        while !plan.0.is_empty() {
            model.step(&mut plan);
            model.check();
        }
    }
}

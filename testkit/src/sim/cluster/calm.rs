//! The calm, and what is checked after it: that all nodes agree, and that every message arrives where it should.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use heartline::directory::{self, Settings, User};
use heartline::event::Cause;
use heartline::hub::Room;
use heartline::{Loss, State, Timestamp};

use super::brokers::Leg;
use super::inspect::LATE;
use super::ledger::Violation;
use super::node::Node;
use super::simulation::Cluster;
use super::site::Site;

/// For how long clients may go on logging in after all faults have ended.
const LOGIN_PATIENCE: Duration = Duration::from_secs(120);
/// How long letters and publications may take in the calm: a repetition, its relay and its receipt.
const ARRIVAL_PATIENCE: Duration = Duration::from_secs(60);

impl Cluster {
    /// Ends all faults, but starts no node that does not run: all messages arrive within this delay, all nodes are awake.
    pub fn mend(&mut self, delay: Duration) {
        self.note(|| "everything is mended".into());
        for node in 0..self.nodes() {
            self.wake(node, true, false);
        }
        for broker in 0..self.settings.brokers {
            self.start_broker(broker);
        }
        let legs: Vec<Leg> = self.brokers().troubled();
        legs.into_iter().for_each(|leg| self.heal(leg));
        let mut brokers = self.brokers();
        (brokers.loss, brokers.delay) = (0, Duration::ZERO..delay);
        let arrived = brokers.last_arrival();
        drop(brokers);
        // What was sent before may take longer; the calm begins behind it.
        self.disturbed = self.disturbed.max(arrived);
    }

    /// How long the nodes may take to agree after the calm has begun, if messages take up to this long (D16).
    pub fn bound(&self, delay: Duration) -> Duration {
        let settings: &Settings = &self.settings.directory.clone().into_settings();
        let transfer = Duration::from_secs_f64(self.bytes() as f64 / f64::from(settings.answer_rate));
        settings.lease.max(2 * settings.hello) + Duration::from_secs(1) + 4 * delay + transfer
    }

    /// How many bytes one node may have to send at most, so that all others know all of its claims: to each the digests, each bucket that is
    /// not empty with its header, and each claim with the longest `over`; and where there were very many changes, all those that it keeps.
    fn bytes(&self) -> usize {
        let (header, digests, claim) = (96, 256 * 16, 64);
        let changes = self.common.borrow().ledger.rush.min(4096) * claim;
        let users: BTreeSet<&User> = self.seats.iter().map(|seat| &seat.user).collect();
        let claims: usize = users.iter().map(|user| user.as_bytes().len() + claim + header).sum();
        self.nodes().saturating_sub(1) * (digests + changes + header + claims)
    }

    /// Ends all faults, as [`mend`](Self::mend) does. Waits until no client has logged in for as long as the nodes may take to agree, and checks
    /// that they do; then that the users who were reported as online are, and that letters and publications between users who are online
    /// arrive.
    ///
    /// # Errors
    /// The first violation.
    pub fn calm(&mut self, delay: Duration) -> Result<(), Violation> {
        self.mend(delay);
        let patience = self.now().saturating_add(LOGIN_PATIENCE);
        let grace = self.settings.directory.offline_grace.max(self.settings.directory.sent_away_grace);
        while self.violation().is_none() {
            let quiet = self.quiet_since();
            let bound = self.bound(delay);
            let until = quiet.saturating_add(bound);
            if quiet >= patience {
                self.found("D4", None, "clients go on logging in".into());
            } else if self.now() < until {
                self.run_for(until.saturating_since(self.now()));
            } else {
                self.agreement();
                self.run_for(grace + LATE);
                if self.quiet_since() == quiet && self.violation().is_none() {
                    self.nothing_repaired();
                    self.presence();
                    self.nobody_locked_out();
                    break;
                }
            }
        }
        if self.violation().is_none() {
            self.use_calm(delay);
        }
        self.violation().map_or(Ok(()), Err)
    }

    fn quiet_since(&self) -> Timestamp {
        self.disturbed.max(self.common.borrow().ledger.last_change)
    }

    fn found(&self, clause: &'static str, about: Option<&User>, what: String) {
        self.common.borrow_mut().ledger.violated(clause, about, what);
    }

    /// Where each user is connected.
    fn truth(&self) -> BTreeMap<User, Vec<usize>> {
        let mut truth: BTreeMap<User, Vec<usize>> = BTreeMap::new();
        for (nth, site) in self.sites.iter().enumerate() {
            for (user, _) in site.borrow().running().into_iter().flat_map(|node| node.hub().online()) {
                truth.entry(user.clone()).or_default().push(nth);
            }
        }
        truth
    }

    /// All nodes agree on the node of every user, and are right.
    fn agreement(&self) {
        let truth = self.truth();
        for (user, nodes) in &truth {
            if nodes.len() > 1 {
                self.found("D16", Some(user), format!("{user} is connected on the nodes {nodes:?}"));
            }
        }
        let mut names = BTreeSet::new();
        for site in self.sites.iter().map(|site| site.borrow()) {
            if let Some(node) = site.running() {
                if !names.insert(site.name.clone()) {
                    self.found("D2", None, format!("two nodes are named {}", site.name));
                }
                self.opinions(&site, node, &truth);
                if let Some((room, _)) = site.entered.iter().find(|(_, confirmed)| !**confirmed) {
                    self.found("D13", None, format!("node {} has not joined {room:?}", site.port));
                }
            }
        }
        for (nth, site) in self.sites.iter().enumerate() {
            if let Some(node) = site.borrow().running() {
                self.nodes_heard(nth, node, &names);
            }
        }
    }

    fn opinions(&self, site: &Site, node: &Node, truth: &BTreeMap<User, Vec<usize>>) {
        let directory = node.directory();
        let nth = site.port;
        if let Some((user, stamp)) = directory.online().find(|(user, _)| !truth.contains_key(*user)) {
            self.found("D16", Some(user), format!("node {nth} thinks {user} is online by {stamp}"));
        }
        for (user, nodes) in truth {
            let owner = self.sites[nodes[0]].borrow();
            let known = directory.node_of(user);
            if known != Some(&owner.name) {
                self.found(
                    "D16",
                    Some(user),
                    format!("node {nth} thinks {user} is on {known:?}, not on {}", owner.name),
                );
            }
            let right = owner.running().and_then(|owner| owner.directory().stamp_of(user));
            let known = directory.stamp_of(user);
            if known != right {
                self.found("D16", Some(user), format!("node {nth} knows {user} by {known:?}, not by {right:?}"));
            }
        }
    }

    fn nodes_heard(&self, nth: usize, node: &Node, names: &BTreeSet<directory::Node>) {
        let directory = node.directory();
        if directory.is_cut_off() {
            self.found("D9", None, format!("node {nth} is cut off in the calm"));
        }
        let known: BTreeSet<_> = directory.nodes().map(|status| status.node.clone()).collect();
        let others: BTreeSet<_> = names.iter().filter(|name| *name != directory.node()).cloned().collect();
        if known != others {
            self.found("D8", None, format!("node {nth} hears {known:?}, not {others:?}"));
        }
        for status in directory.nodes() {
            if !status.in_step || !status.hears_us {
                self.found("D16", None, format!("node {nth} is not in step with {}: {status:?}", status.node));
            }
        }
    }

    /// A node that applied all changes of the others, each once and in order, had nothing to repair.
    fn nothing_repaired(&self) {
        let churned = self.common.borrow().ledger.churned;
        for site in self.sites.iter().map(|site| site.borrow()).filter(|_| !churned) {
            let repaired = site.running().map_or(0, |node| node.directory().stats().repaired);
            if repaired > 0 {
                self.found("D5", None, format!("node {} had {repaired} buckets that differed", site.port));
            }
        }
    }

    /// Each node's events say the right users are online.
    fn presence(&self) {
        let online: BTreeSet<User> = self.truth().into_keys().collect();
        for site in self.sites.iter().map(|site| site.borrow()).filter(|site| site.running().is_some()) {
            let told = self.common.borrow().ledger.online(site.life);
            if let Some(user) = told.symmetric_difference(&online).next() {
                let is = online.contains(user);
                self.found(
                    "D15",
                    Some(user),
                    format!("{user} is online: {is}, and node {} was told otherwise", site.port),
                );
            }
        }
    }

    /// No user has only sessions that were closed with the final code, as if another one had the user.
    fn nobody_locked_out(&self) {
        let superseded = Cause::Stopped(Loss::Close(self.settings.directory.superseded_code.get()));
        let users: BTreeSet<&User> = self.seats.iter().map(|seat| &seat.user).collect();
        for user in users {
            let seats = self.seats.iter().filter(|seat| seat.user == *user);
            let mut used = seats.map(|seat| &self.sim[seat.host]).filter(|host| !host.journal().is_empty()).peekable();
            if used.peek().is_some() && used.all(|host| host.cause() == superseded) {
                self.found("D4", Some(user), format!("{user} is locked out"));
            }
        }
    }

    /// During the calm messages to everybody who is online are routed, and publications reach all members of a room once.
    fn use_calm(&mut self, delay: Duration) {
        let online: Vec<User> = self.truth().into_keys().collect();
        {
            let ledger = &mut self.common.borrow_mut().ledger;
            (ledger.calm_since, ledger.reachable) = (Some(self.sim.now()), online.iter().cloned().collect());
        }
        for (from, to) in online.iter().zip(online.iter().cycle().skip(1)) {
            self.write(from, to);
        }
        self.letters();
        let rooms: BTreeSet<Room> = self.sites.iter().flat_map(|site| site.borrow().rooms()).collect();
        let said: Vec<_> = rooms.into_iter().filter_map(|room| self.publish_once(room)).collect();
        self.run_for(delay + LATE);
        for (room, serial) in said {
            let members = self.sites.iter().flat_map(|site| site.borrow().members(&room)).collect();
            let ledger = &mut self.common.borrow_mut().ledger;
            if ledger.is_calm() {
                ledger.all_heard(&room, serial, &members);
            }
        }
        self.common.borrow_mut().ledger.calm_since = None;
    }

    /// Somebody in a room publishes to it.
    fn publish_once(&mut self, room: Room) -> Option<(Room, u64)> {
        let open = |seat: usize| self.state(seat) == State::Open && self.is_in(seat, &room);
        let session = (0..self.sessions()).find(|seat| open(*seat))?;
        Some((room.clone(), self.publish(session, room)))
    }

    fn is_in(&self, session: usize, room: &Room) -> bool {
        let seat = &self.seats[session];
        let site = self.sites[seat.home.borrow().node].borrow();
        site.node.as_ref().is_some_and(|node| {
            let conn = node.hub().conn_of(&seat.user);
            conn.is_some_and(|conn| node.hub().rooms_of(conn).any(|joined| joined == room))
        })
    }

    /// Every letter between users who are online arrives, and its sender learns of it.
    fn letters(&mut self) {
        let open = |cluster: &Self, user: &User| {
            let mut seats = cluster.seats.iter().filter(|seat| seat.user == *user);
            seats.any(|seat| cluster.sim[seat.host].state() == State::Open)
        };
        let missing = |cluster: &Self| {
            let shared = cluster.common.borrow();
            let letters = shared.ledger.letters.iter().enumerate();
            let mut missing = letters.filter(|(_, letter)| !letter.acknowledged || letter.received == 0);
            let found = missing.find(|(_, letter)| open(cluster, &letter.from) && open(cluster, &letter.to));
            found.map(|(nth, letter)| (nth, letter.to.clone()))
        };
        let until = self.now().saturating_add(ARRIVAL_PATIENCE);
        while self.now() < until && self.violation().is_none() && missing(self).is_some() {
            self.run_for(Duration::from_secs(1));
        }
        if let Some((nth, to)) = missing(self) {
            self.found("D10", Some(&to), format!("letter {nth} is not acknowledged in the calm"));
        }
    }
}

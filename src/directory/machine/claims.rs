//! Logins here and elsewhere.

use core::time::Duration;

use super::Machine;
use crate::conn::ConnId;
use crate::count::count;
use crate::directory::book::Timed;
use crate::directory::config::Config;
use crate::directory::node::{Departure, Node, User};
use crate::directory::stamp::Stamp;
use crate::directory::wire::{Change, Claim};
use crate::time::Span;

/// How many claims of nodes that are gone go in one step, and how many graces end: what takes a few milliseconds.
pub(super) const AT_ONCE: usize = 1024;

/// A claim of this node.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub(super) conn: ConnId,
    pub(super) time: u64,
    /// The claim it replaces.
    pub(super) over: Option<Stamp>,
}

impl Timed for Own {
    fn time(&self) -> u64 {
        self.time
    }
}

impl Own {
    /// As it is told to others.
    pub(super) fn claim(&self, user: User) -> Claim {
        Claim { user, time: self.time, over: self.over.clone() }
    }
}

impl Machine {
    pub(super) fn login(&mut self, config: &Config, conn: ConnId, user: User) {
        if !user.is_valid() {
            return count(&mut self.stats.ignored);
        }
        let time = self.clock.next(self.wall);
        let elsewhere = self.users.elsewhere(&user, &self.node).cloned();
        let over = elsewhere.or_else(|| self.own.get(&user)?.over.clone());
        let own = Own { conn, time, over };
        self.change(config, Change::Claimed(own.claim(user.clone())));
        self.own.insert(user.clone(), own);
        self.claimed(user.clone(), Stamp { time, node: self.node.clone() });
        // At the end of the stamps' time, another node's may be as high.
        self.give_up_if_lower(config, &user, None);
    }

    pub(super) fn ended(&mut self, config: &Config, conn: ConnId, user: &User, departure: Departure) {
        self.counts.forget(conn);
        if self.closes.get(&conn).is_some_and(|(of, _)| of == user) {
            self.closes.remove(&conn);
        }
        if self.own.get(user).is_none_or(|own| own.conn != conn) {
            return count(&mut self.stats.stale);
        }
        self.give_up(config, user, departure);
    }

    fn give_up(&mut self, config: &Config, user: &User, departure: Departure) {
        let Some(own) = self.own.remove(user) else { return };
        self.change(config, Change::Released { user: user.clone(), departure });
        let stamp = Stamp { time: own.time, node: self.node.clone() };
        self.released(config, user.clone(), &stamp, departure);
    }

    fn change(&mut self, config: &Config, change: Change) {
        self.changes.push(change, self.now, Span::of(config.batch_delay), config.batch_bytes as usize);
    }

    // ---- elsewhere -------------------------------------------------------------------------

    /// Another node has a claim; `over` says which one that replaces.
    pub(super) fn claimed_elsewhere(&mut self, config: &Config, node: &Node, claim: Claim) {
        let Claim { user, time, over } = claim;
        let Some(peer) = self.peers.get_mut(node) else { return };
        if peer.book.len() >= config.max_claims.into() && peer.book.get(&user).is_none() {
            count(&mut self.stats.excess);
            self.excess = Some(node.clone());
            return;
        }
        peer.book.insert(user.clone(), time);
        self.clock.heard(time);
        if !self.claimed(user.clone(), Stamp { time, node: node.clone() }) {
            self.give_up_if_lower(config, &user, over);
        }
    }

    pub(super) fn released_elsewhere(&mut self, config: &Config, node: &Node, user: User, departure: Departure) {
        let Some(peer) = self.peers.get_mut(node) else { return };
        if let Some(time) = peer.book.remove(&user) {
            self.released(config, user, &Stamp { time, node: node.clone() }, departure);
        }
    }

    /// If another node's claim is higher than this node's, which it replaces if `over` says so.
    fn give_up_if_lower(&mut self, config: &Config, user: &User, over: Option<Stamp>) {
        let Some(own) = self.own.get(user) else { return };
        let stamp = Stamp { time: own.time, node: self.node.clone() };
        if self.users.owner(user).is_none_or(|owner| *owner <= stamp) {
            return;
        }
        let code = if over == Some(stamp) {
            count(&mut self.stats.superseded);
            config.superseded_code
        } else {
            count(&mut self.stats.concurrent);
            config.concurrent_code
        };
        self.closes.insert(own.conn, (user.clone(), code));
        self.give_up(config, user, Departure::Lost);
    }

    // ---- everywhere ------------------------------------------------------------------------

    /// Whether nobody claimed the user before.
    fn claimed(&mut self, user: User, stamp: Stamp) -> bool {
        let is_first = self.users.claim(user.clone(), stamp);
        if is_first {
            self.presence.arrives(&user);
        }
        is_first
    }

    /// Some claims of nodes that are gone go too.
    pub(super) fn release_gone(&mut self, config: &Config) {
        for _ in 0..AT_ONCE {
            let Some((user, stamp, departure)) = self.next_gone() else { break };
            // A later process of that name, which has heard the same stamps, may have made this very stamp again.
            let again = self.peers.get(&stamp.node).and_then(|peer| peer.book.get(&user));
            if again != Some(&stamp.time) {
                self.released(config, user, &stamp, departure);
            }
        }
    }

    fn next_gone(&mut self) -> Option<(User, Stamp, Departure)> {
        while let Some((node, departure, claims)) = self.gone.front_mut() {
            if let Some((user, time)) = claims.next() {
                return Some((user, Stamp { time, node: node.clone() }, *departure));
            }
            self.gone.pop_front();
        }
        None
    }

    pub(super) fn released(&mut self, config: &Config, user: User, stamp: &Stamp, departure: Departure) {
        if !self.users.release(&user, stamp) {
            return;
        }
        let grace = match departure {
            Departure::LoggedOut => Duration::ZERO,
            Departure::SentAway => config.sent_away_grace,
            Departure::Lost => config.offline_grace,
        };
        if grace.is_zero() {
            self.presence.departs(user);
        } else {
            self.presence.departs_at(user, self.now.saturating_add(grace), config.max_claims as usize);
        }
    }
}

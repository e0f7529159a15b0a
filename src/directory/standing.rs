//! How a node stands to the broker and to others of its name: its hellos, being cut off, its end.

use alloc::vec;
use alloc::vec::Vec;

use super::action::{Action, Destination, Event};
use super::config::Config;
use super::node::Node;
use crate::time::{Deadline, Timestamp};

#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) state: State,
    /// Until then it is young.
    pub(super) young_until: Timestamp,
    /// Whether it has taken the epoch after another's.
    pub(super) renamed: bool,
    /// Of the last hello that was sent, and when that was.
    pub(super) serial: u64,
    pub(super) sent: Timestamp,
    pub(super) next_hello: Deadline,
    /// Hellos up to this one do not count when they come back.
    distrusted: u64,
    /// When a hello came back last.
    pub(super) back: Timestamp,
    /// When it subscribes to its own packets again; never, unless it is cut off.
    subscribe: Deadline,
    /// Whether it has done so since it was cut off.
    subscribed_again: bool,
    /// What it is to subscribe to again.
    subscriptions: Vec<Destination>,
    /// Whether the node was told that it is cut off.
    told: bool,
    pub(super) send_away: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Connected,
    CutOff,
    Left,
    Replaced { told: bool },
}

impl Standing {
    pub(super) fn new(config: &Config, now: Timestamp) -> Self {
        Self {
            state: State::Connected,
            young_until: now.saturating_add(config.lease),
            renamed: false,
            serial: 0,
            sent: now,
            next_hello: Deadline::at(now),
            distrusted: 0,
            back: now,
            subscribe: Deadline::NEVER,
            subscribed_again: false,
            subscriptions: Vec::new(),
            told: false,
            send_away: false,
        }
    }

    pub(super) fn stop(&mut self, state: State) {
        self.send_away |= matches!(state, State::Replaced { .. });
        self.state = state;
        self.subscriptions.clear();
    }

    pub(super) const fn is_stopped(&self) -> bool {
        matches!(self.state, State::Left | State::Replaced { .. })
    }

    pub(super) fn is_cut_off(&self) -> bool {
        self.state == State::CutOff
    }

    pub(super) const fn is_hello_due(&self, now: Timestamp) -> bool {
        self.next_hello.passed(now)
    }

    /// Only what is sent from now on counts when it comes back, and a hello is sent at once.
    pub(super) fn distrust(&mut self, now: Timestamp) {
        self.distrusted = self.serial;
        self.next_hello = Deadline::at(now);
    }

    pub(super) fn cut_off(&mut self, config: &Config, now: Timestamp) {
        if self.state != State::CutOff {
            self.state = State::CutOff;
            self.send_away |= config.send_away_when_cut_off;
            self.subscribe = Deadline::at(now.saturating_add(config.lease));
        }
        self.distrust(now);
    }

    /// A node that stays cut off may have lost its own subscriptions.
    pub(super) fn renew_subscriptions(&mut self, config: &Config, now: Timestamp, node: &Node) {
        if self.subscribe.passed(now) {
            self.subscribe = Deadline::at(now.saturating_add(config.lease));
            // From the end: what is for all, by which the node hears itself, comes last.
            self.subscriptions = vec![Destination::All, Destination::Node(node.clone())];
        }
    }

    pub(super) fn next_subscription(&mut self) -> Option<Action> {
        let to = self.subscriptions.pop()?;
        self.subscribed_again = true;
        Some(Action::Subscribe { to })
    }

    pub(super) const fn has_said_hello(&self) -> bool {
        self.serial > 0
    }

    /// Whether one of its hellos is to come back, or it is cut off.
    pub(super) fn awaits_hello(&self) -> bool {
        self.has_said_hello() && !self.is_cut_off()
    }

    pub(super) fn said_hello(&mut self, now: Timestamp) {
        if self.serial == 0 {
            self.back = now;
        }
        self.serial += 1;
        self.sent = now;
    }

    /// One of its hellos came back. Whether all other subscriptions are in doubt.
    pub(super) fn came_back(&mut self, serial: u64, now: Timestamp) -> bool {
        if serial <= self.distrusted || self.is_stopped() {
            return false;
        }
        self.back = now;
        self.state = State::Connected;
        self.subscribe = Deadline::NEVER;
        self.subscriptions.clear();
        core::mem::take(&mut self.subscribed_again)
    }

    pub(super) fn deadline(&self, config: &Config) -> Deadline {
        let silence = if self.awaits_hello() { self.back.saturating_add(config.lease) } else { Timestamp::MAX };
        self.next_hello.min(self.subscribe).min(Deadline::at(silence))
    }

    pub(super) fn take_send_away(&mut self) -> bool {
        core::mem::take(&mut self.send_away)
    }

    pub(super) fn owes(&self) -> bool {
        self.send_away
            || !self.subscriptions.is_empty()
            || self.told != self.is_cut_off()
            || self.state == State::Replaced { told: false }
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        if let State::Replaced { told: told @ false } = &mut self.state {
            *told = true;
            return Some(Event::Replaced);
        }
        let cut_off = self.is_cut_off();
        if core::mem::replace(&mut self.told, cut_off) == cut_off {
            return None;
        }
        Some(if cut_off { Event::CutOff } else { Event::Rejoined })
    }
}

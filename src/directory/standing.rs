//! How a node stands to the broker and to others of its name: its hellos, being cut off, its end.

use super::action::Event;
use super::config::Config;
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
            told: false,
            send_away: false,
        }
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

    pub(super) fn cut_off(&mut self, now: Timestamp, send_away: bool) {
        if self.state != State::CutOff {
            self.state = State::CutOff;
            self.send_away |= send_away;
        }
        self.distrust(now);
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

    pub(super) fn came_back(&mut self, serial: u64, now: Timestamp) {
        if serial > self.distrusted && !self.is_stopped() {
            self.back = now;
            self.state = State::Connected;
        }
    }

    pub(super) fn deadline(&self, config: &Config) -> Deadline {
        let silence = if self.awaits_hello() { self.back.saturating_add(config.lease) } else { Timestamp::MAX };
        self.next_hello.min(Deadline::at(silence))
    }

    pub(super) fn take_send_away(&mut self) -> bool {
        core::mem::take(&mut self.send_away)
    }

    pub(super) fn owes(&self) -> bool {
        self.send_away || self.told != self.is_cut_off() || self.state == State::Replaced { told: false }
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
        Some(if cut_off { Event::CutOff } else { Event::Reconnected })
    }
}

//! What decides a session's future, and nothing else.

use alloc::vec::Vec;
use core::time::Duration;

use crate::backoff::Jitter;
use crate::config::Config;
use crate::heartbeat::Heartbeat;
use crate::machine::{Life, Machine};
use crate::time::{Deadline, Instant, nanos};

/// A session's state without counters, payload, absolute times, names and causes: two sessions with equal
/// fingerprints under one config go the same way from now on.
///
/// For exploration and equality in tests; its content is not meant to be read, and differs between versions.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Fingerprint(Vec<u64>);

/// How far away a deadline is, or how far over; lateness is told apart up to `late` only.
fn distance(deadline: Deadline, now: Instant, late: Duration) -> [u64; 2] {
    let (at, now) = (deadline.instant().as_nanos(), now.as_nanos());
    if deadline.is_never() {
        return [u64::MAX, 0];
    }
    [at.saturating_sub(now), now.saturating_sub(at).min(nanos(late))]
}

impl<M> Machine<M> {
    pub(crate) fn fingerprint(&self, config: &Config) -> Fingerprint {
        let mut into = Vec::new();
        self.print_life(config, &mut into);
        let stop = self.stop.as_ref().map_or(Deadline::NEVER, |stop| stop.until);
        into.extend(distance(stop, self.now, Duration::ZERO));
        into.push(self.stop.as_ref().map_or(0, |stop| u64::from(stop.code.get())));
        into.extend(distance(Deadline::at(self.next_dial), self.now, Duration::ZERO));
        into.push(u64::from(self.retries.attempt()));
        into.push(nanos(self.retries.previous()));
        if config.backoff.jitter != Jitter::None {
            into.push(self.random.state());
        }
        let owed = &self.owed;
        into.extend([owed.close, owed.connect, owed.ping, owed.schedule].map(u64::from));
        into.extend([owed.abort.is_some(), owed.abort_stale.is_some()].map(u64::from));
        into.push(self.events.len() as u64);
        self.outbox.fingerprint(self.now, &mut into);
        Fingerprint(into)
    }

    fn print_life(&self, config: &Config, into: &mut Vec<u64>) {
        into.push(self.life.state() as u64);
        match &self.life {
            Life::Idle | Life::Closed => {}
            Life::Waiting { at, not_before } => {
                into.extend(distance(*at, self.now, Duration::ZERO));
                into.extend(distance(Deadline::at(*not_before), self.now, Duration::ZERO));
            }
            Life::Connecting { until } | Life::Greeting { until } => {
                into.extend(distance(*until, self.now, Duration::ZERO));
            }
            Life::Closing { until, code } => {
                into.extend(distance(*until, self.now, Duration::ZERO));
                into.push(u64::from(code.get()));
            }
            Life::Open { since, heartbeat } => {
                into.push(nanos(self.now.saturating_since(*since).min(config.stable_after)));
                heartbeat.fingerprint(&config.heartbeat, self.now, into);
            }
        }
    }
}

impl Heartbeat {
    fn fingerprint(&self, pulse: &crate::heartbeat::Pulse, now: Instant, into: &mut Vec<u64>) {
        let late = pulse.late_tolerance.saturating_add(Duration::from_nanos(1));
        for deadline in self.deadlines(pulse) {
            into.extend(distance(deadline, now, late));
        }
        into.extend(self.flags().map(u64::from));
    }
}

//! What decides a session's future, and nothing else.

use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use core::time::Duration;

use super::config::Config;
use super::machine::Machine;
use super::pending::SCHEDULE;
use super::phase::Phase;
use crate::backoff::Jitter;
use crate::time::{Deadline, nanos};

/// A session's state without counters, payload, absolute times and names: two sessions with equal fingerprints
/// under one config do the same from now on.
///
/// For exploration and equality in tests; its content is not meant to be read, and differs between versions.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Fingerprint(Vec<u64>);

/// Lateness beyond the tolerance: more of it makes no difference.
fn just_late(config: &Config) -> Duration {
    config.heartbeat.late_tolerance.saturating_add(Duration::from_nanos(1))
}

/// Takes whatever is hashed as it is.
struct Digest<'a>(&'a mut Vec<u64>);

impl Hasher for Digest<'_> {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend(bytes.iter().map(|byte| u64::from(*byte)));
    }

    fn finish(&self) -> u64 {
        self.0.len() as u64
    }
}

impl<M> Machine<M> {
    pub(crate) fn fingerprint(&self, config: &Config) -> Fingerprint {
        let (mut into, late) = (Vec::new(), just_late(config));
        self.print_phase(config, &mut into);
        let drain = self.drain.as_ref().map_or((Deadline::NEVER, 0), |drain| (drain.until, drain.code.get()));
        into.extend(drain.0.distance(self.now, late));
        into.push(u64::from(drain.1));
        into.extend(Deadline::at(self.dial_allowed).distance(self.now, Duration::ZERO));
        into.extend(self.retries.fingerprint());
        if config.backoff.jitter != Jitter::None {
            into.push(self.random.state());
        }
        let mut digest = Digest(&mut into);
        (self.last_loss, self.renew, self.network_lost).hash(&mut digest);
        self.pending.fingerprint(&mut digest);
        if self.pending.has(SCHEDULE) {
            self.cause.hash(&mut digest);
        }
        self.outbox.fingerprint(&config.outbox, self.now, late, &mut into);
        Fingerprint(into)
    }

    fn print_phase(&self, config: &Config, into: &mut Vec<u64>) {
        into.push(self.phase.state() as u64);
        into.extend(self.phase.deadline().distance(self.now, just_late(config)));
        match &self.phase {
            Phase::Idle | Phase::Closed => {}
            Phase::Waiting { dial, asked, .. } => (dial, asked).hash(&mut Digest(into)),
            Phase::Connecting { dial, .. } => dial.hash(&mut Digest(into)),
            Phase::Closing { code, .. } => into.push(u64::from(code.get())),
            Phase::Greeting { dictated, .. } => dictated.hash(&mut Digest(into)),
            Phase::Open { since, heartbeat, dictated } => {
                let watched_by = self.heartbeat_config(config);
                let good_for = heartbeat.good_until(watched_by, self.now).saturating_since(*since);
                // How long it would have been stable by a proof of life now, and without one.
                let would_be = self.now.saturating_since(*since);
                into.extend([good_for, would_be].map(|time| nanos(time.min(config.stable_after))));
                heartbeat.fingerprint(watched_by, self.now, config.min_dial_gap, into);
                dictated.hash(&mut Digest(into));
            }
        }
    }
}

//! What was measured, as numbers.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::tally::{Attack, Codes};
use crate::usage::Usage;

/// The longest latency that is told from a longer one.
const LONGEST: Duration = Duration::from_secs(600);

/// Durations, from 1 µs to 600 s, to three digits.
#[derive(Clone, PartialEq)]
pub struct Durations(Histogram<u64>);

impl fmt::Debug for Durations {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, p99, longest] = [0.5, 0.99, 1.0].map(|share| self.at(share));
        let mut durations = formatter.debug_struct("Durations");
        durations.field("count", &self.count()).field("median", &median).field("p99", &p99).field("longest", &longest);
        durations.finish()
    }
}

impl Default for Durations {
    fn default() -> Self {
        let longest = LONGEST.as_micros() as u64;
        Self(Histogram::new_with_bounds(1, longest, 3).expect("bounds and digits in hdrhistogram's range"))
    }
}

impl Durations {
    /// Adds one; a longer one than 600 s counts as that.
    pub fn record(&mut self, duration: Duration) {
        self.0.saturating_record(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    /// The duration that this share of them, from 0 to 1, does not exceed; zero if there are none.
    pub fn at(&self, share: f64) -> Duration {
        Duration::from_micros(self.0.value_at_quantile(share))
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.len()
    }
}

/// Users who log in while other things happen.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Newcomers {
    /// Logged in within the time that they had.
    pub admitted: u64,
    /// Denied with a status, refused, or closed.
    pub refused: u64,
    /// Nothing came in time.
    pub failed: u64,
    /// From the connection to the greeting, of those admitted.
    pub took: Durations,
}

/// What a server used in a phase.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ServerUsage {
    /// At the beginning.
    pub before: Usage,
    /// At the end.
    pub after: Usage,
    /// The most memory that was seen, looking every 50 ms, in bytes.
    pub peak_memory: u64,
    /// The most descriptors that were seen, looking as often.
    pub peak_descriptors: u64,
}

impl ServerUsage {
    /// CPU time in the phase.
    pub fn cpu(&self) -> Duration {
        self.after.cpu.saturating_sub(self.before.cpu)
    }
}

/// What the uninvolved users of a server saw in one phase, and what the server used.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Figures {
    /// How long it was, without the wait for the last messages.
    pub took: Duration,
    /// Messages that were sent.
    pub sent: u64,
    /// Those that came, until 5 s after the end.
    pub received: u64,
    /// Those that came back: offline, full or dropped.
    pub returned: u64,
    /// Those that were neither received nor returned.
    pub lost: u64,
    /// Those that could not be sent, because the sender's connection had ended or did not take more.
    pub unsent: u64,
    /// From sending to receiving.
    pub latency: Durations,
    /// By how much the generator itself was late, each millisecond: latencies of this size are its own.
    pub generator_lag: Durations,
    /// Connections that ended, by close code.
    pub closed: Codes,
    /// Who logged in meanwhile.
    pub newcomers: Newcomers,
    /// What the server used; all zero if it had ended.
    pub server: ServerUsage,
}

/// What came of a scenario.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Verdict {
    /// The scenario.
    pub name: String,
    /// Before the attack.
    pub before: Figures,
    /// While it went on.
    pub during: Figures,
    /// When it was over.
    pub after: Figures,
    /// What attackers did.
    pub attack: Attack,
}

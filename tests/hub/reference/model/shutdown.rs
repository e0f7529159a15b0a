//! The model going down.

use std::time::Duration;

use heartline::CloseCode;

use super::{Model, NEVER, Phase};

#[derive(Clone, Copy)]
pub(super) struct Shutdown {
    /// When the remaining connections are aborted.
    pub(super) until: u128,
    /// By when all are asked to close.
    pub(super) paced_until: u128,
    pub(super) spread: Duration,
}

impl Model {
    pub(super) fn shut_down(&mut self, within: Duration, pace: Duration, spread: Duration) {
        let first = self.shutdown.is_none();
        self.drained |= first && self.conns.is_empty();
        self.leaving.clear();
        let new =
            Shutdown { until: self.nanos() + within.as_nanos(), paced_until: self.nanos() + pace.as_nanos(), spread };
        let before = self.shutdown.unwrap_or(new);
        let until = new.until.min(before.until).min(NEVER);
        let paced_until = new.paced_until.min(before.paced_until).min(until);
        self.shutdown = Some(Shutdown { until, paced_until, spread: spread.min(before.spread) });
        if first || paced_until < before.paced_until {
            for (nth, turn) in self.turns() {
                self.conns[nth].turn = Some(self.conns[nth].turn.unwrap_or(turn).min(turn));
            }
        }
        for nth in 0..self.conns.len() {
            if self.conns[nth].phase == Phase::Anonymous {
                self.conns[nth].turn = Some(self.nanos());
            }
        }
        self.close_in_turn();
    }

    /// When each of those who are logged in would be closed, if the pace began now.
    pub(super) fn turns(&self) -> Vec<(usize, u128)> {
        let logged_in: Vec<_> =
            (0..self.conns.len()).filter(|nth| matches!(self.conns[*nth].phase, Phase::LoggedIn(_))).collect();
        let n = logged_in.len() as u128;
        let wide = self.shutdown.map_or(0, |shutdown| shutdown.paced_until.saturating_sub(self.nanos()));
        (0..).zip(logged_in).map(|(rank, nth)| (nth, self.nanos() + wide * rank / n)).collect()
    }

    pub(super) fn close_in_turn(&mut self) {
        let Some(shutdown) = self.shutdown else { return };
        for nth in 0..self.conns.len() {
            if self.conns[nth].turn.is_some_and(|turn| turn <= self.nanos()) {
                let rest = Duration::from_nanos(shutdown.paced_until.saturating_sub(self.nanos()) as u64);
                self.conns[nth].earliest = if self.config.others_serve { Duration::ZERO } else { rest };
                self.close(nth, CloseCode::SERVICE_RESTART, Some(shutdown.spread));
                // It has until the end of the shutdown.
                self.conns[nth].until = NEVER;
                self.arm(nth);
            }
        }
    }
}

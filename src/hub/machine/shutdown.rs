//! The end of the server.

use alloc::vec::Vec;
use core::time::Duration;

use super::*;

/// A shutdown that has begun.
#[derive(Clone, Debug)]
pub(super) struct Shutdown {
    /// When the remaining connections are aborted; never, once they have been.
    until: Deadline,
    /// By when every connection is asked to close.
    paced_until: Timestamp,
    /// After that, over how long the clients come back.
    spread: Duration,
    /// Who is to be closed and when, the next of them last.
    rest: Vec<(Timestamp, ConnId)>,
}

impl Shutdown {
    /// When a connection is to be closed, or what remains to be aborted.
    pub(super) fn deadline(&self) -> Deadline {
        self.rest.last().map_or(self.until, |(due, _)| self.until.min(Deadline::at(*due)))
    }
}

impl<K: Ord + Clone> Machine<K> {
    /// `within`, `pace` and `spread`.
    pub(super) fn shut_down(&mut self, config: &Config, [within, pace, spread]: [Duration; 3]) {
        let first = self.shutdown.is_none();
        let mut shutdown = self.shutdown.take().unwrap_or_else(|| Shutdown {
            until: Deadline::NEVER,
            paced_until: Timestamp::MAX,
            spread: Duration::MAX,
            rest: self.logged_in(),
        });
        let now = self.now;
        while self.pending.presence.leaving() > 0 {
            self.pending.presence.end_grace();
        }
        shutdown.until = shutdown.until.min(self.later(within));
        shutdown.spread = shutdown.spread.min(spread);
        let paced_until = now.saturating_add(pace).min(shutdown.until.instant());
        if first || paced_until < shutdown.paced_until {
            shutdown.paced_until = paced_until;
            self.pace(&mut shutdown, |due| due);
        }
        self.shutdown = Some(shutdown);
        while let Some(conn) = self.anonymous.first().copied() {
            self.send_away(config, conn);
        }
        self.close_in_turn(config);
        if first {
            self.check_drained();
        }
    }

    /// Everybody who is to be closed in turn, the first of them last.
    fn logged_in(&self) -> Vec<(Timestamp, ConnId)> {
        let mut conns: Vec<_> = self.online.values().map(|conn| (Timestamp::MAX, *conn)).collect();
        conns.sort_unstable_by(|one, other| other.cmp(one));
        conns
    }

    /// Closes those whose turn has come.
    pub(super) fn close_in_turn(&mut self, config: &Config) {
        while let Some((due, conn)) = self.shutdown.as_ref().and_then(|shutdown| shutdown.rest.last().copied()) {
            if due > self.now {
                return;
            }
            self.send_away(config, conn);
        }
    }

    /// Spreads those that remain anew, if the next is so late that the server was suspended.
    pub(super) fn pace_anew(&mut self, config: &Config) {
        let Some(mut shutdown) = self.shutdown.take() else { return };
        let late = shutdown.rest.last().map(|(due, _)| self.now.saturating_since(*due));
        if late > Some(config.heartbeat.late_tolerance) {
            self.pace(&mut shutdown, |_| Timestamp::MAX);
        }
        self.shutdown = Some(shutdown);
    }

    /// Spreads those that remain evenly from now to the end of the pace; none later than `latest` says of its turn so far.
    fn pace(&self, shutdown: &mut Shutdown, latest: impl Fn(Timestamp) -> Timestamp) {
        shutdown.rest.retain(|(_, conn)| self.is_live(*conn));
        let wide = nanos(shutdown.paced_until.saturating_since(self.now));
        let n = shutdown.rest.len() as u128;
        for (nth, (due, _)) in shutdown.rest.iter_mut().rev().enumerate() {
            let turn = Duration::from_nanos((u128::from(wide) * nth as u128 / n) as u64);
            *due = self.now.saturating_add(turn).min(latest(*due));
        }
    }

    /// Closes a connection because of the shutdown, which gives it all the time that there is.
    fn send_away(&mut self, config: &Config, conn: ConnId) {
        let Some(shutdown) = &self.shutdown else { return };
        let wait = Duration::from_nanos(between(0, nanos(shutdown.spread), self.random.next()));
        let rest = if config.others_serve { Duration::ZERO } else { shutdown.paced_until.saturating_since(self.now) };
        let retry_after = Some(rest.saturating_add(wait));
        let code = CloseCode::SERVICE_RESTART;
        if let Some(found) = self.conns.get_mut(conn) {
            found.close(Deadline::NEVER, code, retry_after);
        }
        self.end(config, conn, Phase::Closing, Cause::Closed(code), Owed::CLOSE);
    }

    pub(super) fn abort_the_rest(&mut self, config: &Config) {
        let Some(shutdown) = self.shutdown.as_mut().filter(|shutdown| shutdown.until.passed(self.now)) else { return };
        shutdown.until = Deadline::NEVER;
        shutdown.rest = Vec::new();
        self.conns.ids().into_iter().for_each(|conn| self.abort(config, conn));
    }

    /// So that the deadline is not that of a connection which has ended by itself.
    pub(super) fn skip_ended(&mut self) {
        let Some(mut shutdown) = self.shutdown.take() else { return };
        while shutdown.rest.last().is_some_and(|(_, conn)| !self.is_live(*conn)) {
            shutdown.rest.pop();
        }
        if shutdown.rest.is_empty() {
            shutdown.rest = Vec::new();
        }
        self.shutdown = Some(shutdown);
    }

    fn is_live(&self, conn: ConnId) -> bool {
        self.conns.get(conn).is_some_and(|found| found.phase.is_live())
    }

    pub(super) fn check_drained(&mut self) {
        if self.shutdown.is_some() && self.conns.len() == 0 {
            self.pending.drained = true;
        }
    }
}

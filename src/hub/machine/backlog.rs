//! What waits to be written: who is slow, and what the hub does when it is too much for all.

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::*;

impl<K: Ord + Clone> Machine<K> {
    pub(super) fn queued(&mut self, config: &Config, conn: ConnId, bytes: u32) {
        let watches = self.watches(config);
        let Some(found) = self.conns.get_mut(conn) else { return self.count_ineffective(conn) };
        let more = found.queued(bytes);
        let (unwritten, live, slow) = (found.unwritten, found.phase.is_live(), found.slow);
        if self.backlog.grow(more) {
            self.backlog.until = self.later(config.slow_timeout);
        }
        if live && unwritten > u64::from(config.budget) + u64::from(config.reserve) {
            count(&mut self.stats.closed_slow);
            self.close(config, conn, CloseCode::TRY_AGAIN_LATER, None);
        } else if live && !slow && unwritten > u64::from(config.volatile_above) {
            self.slows_down(config, conn);
        }
        if !watches && self.watches(config) {
            self.watch(config);
        }
    }

    pub(super) fn written(&mut self, config: &Config, conn: ConnId, bytes: u32) {
        let Some(found) = self.conns.get_mut(conn) else { return self.count_ineffective(conn) };
        let fewer = found.written(bytes);
        let recovers = found.slow && found.unwritten <= u64::from(config.volatile_above);
        self.shrink(fewer);
        if recovers {
            self.recover(conn);
            self.tell(conn);
        }
    }

    /// The timer is called no later than `slow_timeout` from now. When the connection recovers, that is not taken back: one that
    /// becomes slow often is armed once in `slow_timeout`.
    fn slows_down(&mut self, config: &Config, conn: ConnId) {
        let until = self.later(config.slow_timeout);
        let Some(found) = self.conns.get_mut(conn) else { return };
        (found.slow, found.slow_until) = (true, until);
        let sooner = until < found.wake;
        self.backlog.slower();
        if sooner {
            self.arm(conn);
        }
    }

    /// The connection is not slow, or no longer of interest.
    pub(super) fn recover(&mut self, conn: ConnId) {
        if self.conns.get_mut(conn).is_some_and(Connection::recover) {
            self.backlog.faster();
        }
    }

    /// Fewer bytes wait to be written.
    pub(super) fn shrink(&mut self, bytes: u64) {
        self.backlog.shrink(bytes).into_iter().for_each(|conn| self.tell(conn));
    }

    /// A broadcast that is not volatile left this connection out.
    pub(super) fn miss(&mut self, conn: ConnId) {
        self.backlog.miss(conn);
        self.tell(conn);
    }

    /// Sees to it that a connection is told of what it missed, if anything, and if neither it nor the hub has too much waiting.
    fn tell(&mut self, conn: ConnId) {
        if self.conns.get(conn).is_some_and(|found| !found.slow) && self.backlog.tells(conn) {
            self.owe(conn, Owed::MISSED);
        }
    }

    /// Too much has been waiting for too long: closes those to which most waits.
    pub(super) fn shed(&mut self, config: &Config) {
        let live = self.conns.iter().filter(|(_, found)| found.phase.is_live());
        let mut live: Vec<_> = live.map(|(conn, found)| (Reverse(found.unwritten), conn)).collect();
        live.sort_unstable();
        let mut left: u64 = live.iter().map(|(unwritten, _)| unwritten.0).sum();
        for (Reverse(unwritten), conn) in live {
            if self.backlog.fits(left) {
                break;
            }
            left = left.saturating_sub(unwritten);
            count(&mut self.stats.closed_overloaded);
            self.close(config, conn, CloseCode::TRY_AGAIN_LATER, None);
        }
        self.backlog.until = self.later(config.slow_timeout);
    }
}

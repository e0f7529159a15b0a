//! What time does, and its passing unnoticed.

use core::time::Duration;

use super::*;

impl<K: Ord + Clone> Machine<K> {
    /// The earliest moment at which something is due, or at which a timer has to prove that the server is not suspended.
    pub(super) fn armed(&self, config: &Config) -> Deadline {
        let mut armed = self.wakes.first().map_or(Deadline::NEVER, Deadline::at);
        if let Some(shutdown) = self.shutdown.as_ref().filter(|_| self.conns.len() > 0) {
            armed = armed.min(shutdown.deadline());
        }
        armed = armed.min(self.pending.presence.deadline()).min(self.backlog.until);
        if self.watches(config) {
            armed = armed.min(Deadline::at(self.watched_at.saturating_add(config.heartbeat.late_tolerance / 2)));
        }
        armed
    }

    /// Immediately, while anything is owed.
    pub(in crate::hub) fn deadline(&self, config: &Config) -> Option<Timestamp> {
        if self.pending.any() { Some(self.now) } else { self.armed(config).get() }
    }

    pub(super) fn timer(&mut self, config: &Config) {
        self.watch(config);
        self.sweep_sources(config);
        self.abort_the_rest(config);
        self.pace_anew(config);
        self.close_in_turn(config);
        while self.pending.presence.deadline().passed(self.now) {
            self.pending.presence.end_grace();
        }
        while self.wakes.first().is_some_and(|at| Deadline::at(at).passed(self.now)) {
            let Some(conn) = self.wakes.pop_first() else { return };
            if let Some(found) = self.conns.get_mut(conn) {
                found.wake = Deadline::NEVER;
            }
            self.wake(config, conn);
            self.arm(conn);
        }
        if self.backlog.until.passed(self.now) {
            self.shed(config);
        }
    }

    /// Whether something is waited for that a client would have to do.
    pub(super) fn watches(&self, config: &Config) -> bool {
        let pings = !matches!(config.heartbeat.mode, HeartbeatMode::Off);
        let leaving = self.pending.presence.leaving() > 0;
        !self.anonymous.is_empty() || self.backlog.waits() || leaving || (pings && !self.online.is_empty())
    }

    /// The server was suspended, and nothing that the clients did meanwhile was seen: whatever is waited for from them starts
    /// anew. The pings that follow are spread over an interval.
    fn resume(&mut self, config: &Config) {
        count(&mut self.stats.suspensions);
        self.pending.presence.restart_graces(self.later(config.offline_grace));
        let (now, until, slow_until) = (self.now, self.later(config.login_timeout), self.later(config.slow_timeout));
        if self.backlog.is_over() {
            self.backlog.until = slow_until;
        }
        let interval = config.heartbeat.mode.interval().map_or(0, nanos);
        let live = (self.anonymous.len() + self.online.len()) as u128;
        let mut nth = 0;
        for conn in self.conns.ids() {
            let Some(found) = self.conns.get_mut(conn).filter(|found| found.phase.is_live()) else { continue };
            let turn = Duration::from_nanos((u128::from(interval) * nth / live) as u64);
            found.heartbeat.suspended(&config.heartbeat, now, turn);
            if found.phase == Phase::Anonymous {
                found.until = until;
            }
            if found.slow {
                found.slow_until = slow_until;
            }
            nth += 1;
            self.arm(conn);
        }
    }

    /// Checks what may be due for one connection, which was taken out of `wakes`.
    fn wake(&mut self, config: &Config, conn: ConnId) {
        let now = self.now;
        let Some(found) = self.conns.get_mut(conn) else { return };
        let over = found.until.passed(now);
        match found.phase {
            Phase::Closing if over => self.abort(config, conn),
            Phase::Anonymous if over => {
                count(&mut self.stats.closed_anonymous);
                self.close(config, conn, CloseCode::LOGIN_TIMEOUT, None);
            }
            Phase::LoggedIn | Phase::Expiring if over => {
                count(&mut self.stats.closed_expired);
                self.close(config, conn, CloseCode::UNAUTHORIZED, None);
            }
            Phase::Anonymous | Phase::LoggedIn | Phase::Expiring if found.slow_until.passed(now) => {
                count(&mut self.stats.closed_slow);
                self.close(config, conn, CloseCode::TRY_AGAIN_LATER, None);
            }
            Phase::Anonymous | Phase::LoggedIn | Phase::Expiring => {
                self.announce_expiry(conn);
                let Some(found) = self.conns.get_mut(conn) else { return };
                let paused = found.paused(&self.prices);
                if paused > now {
                    return found.heartbeat.unread(&config.heartbeat, paused);
                }
                // A timer is never late: see `resume`.
                let event = found.heartbeat.timer(&config.heartbeat, now, Duration::ZERO);
                self.heartbeat(config, conn, event);
            }
            Phase::Closing | Phase::Aborting => {}
        }
    }

    fn heartbeat(&mut self, config: &Config, conn: ConnId, event: Option<HeartbeatEvent>) {
        match event {
            None | Some(HeartbeatEvent::Degraded | HeartbeatEvent::Slept { .. }) => {}
            Some(HeartbeatEvent::Ping) => self.ping(conn),
            Some(HeartbeatEvent::Dead) => {
                count(&mut self.stats.closed_silent);
                self.close(config, conn, CloseCode::TIMEOUT, None);
            }
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn overslept(&mut self, config: &Config) {
        if self.watches(config) {
            self.resume(config);
        }
        self.watch(config);
    }

    /// From now on the server is taken to be awake, until its tolerance has passed without a timer.
    pub(super) fn watch(&mut self, config: &Config) {
        self.watched_at = self.now;
        self.awake_until = self.now.saturating_add(config.heartbeat.late_tolerance);
    }
}

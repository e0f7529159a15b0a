//! What is due, and for whom.

use alloc::vec::Vec;

use super::machine::{Machine, Standing};
use super::settings::Config;
use crate::heartbeat::Beat;
use crate::input::ConnId;
use crate::loss::CloseCode;
use crate::stats::count;
use crate::time::Deadline;

impl<K: Ord + Clone> Machine<K> {
    pub(super) fn timer(&mut self, config: &Config) {
        if self.shutdown.is_some_and(|until| until.passed(self.now)) {
            self.shutdown = Some(Deadline::NEVER);
            let ids: Vec<_> = self.conns.ids().collect();
            ids.into_iter().for_each(|conn| self.abort(conn));
        }
        while let Some((at, conn)) = self.wakes.first().copied() {
            if !Deadline::at(at).passed(self.now) {
                break;
            }
            self.wakes.remove(&(at, conn));
            self.wake(config, conn);
            self.rearm(conn);
        }
    }

    fn wake(&mut self, config: &Config, conn: ConnId) {
        let now = self.now;
        let Some(found) = self.conns.get_mut(conn) else { return };
        match &found.standing {
            Standing::Gone => {}
            Standing::Closing { until, .. } => {
                if until.passed(now) {
                    self.abort(conn);
                }
            }
            Standing::Anonymous { login_by } if login_by.passed(now) => {
                count(&mut self.stats.closed_anonymous);
                self.close(config, conn, CloseCode::LOGIN_TIMEOUT, None);
            }
            Standing::Anonymous { .. } | Standing::User(_) => {
                let beat = found.heartbeat.timer(&config.heartbeat, now);
                self.beat(config, conn, beat);
            }
        }
    }

    fn beat(&mut self, config: &Config, conn: ConnId, beat: Beat) {
        match beat {
            Beat::Quiet | Beat::Degraded => {}
            Beat::Ping => self.ping(conn),
            Beat::Slept { ping, .. } => {
                count(&mut self.stats.slept);
                if ping {
                    self.ping(conn);
                }
            }
            Beat::Dead => {
                count(&mut self.stats.closed_silent);
                self.close(config, conn, CloseCode::TIMEOUT, None);
            }
        }
    }
}

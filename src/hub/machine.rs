//! What a hub knows, who enters it, and the few transitions that `inputs` and `timer` lead to.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use super::actions::Owed;
use super::admission::{Admitted, Denial, Denied, Request};
use super::settings::Config;
use super::slots::Slots;
use super::talk::{Action, Stats};
use crate::heartbeat::Heartbeat;
use crate::input::ConnId;
use crate::loss::CloseCode;
use crate::random::Random;
use crate::stats::count;
use crate::time::{Deadline, Instant};

/// How a connection stands.
#[derive(Clone, Debug)]
pub(super) enum Standing<K> {
    Anonymous {
        login_by: Deadline,
    },
    User(K),
    /// A close was decided; nothing it says counts any more.
    Closing {
        until: Deadline,
        code: CloseCode,
        retry_after: Option<Duration>,
    },
    /// Its `Abort` is owed, and then it is gone.
    Gone,
}

impl<K> Standing<K> {
    /// What the connection says counts.
    pub(super) fn is_live(&self) -> bool {
        matches!(self, Self::Anonymous { .. } | Self::User(_))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Conn<K> {
    pub(super) standing: Standing<K>,
    pub(super) heartbeat: Heartbeat,
    /// Bytes queued and not written.
    pub(super) pending: u64,
    /// No reply to a fault before this.
    pub(super) next_reply: Deadline,
    /// Where in `wakes` it stands.
    wake: Deadline,
    pub(super) owed: Owed,
}

/// A hub without its config.
#[derive(Clone, Debug)]
pub(super) struct Machine<K> {
    pub(super) now: Instant,
    pub(super) conns: Slots<Conn<K>>,
    /// Who is online, on which connection.
    pub(super) online: BTreeMap<K, ConnId>,
    /// Who is not logged in and not being closed.
    pub(super) anonymous: BTreeSet<ConnId>,
    /// Who was last told to be online.
    pub(super) told: BTreeSet<K>,
    /// Who is online and was not told to be.
    pub(super) came: BTreeSet<K>,
    /// Who was told to be online and is not.
    pub(super) left: BTreeSet<K>,
    /// When which connection wants the timer: never later than it needs to.
    pub(super) wakes: BTreeSet<(Instant, ConnId)>,
    /// Connections with something owed.
    pub(super) attention: BTreeSet<ConnId>,
    pub(super) shutdown: Option<Deadline>,
    pub(super) drained: bool,
    pub(super) random: Random,
    pub(super) stats: Stats,
}

/// The answers of one step: at most a message and a word to whoever caused the step.
pub(super) type Answers<K, M> = [Option<Action<K, M>>; 2];

impl<K: Ord + Clone> Machine<K> {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            now: Instant::ORIGIN,
            conns: Slots::new(),
            online: BTreeMap::new(),
            anonymous: BTreeSet::new(),
            told: BTreeSet::new(),
            came: BTreeSet::new(),
            left: BTreeSet::new(),
            wakes: BTreeSet::new(),
            attention: BTreeSet::new(),
            shutdown: None,
            drained: false,
            random: Random::new(seed),
            stats: Stats::default(),
        }
    }

    // ---- admission -------------------------------------------------------------------------

    pub(super) fn admit<'c>(
        &mut self,
        config: &'c Config,
        now: Instant,
        request: &Request<'_>,
    ) -> Result<Admitted<'c>, Denied> {
        self.now = self.now.max(now);
        let admitted = self.judge(config, request).and_then(|protocol| {
            let conn = self.enter(config).ok_or(Denial::Full)?;
            Ok(Admitted { conn, protocol })
        });
        count(if admitted.is_ok() { &mut self.stats.admitted } else { &mut self.stats.denied });
        admitted.map_err(|reason| {
            let passing = matches!(reason, Denial::Full | Denial::Anonymous | Denial::ShuttingDown);
            Denied { reason, retry_after: passing.then_some(config.login_timeout) }
        })
    }

    fn judge<'c>(&self, config: &'c Config, request: &Request<'_>) -> Result<Option<&'c str>, Denial> {
        if self.shutdown.is_some() {
            return Err(Denial::ShuttingDown);
        }
        let protocol = config.admission.judge(request)?;
        if self.conns.len() >= config.max_connections as usize {
            return Err(Denial::Full);
        }
        if self.anonymous.len() >= config.max_anonymous as usize {
            return Err(Denial::Anonymous);
        }
        Ok(protocol)
    }

    fn enter(&mut self, config: &Config) -> Option<ConnId> {
        let (heartbeat, ping) = Heartbeat::start(&config.heartbeat, self.now);
        let conn = self.conns.insert(Conn {
            standing: Standing::Anonymous { login_by: self.later(config.login_timeout) },
            heartbeat,
            pending: 0,
            next_reply: Deadline::at(Instant::ORIGIN),
            wake: Deadline::NEVER,
            owed: Owed::default(),
        })?;
        self.anonymous.insert(conn);
        if ping {
            self.ping(conn);
        }
        self.rearm(conn);
        Some(conn)
    }

    // ---- transitions -----------------------------------------------------------------------

    /// Decides that a connection is over. From here on nothing is routed to it and nothing it says counts.
    pub(super) fn close(&mut self, config: &Config, conn: ConnId, code: CloseCode, retry_after: Option<Duration>) {
        self.leave(conn);
        let until = self.later(config.close_timeout);
        if let Some(found) = self.conns.get_mut(conn) {
            found.standing = Standing::Closing { until, code, retry_after };
        }
        self.owe(conn, |owed| *owed = Owed { close: true, ..Owed::default() });
        self.rearm(conn);
    }

    pub(super) fn abort(&mut self, conn: ConnId) {
        self.leave(conn);
        if let Some(found) = self.conns.get_mut(conn) {
            found.standing = Standing::Gone;
        }
        self.owe(conn, |owed| *owed = Owed { abort: true, ..Owed::default() });
        self.rearm(conn);
    }

    /// Takes a connection out of the registry, if it still is the user's.
    pub(super) fn leave(&mut self, conn: ConnId) {
        self.anonymous.remove(&conn);
        let Some(Standing::User(name)) = self.conns.get(conn).map(|found| found.standing.clone()) else { return };
        if self.online.get(&name) == Some(&conn) {
            self.online.remove(&name);
            self.note_change(&name);
        }
    }

    pub(super) fn note_change(&mut self, user: &K) {
        self.came.remove(user);
        self.left.remove(user);
        match (self.online.contains_key(user), self.told.contains(user)) {
            (true, false) => drop(self.came.insert(user.clone())),
            (false, true) => drop(self.left.insert(user.clone())),
            _ => {}
        }
    }

    /// The connection is gone.
    pub(super) fn forget(&mut self, conn: ConnId) {
        if let Some(found) = self.conns.remove(conn) {
            self.wakes.remove(&(found.wake.instant(), conn));
            self.attention.remove(&conn);
        }
        self.check_drained();
    }

    pub(super) fn check_drained(&mut self) {
        if self.shutdown.is_some() && self.conns.len() == 0 {
            self.drained = true;
        }
    }

    /// Puts a connection where its next deadline is.
    pub(super) fn rearm(&mut self, conn: ConnId) {
        let Some(found) = self.conns.get_mut(conn) else { return };
        let beat = found.heartbeat.deadline().map_or(Deadline::NEVER, Deadline::at);
        let wake = match &found.standing {
            Standing::Anonymous { login_by } => beat.min(*login_by),
            Standing::User(_) => beat,
            Standing::Closing { until, .. } => *until,
            Standing::Gone => Deadline::NEVER,
        };
        let before = core::mem::replace(&mut found.wake, wake);
        self.wakes.remove(&(before.instant(), conn));
        if !wake.is_never() {
            self.wakes.insert((wake.instant(), conn));
        }
    }

    // ---- small change ----------------------------------------------------------------------

    pub(super) fn later(&self, by: Duration) -> Deadline {
        Deadline::at(self.now.saturating_add(by))
    }

    pub(super) fn ping(&mut self, conn: ConnId) {
        count(&mut self.stats.pings);
        self.owe(conn, |owed| owed.ping = true);
    }

    pub(super) fn owe(&mut self, conn: ConnId, what: impl FnOnce(&mut Owed)) {
        let Some(found) = self.conns.get_mut(conn) else { return };
        what(&mut found.owed);
        self.attention.insert(conn);
    }

    pub(super) fn anonymous(&self) -> usize {
        self.anonymous.len()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.owes() {
            return Some(self.now);
        }
        let wake = self.wakes.first().map(|(at, _)| *at);
        let shutdown = self.shutdown.and_then(Deadline::get).filter(|_| self.conns.len() > 0);
        [wake, shutdown].into_iter().flatten().min()
    }
}

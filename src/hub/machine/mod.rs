//! Everything that moves a hub: here the inputs, the few transitions that they lead to, and what the server pulls; beside
//! it admission, logins, deliveries, what waits to be written, rooms, the timer and the shutdown.

mod admission;
mod backlog;
mod delivery;
mod login;
mod rooms;
mod shutdown;
mod timer;

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use crate::close_code::CloseCode;
use crate::conn::ConnId;
use crate::count::{add, count};
use crate::heartbeat::{Heartbeat, HeartbeatEvent, HeartbeatMode};
use crate::hub::action::{Action, Cause, Event, JoinRefusal, LoginRefusal, Outcome, Route, Undelivered};
use crate::hub::admission::{Admitted, Denial, Denied, Request};
use crate::hub::backlog::Backlog;
use crate::hub::config::{Config, SecondLogin};
use crate::hub::connection::{Connection, Phase};
use crate::hub::input::Input;
use crate::hub::limit::{Bucket, Price};
use crate::hub::membership::Membership;
use crate::hub::pending::{Owed, Pending};
use crate::hub::rooms::Room;
use crate::hub::slots::Slots;
use crate::hub::sources::{SourceId, Sources};
use crate::hub::stats::Stats;
use crate::hub::wakes::Wakes;
use crate::random::{Random, between};
use crate::time::{Deadline, Timestamp, nanos};
use delivery::Mail;
use shutdown::Shutdown;

/// A hub without its config.
#[derive(Clone, Debug)]
pub(in crate::hub) struct Machine<K> {
    now: Timestamp,
    /// The latest timer, or the admission since which somebody is watched.
    watched_at: Timestamp,
    /// A call after this finds that the server was suspended.
    awake_until: Timestamp,
    /// Of a message and of a byte.
    prices: [Price; 2],
    /// How long before its end a login is announced to expire.
    expiry_notice: Duration,
    pub(in crate::hub) conns: Slots<Connection<K>>,
    /// Who is online, on which connection.
    pub(in crate::hub) online: BTreeMap<K, ConnId>,
    /// Connections that are neither logged in nor being closed.
    anonymous: BTreeSet<ConnId>,
    pub(in crate::hub) sources: Sources,
    /// How often the user of a connection may still be superseded; full where there is none.
    supersedes: BTreeMap<ConnId, Bucket>,
    /// When which connection wants the timer: never later than its deadline.
    wakes: Wakes,
    pub(in crate::hub) rooms: Membership,
    shutdown: Option<Shutdown>,
    pending: Pending<K>,
    pub(in crate::hub) backlog: Backlog,
    random: Random,
    pub(in crate::hub) stats: Stats,
}

/// The answers of one step, which are not stored: a message to pass on, and a reply to the connection that caused it.
pub(in crate::hub) type Answers<K, M> = [Option<Action<K, M>>; 2];

impl<K: Ord + Clone> Machine<K> {
    pub(in crate::hub) fn new(config: &Config, seed: u64) -> Self {
        Self {
            now: Timestamp::ORIGIN,
            watched_at: Timestamp::ORIGIN,
            awake_until: Timestamp::ORIGIN,
            prices: [&config.messages, &config.bytes].map(|limit| Price::new(limit.as_ref())),
            expiry_notice: config.expiry_notice,
            conns: Slots::new(),
            online: BTreeMap::new(),
            anonymous: BTreeSet::new(),
            sources: Sources::new(),
            supersedes: BTreeMap::new(),
            wakes: Wakes::new(),
            rooms: Membership::new(),
            shutdown: None,
            pending: Pending::new(),
            backlog: Backlog::new(config.total_budget),
            random: Random::new(seed),
            stats: Stats::default(),
        }
    }

    // ---- inputs ----------------------------------------------------------------------------

    pub(in crate::hub) fn handle<M>(&mut self, config: &Config, now: Timestamp, input: Input<K, M>) -> Answers<K, M> {
        self.advance(config, now);
        match input {
            Input::Alive { conn, bytes } => _ = self.charge(config, conn, bytes),
            Input::Ping { conn } => {
                if self.alive(conn).is_some() {
                    self.owe(conn, Owed::PONG);
                }
            }
            Input::Login { conn, user, until } => return [None, self.login(config, conn, user, until)],
            Input::Relay { conn, to, message, bytes, volatile, tag } => {
                return self.relay(config, conn, to, Mail { message, bytes, volatile, tag });
            }
            Input::Broadcast { from, room, except, message, bytes, volatile, tag } => {
                return self.broadcast(config, from, room, except, Mail { message, bytes, volatile, tag });
            }
            Input::Join { conn, room } => return [None, self.join(config, conn, room)],
            Input::Leave { conn, room } => self.leave(conn, &room),
            Input::UnknownMessage { conn } => {
                let reply = self.alive(conn).is_some() && self.may_reply(config, conn);
                return [None, reply.then_some(Action::UnknownMessage { conn })];
            }
            Input::Queued { conn, bytes } => self.queued(config, conn, bytes),
            Input::Written { conn, bytes } => self.written(config, conn, bytes),
            Input::Close { conn, code } => {
                if self.live(conn).is_some() {
                    self.close(config, conn, code, None);
                }
            }
            Input::Closed { conn } => self.closed(config, conn),
            Input::Timer => self.timer(config),
            Input::Shutdown { within, pace, spread } => self.shut_down(config, [within, pace, spread]),
        }
        [None, None]
    }

    /// Time never runs backwards; but it may have passed while the server was suspended.
    #[inline(always)]
    fn advance(&mut self, config: &Config, now: Timestamp) {
        if self.is_late(now) {
            self.overslept(config);
        }
    }

    /// Moves the time. Whether the server was suspended.
    #[inline(always)]
    fn is_late(&mut self, now: Timestamp) -> bool {
        self.now = self.now.max(now);
        self.now > self.awake_until
    }

    /// The connection, if its inputs count; otherwise this one is counted as stale or ignored.
    fn live(&mut self, conn: ConnId) -> Option<&mut Connection<K>> {
        if !self.conns.get(conn).is_some_and(|found| found.phase.is_live()) {
            self.count_ineffective(conn);
            return None;
        }
        self.conns.get_mut(conn)
    }

    /// Counts an input that changed nothing, because its connection is closing, gone or unknown.
    #[cold]
    #[inline(never)]
    fn count_ineffective(&mut self, conn: ConnId) {
        count(if self.conns.minted(conn) { &mut self.stats.stale } else { &mut self.stats.ignored });
    }

    /// A frame arrived, which is a proof of life: the connection, if its inputs count.
    fn alive(&mut self, conn: ConnId) -> Option<&mut Connection<K>> {
        let now = self.now;
        let found = self.live(conn)?;
        found.alive(now);
        Some(found)
    }

    fn closed(&mut self, config: &Config, conn: ConnId) {
        if self.conns.get(conn).is_none() {
            return self.count_ineffective(conn);
        }
        self.leave_rooms(conn);
        self.unregister(config, conn, Cause::Ended);
        self.remove(conn);
    }

    // ---- transitions -----------------------------------------------------------------------

    /// Decides that a connection is over. From here on nothing is routed to it and its inputs do not count.
    fn close(&mut self, config: &Config, conn: ConnId, code: CloseCode, retry_after: Option<Duration>) {
        let until = self.later(config.close_timeout);
        if let Some(found) = self.conns.get_mut(conn) {
            found.close(until, code, retry_after);
        }
        self.end(config, conn, Phase::Closing, Cause::Closed(code), Owed::CLOSE);
    }

    fn abort(&mut self, config: &Config, conn: ConnId) {
        self.end(config, conn, Phase::Aborting, Cause::Aborted, Owed::ABORT);
    }

    /// What was owed to a connection is withdrawn when it ends; only its end is owed.
    fn end(&mut self, config: &Config, conn: ConnId, phase: Phase, cause: Cause, end: Owed) {
        self.leave_rooms(conn);
        self.unregister(config, conn, cause);
        if let Some(found) = self.conns.get_mut(conn) {
            found.phase = phase;
            found.owed = Owed::default();
        }
        self.recover(conn);
        self.backlog.forget(conn);
        self.skip_ended();
        self.owe(conn, end);
        self.arm(conn);
    }

    /// The connection is gone.
    fn remove(&mut self, conn: ConnId) {
        self.recover(conn);
        if let Some(found) = self.conns.remove(conn) {
            self.tidy_wakes();
            self.pending.conns.remove(&conn);
            self.leave_source(found.source);
            self.backlog.forget(conn);
            self.shrink(found.unwritten);
        }
        self.skip_ended();
        self.check_drained();
    }

    /// Keeps a connection under the deadline that it has now.
    fn arm(&mut self, conn: ConnId) {
        let Some(found) = self.conns.get_mut(conn) else { return };
        let wake = found.deadline(self.expiry_notice);
        if core::mem::replace(&mut found.wake, wake) != wake && !wake.is_never() {
            self.wakes.insert(wake.instant(), conn);
        }
        self.tidy_wakes();
    }

    fn tidy_wakes(&mut self) {
        let holds = |at, conn| self.conns.get(conn).is_some_and(|found| found.wake.instant() == at);
        self.wakes.tidy(self.conns.len(), holds);
    }

    fn ping(&mut self, conn: ConnId) {
        count(&mut self.stats.pings);
        self.owe(conn, Owed::PING);
    }

    fn owe(&mut self, conn: ConnId, action: Owed) {
        let Some(found) = self.conns.get_mut(conn) else { return };
        found.owed.insert(action);
        self.pending.conns.insert(conn);
    }

    fn withdraw(&mut self, conn: ConnId, action: Owed) {
        let Some(found) = self.conns.get_mut(conn) else { return };
        if found.owed.take(action) && !found.owed.any() {
            self.pending.conns.remove(&conn);
        }
    }

    // ---- what the server pulls -------------------------------------------------------------

    /// The next action that was not pulled: first for connections in the order of their names, then events.
    pub(in crate::hub) fn next_action<M>(&mut self) -> Option<Action<K, M>> {
        let Some(conn) = self.pending.conns.first().copied() else { return self.next_event() };
        let found = self.conns.get_mut(conn)?;
        let action = found.next_action(conn, self.now, &mut self.backlog);
        if matches!(action, Some(Action::Abort { .. })) {
            self.remove(conn);
        } else if !found.owed.any() {
            self.pending.conns.remove(&conn);
        }
        action
    }

    fn next_event<M>(&mut self) -> Option<Action<K, M>> {
        let event = self.pending.presence.pop(&self.online);
        let event = event.or_else(|| self.pending.contested.pop_first().map(Event::Contested));
        event.or_else(|| core::mem::take(&mut self.pending.drained).then_some(Event::Drained)).map(Action::Event)
    }

    // ---- helpers ---------------------------------------------------------------------------

    pub(in crate::hub) fn present(&self) -> impl ExactSizeIterator<Item = &K> {
        self.pending.presence.reported(&self.online)
    }

    pub(in crate::hub) fn anonymous(&self) -> usize {
        self.anonymous.len()
    }

    fn later(&self, by: Duration) -> Deadline {
        Deadline::at(self.now.saturating_add(by))
    }
}

//! Everything that moves a hub, from top to bottom: admission, the inputs, the timer, then the few transitions they
//! lead to, and what the server pulls.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use super::action::{Action, Event, LoginRefusal, Outcome, Route};
use super::admission::{Admitted, Denial, Denied, Request};
use super::config::{Config, SecondLogin};
use super::connection::{Connection, Phase};
use super::input::Input;
use super::limit::Price;
use super::pending::{Owed, Pending};
use super::slots::Slots;
use super::stats::Stats;
use crate::close_code::CloseCode;
use crate::conn::ConnId;
use crate::count::{add, count};
use crate::heartbeat::{Heartbeat, HeartbeatEvent, HeartbeatMode};
use crate::random::{Random, between};
use crate::time::{Deadline, Timestamp, nanos};

/// A hub without its config.
#[derive(Clone, Debug)]
pub(super) struct Machine<K> {
    now: Timestamp,
    /// The latest timer, or the admission since which somebody is watched.
    watched_at: Timestamp,
    /// A call after this finds that the server was suspended.
    awake_until: Timestamp,
    /// Of a message and of a byte.
    prices: [Price; 2],
    pub(super) conns: Slots<Connection<K>>,
    /// Who is online, on which connection.
    pub(super) online: BTreeMap<K, ConnId>,
    /// Connections that are neither logged in nor being closed.
    anonymous: BTreeSet<ConnId>,
    /// When which connection wants the timer: never later than its deadline.
    wakes: BTreeSet<(Timestamp, ConnId)>,
    /// When the remaining connections are aborted; never, once they have been.
    shutdown: Option<Deadline>,
    pending: Pending<K>,
    random: Random,
    pub(super) stats: Stats,
}

/// The answers of one step, which are not stored: a message to pass on, and a reply to the connection that caused it.
pub(super) type Answers<K, M> = [Option<Action<K, M>>; 2];

impl<K: Ord + Clone> Machine<K> {
    pub(super) fn new(config: &Config, seed: u64) -> Self {
        Self {
            now: Timestamp::ORIGIN,
            watched_at: Timestamp::ORIGIN,
            awake_until: Timestamp::ORIGIN,
            prices: [&config.messages, &config.bytes].map(|limit| Price::new(limit.as_ref())),
            conns: Slots::new(),
            online: BTreeMap::new(),
            anonymous: BTreeSet::new(),
            wakes: BTreeSet::new(),
            shutdown: None,
            pending: Pending::new(),
            random: Random::new(seed),
            stats: Stats::default(),
        }
    }

    // ---- admission -------------------------------------------------------------------------

    pub(super) fn admit<'c>(
        &mut self,
        config: &'c Config,
        now: Timestamp,
        request: &Request<'_>,
    ) -> Result<Admitted<'c>, Denied> {
        self.advance(config, now);
        let admitted = self.check(config, request).and_then(|protocol| {
            let conn = self.enter(config).ok_or(Denial::Full)?;
            Ok(Admitted { conn, protocol })
        });
        count(if admitted.is_ok() { &mut self.stats.admitted } else { &mut self.stats.denied });
        admitted.map_err(|reason| {
            let retry_after = reason.is_temporary().then(|| self.return_from(config.retry_after));
            Denied { reason, retry_after }
        })
    }

    /// The subprotocol for a request that may be admitted.
    fn check<'c>(&self, config: &'c Config, request: &Request<'_>) -> Result<Option<&'c str>, Denial> {
        if self.shutdown.is_some() {
            return Err(Denial::ShuttingDown);
        }
        let protocol = config.admission.check(request)?;
        if self.conns.len() >= config.max_connections as usize {
            return Err(Denial::Full);
        }
        if self.anonymous.len() >= config.max_anonymous as usize {
            return Err(Denial::Anonymous);
        }
        Ok(protocol)
    }

    fn enter(&mut self, config: &Config) -> Option<ConnId> {
        if !self.watches(config) {
            self.watch(config);
        }
        let (heartbeat, ping) = Heartbeat::start(&config.heartbeat, self.now);
        let until = self.later(config.login_timeout);
        let conn = self.conns.insert(Connection::new(until, heartbeat))?;
        self.anonymous.insert(conn);
        if ping {
            self.ping(conn);
        }
        self.arm(conn);
        Some(conn)
    }

    // ---- without a message ------------------------------------------------------------------

    #[inline(always)]
    pub(super) fn frame(&mut self, config: &Config, now: Timestamp, conn: ConnId, bytes: u32) -> Option<Timestamp> {
        self.advance(config, now);
        self.charge(config, conn, bytes)
    }

    /// Charges a frame to its connection. Until when that is to be paused, if it is.
    #[inline(always)]
    fn charge(&mut self, config: &Config, conn: ConnId, bytes: u32) -> Option<Timestamp> {
        let now = self.now;
        let Some(found) = self.conns.get_mut(conn).filter(|found| found.phase.is_live()) else {
            self.count_ineffective(conn);
            return None;
        };
        let exceeded = found.charge(&self.prices, now, bytes);
        found.alive(now);
        let paused = found.paused;
        if paused <= now {
            return None;
        }
        self.pause(config, conn, exceeded);
        (!exceeded).then_some(paused)
    }

    #[cold]
    #[inline(never)]
    fn pause(&mut self, config: &Config, conn: ConnId, exceeded: bool) {
        count(&mut self.stats.paused);
        if exceeded {
            count(&mut self.stats.closed_flooding);
            self.close(config, conn, CloseCode::POLICY_VIOLATION, None);
        }
    }

    #[inline]
    pub(super) fn route(
        &mut self,
        config: &Config,
        now: Timestamp,
        conn: ConnId,
        to: &K,
        volatile: bool,
    ) -> Route<'_, K> {
        self.advance(config, now);
        let now = self.now;
        let Some(found) = self.conns.get_mut(conn).filter(|found| found.phase.is_live()) else {
            self.count_ineffective(conn);
            return Route::Stale;
        };
        found.alive(now);
        let recipient = self.online.get(to).copied();
        self.fate(config, conn, recipient, volatile)
    }

    /// How a message of a live connection ends, and its count.
    #[inline]
    fn fate(&mut self, config: &Config, conn: ConnId, recipient: Option<ConnId>, volatile: bool) -> Route<'_, K> {
        let slow = volatile && recipient.is_some_and(|recipient| self.is_slow(config, recipient));
        let Some(from) = self.conns.get(conn).and_then(|found| found.phase.user()) else { return Route::NotLoggedIn };
        match recipient {
            None => {
                count(&mut self.stats.offline);
                Route::Offline
            }
            Some(_) if slow => {
                count(&mut self.stats.dropped);
                Route::Dropped
            }
            Some(conn) => {
                count(&mut self.stats.routed);
                Route::To { conn, from }
            }
        }
    }

    pub(super) fn paused_until(&self, conn: ConnId) -> Option<Timestamp> {
        let found = self.conns.get(conn).filter(|found| found.phase.is_live())?;
        (found.paused > self.now).then_some(found.paused)
    }

    // ---- inputs ----------------------------------------------------------------------------

    pub(super) fn handle<M>(&mut self, config: &Config, now: Timestamp, input: Input<K, M>) -> Answers<K, M> {
        self.advance(config, now);
        match input {
            Input::Alive { conn, bytes } => _ = self.charge(config, conn, bytes),
            Input::Ping { conn } => {
                if self.alive(conn).is_some() {
                    self.owe(conn, |owed| owed.pong = true);
                }
            }
            Input::Login { conn, user } => return [None, self.login(config, conn, user)],
            Input::Relay { conn, to, message, volatile } => return self.relay(config, conn, to, message, volatile),
            Input::Broadcast { from, except, message, bytes, volatile } => {
                return self.broadcast(config, from, except, (message, bytes), volatile);
            }
            Input::UnknownEvent { conn } => {
                let reply = self.alive(conn).is_some() && self.may_reply(config, conn);
                return [None, reply.then_some(Action::UnknownEvent { conn })];
            }
            Input::Queued { conn, bytes } => self.queued(config, conn, bytes),
            Input::Written { conn, bytes } => {
                if let Some(found) = self.live(conn) {
                    found.unwritten = found.unwritten.saturating_sub(u64::from(bytes));
                }
            }
            Input::Close { conn, code } => {
                if self.live(conn).is_some() {
                    self.close(config, conn, code, None);
                }
            }
            Input::Closed { conn } => self.closed(conn),
            Input::Timer => self.timer(config),
            Input::Shutdown { within, spread } => self.shut_down(config, within, spread),
        }
        [None, None]
    }

    /// Time never runs backwards; but it may have passed while the server was suspended.
    #[inline(always)]
    fn advance(&mut self, config: &Config, now: Timestamp) {
        self.now = self.now.max(now);
        if self.now > self.awake_until {
            self.overslept(config);
        }
    }

    #[cold]
    #[inline(never)]
    fn overslept(&mut self, config: &Config) {
        if self.watches(config) {
            self.resume(config);
        }
        self.watch(config);
    }

    /// From now on the server is taken to be awake, until its tolerance has passed without a timer.
    fn watch(&mut self, config: &Config) {
        self.watched_at = self.now;
        self.awake_until = self.now.saturating_add(config.heartbeat.late_tolerance);
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

    fn login<M>(&mut self, config: &Config, conn: ConnId, user: K) -> Option<Action<K, M>> {
        match self.alive(conn)?.phase.user() {
            Some(own) if *own == user => return Some(Action::LoggedIn { conn, user }),
            Some(_) => return self.refuse(config, conn, LoginRefusal::OtherUser),
            None => {}
        }
        if config.second_login == SecondLogin::Refuse && self.online.contains_key(&user) {
            return self.refuse(config, conn, LoginRefusal::UserOnline);
        }
        count(&mut self.stats.logins);
        if let Some(found) = self.conns.get_mut(conn) {
            found.phase = Phase::LoggedIn(user.clone());
        }
        self.anonymous.remove(&conn);
        if let Some(old) = self.online.insert(user.clone(), conn) {
            count(&mut self.stats.superseded);
            self.close(config, old, config.superseded, None);
        }
        self.pending.presence.set(&user, true);
        Some(Action::LoggedIn { conn, user })
    }

    fn refuse<M>(&mut self, config: &Config, conn: ConnId, reason: LoginRefusal) -> Option<Action<K, M>> {
        count(&mut self.stats.logins_refused);
        self.may_reply(config, conn).then_some(Action::LoginRefused { conn, reason })
    }

    /// Whether `reply_gap` allows a reply, which is then taken to be given.
    fn may_reply(&mut self, config: &Config, conn: ConnId) -> bool {
        let (now, next) = (self.now, self.later(config.reply_gap));
        let found = self.conns.get_mut(conn).filter(|found| found.reply_allowed.passed(now));
        match found {
            Some(found) => {
                found.reply_allowed = next;
                true
            }
            None => {
                count(&mut self.stats.unanswered);
                false
            }
        }
    }

    fn relay<M>(&mut self, config: &Config, conn: ConnId, to: K, message: M, volatile: bool) -> Answers<K, M> {
        if self.alive(conn).is_none() {
            return [None, None];
        }
        let recipient = self.online.get(&to).copied();
        let (deliver, outcome) = match self.fate(config, conn, recipient, volatile) {
            Route::To { conn, from } => {
                (Some(Action::Deliver { conn, from: from.clone(), message }), Outcome::Routed(1))
            }
            Route::Offline => (None, Outcome::Offline(message)),
            Route::Dropped => (None, Outcome::Dropped(message)),
            Route::NotLoggedIn => (None, Outcome::NotLoggedIn(message)),
            Route::Stale => return [None, None],
        };
        [deliver, Some(Action::Outcome { conn, to: Some(to), outcome })]
    }

    fn broadcast<M>(
        &mut self,
        config: &Config,
        sender: Option<ConnId>,
        mut except: Vec<K>,
        (message, bytes): (M, u32),
        volatile: bool,
    ) -> Answers<K, M> {
        let mut from = None;
        if let Some(conn) = sender {
            let Some(found) = self.alive(conn) else { return [None, None] };
            from = found.phase.user().cloned();
            if from.is_none() {
                return [None, Some(Action::Outcome { conn, to: None, outcome: Outcome::NotLoggedIn(message) })];
            }
        }
        except.sort_unstable();
        let invited = |(user, conn): &(&K, &ConnId)| Some(**conn) != sender && except.binary_search(user).is_err();
        let all = self.online.iter().filter(invited).map(|(_, conn)| *conn);
        let (slow, conns): (Vec<_>, Vec<_>) = all.partition(|conn| volatile && self.is_slow(config, *conn));
        let [dropped, routed] = [&slow, &conns].map(|conns| u32::try_from(conns.len()).unwrap_or(u32::MAX));
        add(&mut self.stats.dropped, dropped);
        add(&mut self.stats.routed, routed);
        let now = self.now;
        if let Some(sender) = sender.and_then(|conn| self.conns.get_mut(conn)) {
            sender.charge_copies(&self.prices, now, routed.saturating_sub(1), bytes);
            sender.alive(now);
        }
        let outcome = |conn| Action::Outcome { conn, to: None, outcome: Outcome::Routed(routed) };
        [(routed > 0).then_some(Action::Broadcast { conns, from, message }), sender.map(outcome)]
    }

    fn is_slow(&self, config: &Config, conn: ConnId) -> bool {
        self.conns.get(conn).is_some_and(|found| found.unwritten > u64::from(config.volatile_above))
    }

    fn queued(&mut self, config: &Config, conn: ConnId, bytes: u32) {
        let Some(found) = self.live(conn) else { return };
        found.unwritten = found.unwritten.saturating_add(u64::from(bytes));
        if found.unwritten > u64::from(config.budget) {
            count(&mut self.stats.closed_slow);
            self.close(config, conn, CloseCode::TRY_AGAIN_LATER, None);
        }
    }

    fn closed(&mut self, conn: ConnId) {
        match self.conns.get(conn).map(|found| &found.phase) {
            None | Some(Phase::Aborting) => self.count_ineffective(conn),
            Some(Phase::Anonymous { .. } | Phase::LoggedIn(_) | Phase::Closing { .. }) => {
                self.unregister(conn);
                self.remove(conn);
            }
        }
    }

    fn shut_down(&mut self, config: &Config, within: Duration, spread: Duration) {
        let (first, by) = (self.shutdown.is_none(), self.later(within));
        self.shutdown = Some(self.shutdown.map_or(by, |until| until.min(by)));
        for conn in self.conns.ids() {
            if self.conns.get(conn).is_some_and(|found| found.phase.is_live()) {
                let wait = Duration::from_nanos(between(0, nanos(spread), self.random.next()));
                self.close(config, conn, CloseCode::SERVICE_RESTART, Some(wait));
            }
        }
        if first {
            self.check_drained();
        }
    }

    // ---- the timer -------------------------------------------------------------------------

    /// The earliest moment at which something is due, or at which a timer has to prove that the server is not suspended.
    fn armed(&self, config: &Config) -> Deadline {
        let mut armed = self.wakes.first().map_or(Deadline::NEVER, |(at, _)| Deadline::at(*at));
        if let Some(until) = self.shutdown.filter(|_| self.conns.len() > 0) {
            armed = armed.min(until);
        }
        if self.watches(config) {
            armed = armed.min(Deadline::after(Some(self.watched_at), Some(config.heartbeat.late_tolerance / 2)));
        }
        armed
    }

    /// Immediately, while anything is owed.
    pub(super) fn deadline(&self, config: &Config) -> Option<Timestamp> {
        if self.pending.any() { Some(self.now) } else { self.armed(config).get() }
    }

    fn timer(&mut self, config: &Config) {
        self.watch(config);
        if self.shutdown.is_some_and(|until| until.passed(self.now)) {
            self.shutdown = Some(Deadline::NEVER);
            self.conns.ids().into_iter().for_each(|conn| self.abort(conn));
        }
        while self.wakes.first().is_some_and(|(at, _)| Deadline::at(*at).passed(self.now)) {
            let Some((_, conn)) = self.wakes.pop_first() else { return };
            self.wake(config, conn);
            self.arm(conn);
        }
    }

    /// Whether something is waited for that a client would have to do.
    fn watches(&self, config: &Config) -> bool {
        let pings = !matches!(config.heartbeat.mode, HeartbeatMode::Off);
        !self.anonymous.is_empty() || (pings && !self.online.is_empty())
    }

    /// The server was suspended, and nothing that the clients did meanwhile was seen: whatever is waited for from them starts
    /// anew. The pings that follow are spread over an interval.
    fn resume(&mut self, config: &Config) {
        count(&mut self.stats.slept);
        let (now, until) = (self.now, self.later(config.login_timeout));
        let interval = config.heartbeat.mode.interval().map_or(0, nanos);
        let live = (self.anonymous.len() + self.online.len()) as u128;
        let mut nth = 0;
        for conn in self.conns.ids() {
            let Some(found) = self.conns.get_mut(conn).filter(|found| found.phase.is_live()) else { continue };
            let turn = Duration::from_nanos((u128::from(interval) * nth / live) as u64);
            found.heartbeat.suspended(&config.heartbeat, now, turn);
            if let Phase::Anonymous { until: before } = &mut found.phase {
                *before = until;
            }
            nth += 1;
            self.arm(conn);
        }
    }

    /// Checks what may be due for one connection.
    fn wake(&mut self, config: &Config, conn: ConnId) {
        let now = self.now;
        let Some(found) = self.conns.get_mut(conn) else { return };
        match found.phase {
            Phase::Closing { until, .. } if until.passed(now) => self.abort(conn),
            Phase::Anonymous { until } if until.passed(now) => {
                count(&mut self.stats.closed_anonymous);
                self.close(config, conn, CloseCode::LOGIN_TIMEOUT, None);
            }
            Phase::Anonymous { .. } | Phase::LoggedIn(_) => {
                if found.paused > now {
                    return found.heartbeat.unread(&config.heartbeat, found.paused);
                }
                // A timer is never late: see `resume`.
                let event = found.heartbeat.timer(&config.heartbeat, now, Duration::ZERO);
                self.heartbeat(config, conn, event);
            }
            Phase::Closing { .. } | Phase::Aborting => {}
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

    // ---- transitions -----------------------------------------------------------------------

    /// Decides that a connection is over. From here on nothing is routed to it and its inputs do not count.
    fn close(&mut self, config: &Config, conn: ConnId, code: CloseCode, retry_after: Option<Duration>) {
        let until = self.later(config.close_timeout);
        self.end(conn, Phase::Closing { until, code, retry_after }, Owed { close: true, ..Owed::default() });
    }

    fn abort(&mut self, conn: ConnId) {
        self.end(conn, Phase::Aborting, Owed { abort: true, ..Owed::default() });
    }

    /// What was owed to a connection is withdrawn when it ends; only its end is owed.
    fn end(&mut self, conn: ConnId, phase: Phase<K>, end: Owed) {
        self.unregister(conn);
        if let Some(found) = self.conns.get_mut(conn) {
            found.phase = phase;
        }
        self.owe(conn, |owed| *owed = end);
        self.arm(conn);
    }

    /// The connection is neither anonymous any more nor its user's, if it was.
    fn unregister(&mut self, conn: ConnId) {
        self.anonymous.remove(&conn);
        let Some(user) = self.conns.get(conn).and_then(|found| found.phase.user()) else { return };
        // After a second login the user has another connection.
        if self.online.get(user) == Some(&conn) {
            self.online.remove(user);
            self.pending.presence.set(user, false);
        }
    }

    /// The connection is gone.
    fn remove(&mut self, conn: ConnId) {
        if let Some(found) = self.conns.remove(conn) {
            self.wakes.remove(&(found.wake.instant(), conn));
            self.pending.conns.remove(&conn);
        }
        self.check_drained();
    }

    fn check_drained(&mut self) {
        if self.shutdown.is_some() && self.conns.len() == 0 {
            self.pending.drained = true;
        }
    }

    /// Keeps a connection under the deadline that it has now.
    fn arm(&mut self, conn: ConnId) {
        let Some(found) = self.conns.get_mut(conn) else { return };
        let wake = found.deadline();
        let before = core::mem::replace(&mut found.wake, wake);
        self.wakes.remove(&(before.instant(), conn));
        if !wake.is_never() {
            self.wakes.insert((wake.instant(), conn));
        }
    }

    fn ping(&mut self, conn: ConnId) {
        count(&mut self.stats.pings);
        self.owe(conn, |owed| owed.ping = true);
    }

    fn owe(&mut self, conn: ConnId, change: impl FnOnce(&mut Owed)) {
        let Some(found) = self.conns.get_mut(conn) else { return };
        change(&mut found.owed);
        self.pending.conns.insert(conn);
    }

    // ---- what the server pulls -------------------------------------------------------------

    /// The next action that was not pulled: first for connections in the order of their names, then events.
    pub(super) fn next_action<M>(&mut self) -> Option<Action<K, M>> {
        let Some(conn) = self.pending.conns.first().copied() else { return self.next_event() };
        let found = self.conns.get_mut(conn)?;
        let action = found.next_action(conn);
        if matches!(action, Some(Action::Abort { .. })) {
            self.remove(conn);
        } else if !found.owed.any() {
            self.pending.conns.remove(&conn);
        }
        action
    }

    fn next_event<M>(&mut self) -> Option<Action<K, M>> {
        let Some(event) = self.pending.presence.pop() else {
            return core::mem::take(&mut self.pending.drained).then_some(Action::Event(Event::Drained));
        };
        Some(Action::Event(event))
    }

    // ---- helpers ---------------------------------------------------------------------------

    pub(super) fn anonymous(&self) -> usize {
        self.anonymous.len()
    }

    /// A time to come back after, of `least` to twice as much.
    fn return_from(&mut self, least: Duration) -> Duration {
        least.saturating_add(Duration::from_nanos(between(0, nanos(least), self.random.next())))
    }

    fn later(&self, by: Duration) -> Deadline {
        Deadline::at(self.now.saturating_add(by))
    }
}

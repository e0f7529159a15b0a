//! Everything that moves a session, from top to bottom: the message path, the inputs, the sending side, the
//! timer, then the few transitions they lead to, and what the driver pulls.
//!
//! Where a call has a usual case that is cheap, that case stands in the call, and the whole rule in the function of the
//! same name with `_slow`, which does the same if it is called instead.

use alloc::boxed::Box;
use core::time::Duration;

use super::action::Action;
use super::config::Config;
use super::event::{Cause, Event};
use super::input::Input;
use super::loss::Loss;
use super::message::{Delivery, MessageId, Outgoing, Refusal, Refused, Transmit};
use super::outbox::Outbox;
use super::pending::{CLOSE, CONNECT, PING, Pending, SCHEDULE};
use super::phase::{Dial, Dictated, Drain, Phase, watched_by};
use super::retry::Verdict;
use super::round_trip::Estimate;
use super::stats::Stats;
use crate::backoff::{Jitter, Retries};
use crate::close_code::CloseCode;
use crate::conn::ConnId;
use crate::count::{add, count};
use crate::heartbeat::{Heartbeat, HeartbeatConfig, HeartbeatEvent, HeartbeatMode};
use crate::random::Random;
use crate::time::{Deadline, Span, Timestamp};

/// Whether usual cases have a path of their own. Not where the code is downloaded: a page sends too little to notice, and
/// saves 440 bytes (after gzip, as all such figures here).
const FAST: bool = cfg!(not(target_arch = "wasm32"));

/// A session without its config.
#[derive(Clone, Debug)]
pub(crate) struct Machine<M> {
    pub(crate) now: Timestamp,
    pub(crate) phase: Phase,
    /// Why the state is what it is.
    pub(crate) cause: Cause,
    pub(crate) drain: Option<Box<Drain>>,
    /// The latest connection: the current one, where the state has one.
    pub(crate) last_conn: Option<ConnId>,
    /// No dial before this.
    pub(crate) dial_allowed: Timestamp,
    pub(crate) retries: Retries,
    pub(crate) last_loss: Option<Loss>,
    /// New credentials are wanted, and no connection has been stable since.
    pub(crate) renew: bool,
    /// No network is left, and no dial has opened since.
    pub(crate) network_lost: bool,
    pub(crate) random: Random,
    pub(crate) outbox: Outbox<M>,
    pub(crate) pending: Pending,
    pub(crate) estimate: Estimate,
    pub(crate) stats: Stats,
}

/// What an input did.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    Applied,
    /// Nothing: its connection had ended.
    Stale,
    /// Nothing: it makes no sense here.
    Ignored,
}

impl Effect {
    fn applied(applied: bool) -> Self {
        if applied { Self::Applied } else { Self::Ignored }
    }
}

/// Which connection an id names.
enum Named {
    Current,
    Ended,
    /// None: it was never minted, or not handed out yet.
    Unknown,
}

impl<M> Machine<M> {
    pub(crate) fn new(seed: u64, first_id: MessageId) -> Self {
        Self {
            now: Timestamp::ORIGIN,
            phase: Phase::Idle,
            cause: Cause::Requested,
            drain: None,
            last_conn: None,
            dial_allowed: Timestamp::ORIGIN,
            retries: Retries::default(),
            last_loss: None,
            renew: false,
            network_lost: false,
            random: Random::new(seed),
            outbox: Outbox::new(first_id),
            pending: Pending::default(),
            estimate: Estimate::default(),
            stats: Stats::default(),
        }
    }

    // ---- the message path ------------------------------------------------------------------

    /// A message arrived. True if it is to be delivered.
    #[inline]
    pub(crate) fn received(&mut self, now: Timestamp, conn: ConnId) -> bool {
        self.advance(now);
        match &mut self.phase {
            Phase::Open { heartbeat, .. } if self.last_conn == Some(conn) => {
                if heartbeat.alive(self.now) {
                    self.recovered();
                }
                true
            }
            _ => self.received_slow(conn),
        }
    }

    /// Time never runs backwards.
    // Inlined into each input it would be 50 bytes more to download.
    #[cfg_attr(not(target_arch = "wasm32"), inline)]
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    pub(crate) fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    #[cold]
    #[inline(never)]
    fn recovered(&mut self) {
        self.emit(Event::Recovered);
    }

    /// Something came for a connection that is not the current one, or is not ready, or is closing.
    #[cold]
    #[inline(never)]
    fn received_slow(&mut self, conn: ConnId) -> bool {
        if matches!(self.phase, Phase::Greeting { .. } | Phase::Closing { .. }) && self.last_conn == Some(conn) {
            return true;
        }
        let effect = self.on(conn, |_| Effect::Ignored);
        self.count(effect);
        false
    }

    #[inline(always)]
    fn pong(&mut self, config: &Config, now: Timestamp, conn: ConnId, token: Option<u32>) {
        self.advance(now);
        match &mut self.phase {
            Phase::Open { heartbeat, dictated, .. } if self.last_conn == Some(conn) => {
                count(&mut self.stats.pongs);
                if let Some(pinged) = heartbeat.answered(token) {
                    // Never before the ping: time does not run backwards.
                    self.estimate.sample(self.now.as_nanos().wrapping_sub(pinged.as_nanos()));
                }
                if heartbeat.alive_and_armed(watched_by(dictated, config), self.now) {
                    self.recovered();
                }
            }
            _ => _ = self.received_slow(conn),
        }
    }

    // ---- inputs ----------------------------------------------------------------------------

    /// One input; a message that is to be delivered comes back.
    // A driver has a call for each kind of input; inlined there, all but one arm is gone.
    #[inline(always)]
    pub(crate) fn handle(&mut self, config: &Config, now: Timestamp, input: Input<M>) -> Option<M> {
        match input {
            Input::Message { conn, message } if self.received(now, conn) => return Some(message),
            Input::Message { .. } => {}
            Input::Alive { conn } => _ = self.received(now, conn),
            Input::Pong { conn, token } => self.pong(config, now, conn, token),
            Input::Timer => {
                self.advance(now);
                if self.armed().passed(self.now) {
                    self.timer(config);
                }
            }
            Input::Acked { id } => self.acked(config, now, id),
            other => self.control(config, now, other),
        }
        None
    }

    // In a page's module, inlined, the inputs that no page makes are gone.
    #[cfg_attr(not(target_arch = "wasm32"), inline(never))]
    #[cfg_attr(target_arch = "wasm32", inline(always))]
    fn control(&mut self, config: &Config, now: Timestamp, input: Input<M>) {
        self.advance(now);
        let effect = match input {
            Input::Connect => self.connect(config),
            Input::Reconnect => self.reconnect(config),
            Input::Opened { conn } => self.opened(config, conn),
            Input::Ready { conn } => self.on(conn, |machine| machine.greeted(config)),
            Input::Heartbeat { conn, mode } => self.on(conn, |machine| machine.dictate(config, mode)),
            Input::Unread { conn } => self.on(conn, |machine| machine.unread(config)),
            Input::Closed { conn, loss, retry_after } => {
                self.on(conn, |machine| machine.closed(config, loss, retry_after))
            }
            Input::Cancel { id } => Effect::applied(self.outbox.cancel(id)),
            Input::NetworkChanged => self.network_changed(config),
            Input::NetworkLost => self.network_lost(config),
            Input::Close { code, within } => self.close(config, code, within),
            // `handle` keeps these off this path.
            Input::Message { .. } | Input::Alive { .. } | Input::Pong { .. } | Input::Timer | Input::Acked { .. } => {
                Effect::Ignored
            }
        };
        self.count(effect);
        self.check_drained(config);
    }

    /// Only the current connection moves the machine.
    fn on(&mut self, conn: ConnId, act: impl FnOnce(&mut Self) -> Effect) -> Effect {
        match self.named(conn) {
            Named::Current => act(self),
            Named::Ended => Effect::Stale,
            Named::Unknown => Effect::Ignored,
        }
    }

    fn named(&self, conn: ConnId) -> Named {
        match self.last_conn {
            Some(last) if conn > last || (conn == last && self.pending.has(CONNECT)) => Named::Unknown,
            Some(_) if self.conn() == Some(conn) => Named::Current,
            Some(_) => Named::Ended,
            None => Named::Unknown,
        }
    }

    fn count(&mut self, effect: Effect) {
        match effect {
            Effect::Applied => {}
            Effect::Stale => count(&mut self.stats.stale),
            Effect::Ignored => count(&mut self.stats.ignored),
        }
    }

    fn connect(&mut self, config: &Config) -> Effect {
        let withdrew = self.drain.take().is_some();
        match self.phase {
            Phase::Idle | Phase::Closed => {
                self.start(config);
                Effect::Applied
            }
            Phase::Closing { .. } => {
                self.abort();
                self.start(config);
                Effect::Applied
            }
            Phase::Waiting { .. } => Effect::applied(self.dial_sooner(config, Dial::Application) || withdrew),
            Phase::Connecting { .. } | Phase::Greeting { .. } | Phase::Open { .. } => Effect::applied(withdrew),
        }
    }

    /// Dials with the retry count and `renew` cleared.
    fn start(&mut self, config: &Config) {
        self.retries.reset();
        self.renew = false;
        self.dial_after_gap(config, Dial::Application);
    }

    fn reconnect(&mut self, config: &Config) -> Effect {
        let renewal_withdrawn = core::mem::take(&mut self.renew);
        match self.phase {
            Phase::Connecting { .. } | Phase::Greeting { .. } | Phase::Open { .. } => {
                self.drain = None;
                self.last_loss = None;
                self.end_connection(config, false);
                self.abort();
                self.dial_after_gap(config, Dial::Application);
                Effect::Applied
            }
            Phase::Idle | Phase::Waiting { .. } | Phase::Closing { .. } | Phase::Closed => {
                let effect = self.connect(config);
                if renewal_withdrawn { Effect::Applied } else { effect }
            }
        }
    }

    fn opened(&mut self, config: &Config, conn: ConnId) -> Effect {
        match (self.named(conn), &self.phase) {
            (Named::Current, Phase::Connecting { dial, .. }) => {
                self.count_retry(*dial);
                self.network_lost = false;
                match config.greeting_timeout {
                    Some(timeout) => {
                        let until = self.later(timeout);
                        self.enter(Phase::Greeting { until, dictated: None }, Cause::Opened);
                    }
                    None => self.ready(config, None, Cause::Opened),
                }
                Effect::Applied
            }
            (Named::Current | Named::Unknown, _) => Effect::Ignored,
            (Named::Ended, _) => {
                if self.pending.abort_stale(conn) {
                    count(&mut self.stats.dropped);
                }
                Effect::Stale
            }
        }
    }

    fn greeted(&mut self, config: &Config) -> Effect {
        let Phase::Greeting { dictated, .. } = &mut self.phase else { return Effect::Ignored };
        let dictated = dictated.take();
        self.ready(config, dictated, Cause::Ready);
        Effect::Applied
    }

    fn dictate(&mut self, config: &Config, mode: HeartbeatMode) -> Effect {
        let Some(new) = config.heartbeat.dictated(mode) else { return Effect::Ignored };
        match &mut self.phase {
            Phase::Greeting { dictated, .. } => *dictated = Some(Box::new(new)),
            Phase::Open { heartbeat, dictated, .. } => {
                let (recovered, ping) = heartbeat.restart(&new, self.now);
                *dictated = Some(Box::new(new));
                self.pending.set(PING, ping);
                if recovered {
                    self.emit(Event::Recovered);
                }
            }
            _ => return Effect::Ignored,
        }
        Effect::Applied
    }

    fn unread(&mut self, config: &Config) -> Effect {
        let Phase::Open { heartbeat, dictated, .. } = &mut self.phase else { return Effect::Ignored };
        heartbeat.unread(watched_by(dictated, config), self.now);
        self.pending.set(PING, false);
        self.outbox.begin_ack_waits(&config.outbox, self.now);
        Effect::Applied
    }

    fn closed(&mut self, config: &Config, loss: Loss, retry_after: Option<Duration>) -> Effect {
        if matches!(loss, Loss::Application(_)) {
            self.abort();
        }
        match self.phase {
            Phase::Closing { .. } => self.enter(Phase::Closed, Cause::Lost(loss)),
            _ => self.lose(config, loss, retry_after),
        }
        Effect::Applied
    }

    fn network_changed(&mut self, config: &Config) -> Effect {
        let was_lost = core::mem::take(&mut self.network_lost);
        let effect = self.try_network(config);
        if was_lost { Effect::Applied } else { effect }
    }

    /// Dials by what is the network now, or asks whether the link survived.
    fn try_network(&mut self, config: &Config) -> Effect {
        match &mut self.phase {
            Phase::Waiting { asked: false, .. } => Effect::applied(self.dial_sooner(config, Dial::Network)),
            // The dial may hang on an interface that is gone; but a network that flaps must not keep it from ending.
            Phase::Connecting { dial, .. } if *dial != Dial::Network && self.dial_allowed <= self.now => {
                self.abort();
                self.dial(config, Dial::Network);
                Effect::Applied
            }
            Phase::Open { heartbeat, dictated, .. } => {
                let ping = heartbeat.probe(watched_by(dictated, config), self.now, config.min_dial_gap);
                if ping {
                    self.pending.set(PING, true);
                }
                Effect::applied(ping)
            }
            _ => Effect::Ignored,
        }
    }

    fn network_lost(&mut self, config: &Config) -> Effect {
        if core::mem::replace(&mut self.network_lost, true) {
            return Effect::Ignored;
        }
        if let Phase::Waiting { at, dial: Dial::Network | Dial::Policy(_), asked: false } = &mut self.phase {
            // From now if it is due already: the machine may have slept, and the timer comes after this.
            let due = at.instant().max(self.now);
            let put_off = Deadline::at(due.saturating_add(config.max_retry_after));
            if core::mem::replace(at, put_off) != put_off {
                self.pending.set(SCHEDULE, true);
            }
        }
        Effect::Applied
    }

    fn close(&mut self, config: &Config, code: CloseCode, within: Duration) -> Effect {
        let by = self.later(within);
        match &mut self.phase {
            Phase::Closed => Effect::Ignored,
            Phase::Closing { until, .. } => {
                let sooner = by < *until;
                *until = by.min(*until);
                Effect::applied(sooner)
            }
            Phase::Idle => {
                self.outbox.abandon();
                self.end(config, code, Cause::Requested);
                Effect::Applied
            }
            Phase::Waiting { .. } | Phase::Connecting { .. } | Phase::Greeting { .. } | Phase::Open { .. } => {
                if let Some(drain) = &mut self.drain {
                    let sooner = by < drain.until;
                    drain.until = by.min(drain.until);
                    return Effect::applied(sooner);
                }
                if self.outbox.unresolved() == 0 {
                    self.end(config, code, Cause::Requested);
                } else {
                    self.drain = Some(Box::new(Drain { until: by, code }));
                }
                Effect::Applied
            }
        }
    }

    // ---- the sending side ------------------------------------------------------------------

    #[inline(never)]
    pub(crate) fn send(
        &mut self,
        config: &Config,
        now: Timestamp,
        outgoing: Outgoing<M>,
    ) -> Result<MessageId, Refused<M>> {
        self.advance(now);
        let usual = FAST && matches!(self.phase, Phase::Open { .. }) && self.drain.is_none();
        if usual && self.outbox.has_room(&config.outbox, &outgoing) {
            return self.outbox.accept(Deadline::NEVER, outgoing);
        }
        self.send_slow(config, outgoing)
    }

    #[inline(never)]
    fn send_slow(&mut self, config: &Config, outgoing: Outgoing<M>) -> Result<MessageId, Refused<M>> {
        let expires = Deadline::after(Deadline::at(self.now), Span::of_option(outgoing.time_to_live()));
        let room = match self.refusal(outgoing.delivery()) {
            Some(reason) => Err(reason),
            None => self.outbox.make_room(&config.outbox, &outgoing),
        };
        let evicted = match room {
            Err(reason) => return Err(Refused { reason, outgoing }),
            Ok(evicted) => evicted,
        };
        add(&mut self.stats.evictions, evicted);
        let id = self.outbox.accept(expires, outgoing)?;
        if let Some(at) = expires.get() {
            self.outbox.expires(at);
        }
        Ok(id)
    }

    fn refusal(&self, delivery: Delivery) -> Option<Refusal> {
        let this_connection = delivery == Delivery::ThisConnection;
        match self.phase {
            Phase::Closing { .. } | Phase::Closed => Some(Refusal::Closed),
            // Even while draining: without a login, or an answer to the server's ping, nothing else gets out.
            Phase::Greeting { .. } | Phase::Open { .. } if this_connection => None,
            _ if self.drain.is_some() => Some(Refusal::Closed),
            _ if this_connection => Some(Refusal::NotConnected),
            _ => None,
        }
    }

    pub(crate) fn transmit(&mut self, config: &Config, now: Timestamp) -> Option<Transmit<'_, M>> {
        self.advance(now);
        if FAST && matches!(self.phase, Phase::Open { .. }) && self.outbox.lend_fast(&config.outbox, self.now) {
            return self.outbox.fresh();
        }
        self.transmit_slow(config)
    }

    #[inline(never)]
    fn transmit_slow(&mut self, config: &Config) -> Option<Transmit<'_, M>> {
        let ready = match self.phase {
            Phase::Greeting { .. } => Some(false),
            Phase::Open { .. } => Some(true),
            _ => None,
        };
        if !self.outbox.lend(&config.outbox, self.now, ready) {
            // The last ones may have expired just now.
            self.check_drained(config);
            return None;
        }
        self.outbox.lent()
    }

    pub(crate) fn sent(&mut self, config: &Config, now: Timestamp, id: MessageId) {
        self.advance(now);
        if !FAST || self.drain.is_some() || !self.outbox.sent_fast(&config.outbox, self.now, id) {
            self.sent_slow(config, id);
        }
    }

    #[inline(never)]
    fn sent_slow(&mut self, config: &Config, id: MessageId) {
        match self.outbox.sent(&config.outbox, self.now, id) {
            Some(true) => count(&mut self.stats.redeliveries),
            Some(false) => {}
            None => count(&mut self.stats.ignored),
        }
        self.check_drained(config);
    }

    #[inline(never)]
    fn acked(&mut self, config: &Config, now: Timestamp, id: MessageId) {
        self.advance(now);
        if !FAST || self.drain.is_some() || !self.outbox.acked_fast(id) {
            self.acked_slow(config, id);
        }
    }

    #[inline(never)]
    fn acked_slow(&mut self, config: &Config, id: MessageId) {
        let acked = self.outbox.acked(id);
        self.count(Effect::applied(acked));
        self.check_drained(config);
    }

    pub(crate) fn rejected(&mut self, config: &Config, now: Timestamp, id: MessageId) {
        self.advance(now);
        if !self.outbox.rejected(id) {
            count(&mut self.stats.ignored);
        }
        self.check_drained(config);
    }

    // ---- the timer -------------------------------------------------------------------------

    /// The earliest moment at which something is due.
    #[inline]
    pub(crate) fn armed(&self) -> Deadline {
        let drain = self.drain.as_ref().map_or(Deadline::NEVER, |drain| drain.until);
        self.phase.deadline().min(self.outbox.deadline()).min(drain)
    }

    /// Immediately, while anything is owed.
    #[inline]
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        if self.owes() { Some(self.now) } else { self.armed().get() }
    }

    /// Checks every deadline that may have passed: first what may end a drain, then that of the state.
    #[inline(never)]
    fn timer(&mut self, config: &Config) {
        let due = self.armed();
        self.outbox.expire(self.now);
        self.check_drained(config);
        match self.drain.as_deref() {
            Some(&Drain { until, code }) if until.passed(self.now) => {
                self.outbox.abandon();
                self.end(config, code, Cause::DrainTimeout);
            }
            _ if matches!(self.phase, Phase::Open { .. }) => self.check_life(config, due),
            _ if self.phase.deadline().passed(self.now) => self.overdue(config),
            _ => {}
        }
        // A loss may have resolved the last message.
        self.check_drained(config);
    }

    fn overdue(&mut self, config: &Config) {
        match self.phase {
            Phase::Waiting { dial, .. } => self.dial(config, dial),
            Phase::Connecting { .. } => self.give_up(config, Loss::ConnectTimeout),
            Phase::Greeting { .. } => self.give_up(config, Loss::GreetingTimeout),
            Phase::Closing { .. } => {
                self.abort();
                self.enter(Phase::Closed, Cause::CloseTimeout);
            }
            // These have no deadline here.
            Phase::Idle | Phase::Open { .. } | Phase::Closed => {}
        }
    }

    /// On an open connection, whether the peer still answers: the heartbeat, then the acknowledgements. The timer was
    /// `due` at the earliest deadline of any kind.
    fn check_life(&mut self, config: &Config, due: Deadline) {
        let late = due.lateness(self.now);
        let Phase::Open { heartbeat, dictated, .. } = &mut self.phase else { return };
        let event = heartbeat.timer_late(watched_by(dictated, config), self.now, late);
        if event == Some(HeartbeatEvent::Dead) {
            return self.give_up(config, Loss::HeartbeatTimeout);
        }
        let tolerance = Span::of(config.heartbeat.late_tolerance);
        let late_acks = late > tolerance && self.outbox.restart_ack_waits(&config.outbox, self.now, tolerance);
        if late_acks || matches!(event, Some(HeartbeatEvent::Slept { .. })) {
            self.emit(Event::Slept { late_ms: u32::try_from(late.as_nanos() / 1_000_000).unwrap_or(u32::MAX) });
        }
        match event {
            Some(HeartbeatEvent::Ping | HeartbeatEvent::Slept { ping: true }) => self.pending.set(PING, true),
            Some(HeartbeatEvent::Degraded) => self.emit(Event::Degraded),
            Some(HeartbeatEvent::Slept { ping: false } | HeartbeatEvent::Dead) | None => {}
        }
        if self.outbox.ack_overdue(self.now) {
            self.give_up(config, Loss::AckTimeout);
        }
    }

    /// The session itself ends a connection or dial that it waited for in vain.
    fn give_up(&mut self, config: &Config, loss: Loss) {
        self.abort();
        self.lose(config, loss, None);
    }

    // ---- transitions -----------------------------------------------------------------------

    fn enter(&mut self, to: Phase, cause: Cause) {
        let from = core::mem::replace(&mut self.phase, to).state();
        self.pending.withdraw();
        if matches!(self.phase, Phase::Closed) {
            self.outbox.give_back();
        }
        self.cause = cause;
        self.emit(Event::StateChanged { from, to: self.phase.state(), cause });
    }

    fn dial(&mut self, config: &Config, dial: Dial) {
        let conn = self.last_conn.map_or(1, |last| last.as_raw().saturating_add(1));
        self.last_conn = ConnId::from_raw(conn);
        self.dial_allowed = self.now.saturating_add(config.min_dial_gap);
        self.enter(Phase::Connecting { until: self.later(config.connect_timeout), dial }, dial.cause());
        self.pending.set(CONNECT, true);
    }

    fn dial_after_gap(&mut self, config: &Config, dial: Dial) {
        if self.dial_allowed <= self.now {
            self.dial(config, dial);
        } else {
            self.wait(Phase::Waiting { at: Deadline::at(self.dial_allowed), dial, asked: false }, dial.cause());
        }
    }

    /// From waiting: dials now, or as soon as the gap allows. False if that is what is planned.
    fn dial_sooner(&mut self, config: &Config, sooner: Dial) -> bool {
        let Phase::Waiting { at, dial, asked } = &mut self.phase else { return false };
        if self.dial_allowed <= self.now {
            self.dial(config, sooner);
            return true;
        }
        let earliest = Deadline::at(self.dial_allowed);
        let is_retry = matches!(dial, Dial::Policy(_));
        if *at < earliest || (*at == earliest && !is_retry) {
            return false;
        }
        (*at, *dial, *asked) = (earliest, sooner, false);
        self.pending.set(SCHEDULE, true);
        true
    }

    fn wait(&mut self, waiting: Phase, cause: Cause) {
        self.enter(waiting, cause);
        self.pending.set(SCHEDULE, true);
    }

    fn ready(&mut self, config: &Config, dictated: Dictated, cause: Cause) {
        let (heartbeat, ping) = Heartbeat::start(watched_by(&dictated, config), self.now);
        count(&mut self.stats.ready);
        self.estimate = Estimate::default();
        self.enter(Phase::Open { since: self.now, heartbeat, dictated }, cause);
        self.pending.set(PING, ping);
    }

    /// The connection or dial is over, however it ended: one end, one retry.
    fn lose(&mut self, config: &Config, loss: Loss, retry_after: Option<Duration>) {
        self.stats.lost(loss);
        self.last_loss = Some(loss);
        self.end_connection(config, true);
        if let Phase::Connecting { dial, .. } = self.phase {
            self.count_retry(dial);
        }
        let asked = Span::of(retry_after.unwrap_or_default()).min(Span::of(config.max_retry_after));
        let stay_away = match config.retry.verdict(loss) {
            Verdict::Stop => return self.stop(Cause::Stopped(loss)),
            Verdict::Renew if self.renew => return self.stop(Cause::Stopped(loss)),
            Verdict::Renew => {
                self.renew = true;
                asked
            }
            Verdict::RetryAfter(least) => asked.max(Span::of(least)),
            Verdict::Retry => asked,
        };
        if config.max_retries.is_some_and(|max| self.retries.attempt() >= max) {
            return self.stop(Cause::Exhausted(loss));
        }
        self.schedule_retry(config, stay_away, loss);
    }

    fn schedule_retry(&mut self, config: &Config, stay_away: Span, loss: Loss) {
        let random = match config.backoff.jitter {
            Jitter::None => 0,
            Jitter::Equal | Jitter::Full | Jitter::Decorrelated => self.random.next(),
        };
        let retry = self.retries.draw(&config.backoff, random);
        let delay = retry.span().max(Span::NANOSECOND);
        let mut at = self.now.plus(stay_away).plus(delay);
        if at < self.dial_allowed {
            // On top of the gap, not cut off by it: a crowd must not dial at the moment the gap is over.
            at = self.dial_allowed.plus(delay);
        }
        let asked = stay_away > Span::ZERO;
        if self.network_lost && !asked {
            at = at.saturating_add(config.max_retry_after);
        }
        self.wait(Phase::Waiting { at: Deadline::at(at), dial: Dial::Policy(retry), asked }, Cause::Lost(loss));
    }

    /// What every end of a connection does to what outlives it.
    fn end_connection(&mut self, config: &Config, charge: bool) {
        self.outbox.connection_ended(&config.outbox, charge);
        let Phase::Open { since, heartbeat, dictated } = &self.phase else { return };
        let good_until = heartbeat.good_until(watched_by(dictated, config), self.now);
        if good_until.since(*since) >= Span::of(config.stable_after) {
            self.retries.reset();
            self.renew = false;
        }
    }

    fn count_retry(&mut self, dial: Dial) {
        if let Dial::Policy(retry) = dial {
            self.retries.count(retry);
        }
    }

    /// No more dials, by the retry policy.
    fn stop(&mut self, cause: Cause) {
        if self.drain.take().is_some() {
            self.outbox.abandon();
            self.enter(Phase::Closed, cause);
        } else {
            self.enter(Phase::Idle, cause);
        }
    }

    /// Ends a drain once nothing is left to send.
    fn check_drained(&mut self, config: &Config) {
        match self.drain.as_deref() {
            Some(&Drain { code, .. }) if self.outbox.unresolved() == 0 => self.end(config, code, Cause::Drained),
            _ => {}
        }
    }

    /// The end that was asked for: with a close handshake where there is a connection.
    fn end(&mut self, config: &Config, code: CloseCode, cause: Cause) {
        self.drain = None;
        self.last_loss = None;
        match self.phase {
            Phase::Greeting { .. } | Phase::Open { .. } => {
                let until = self.later(config.close_timeout);
                self.enter(Phase::Closing { until, code }, cause);
                self.pending.set(CLOSE, true);
            }
            Phase::Connecting { .. } => {
                self.abort();
                self.enter(Phase::Closed, cause);
            }
            Phase::Idle | Phase::Waiting { .. } => self.enter(Phase::Closed, cause),
            Phase::Closing { .. } | Phase::Closed => {}
        }
    }

    // ---- what the driver pulls -------------------------------------------------------------

    /// Whether there is anything to pull.
    #[inline]
    pub(crate) fn owes(&self) -> bool {
        self.pending.any() || self.outbox.has_outcomes()
    }

    /// The next action that was not pulled.
    #[inline]
    pub(crate) fn next_action(&mut self) -> Option<Action<M>> {
        if !self.pending.any() {
            return self.next_outcome();
        }
        self.next_pending()
    }

    /// The same with as little as possible inlined, for the many places where actions are pulled.
    #[inline]
    pub(crate) fn next_owed(&mut self) -> Option<Action<M>> {
        if self.pending.any() {
            self.next_pending()
        } else if self.outbox.has_outcomes() {
            self.next_owed_outcome()
        } else {
            None
        }
    }

    #[inline(never)]
    fn next_owed_outcome(&mut self) -> Option<Action<M>> {
        self.next_outcome()
    }

    #[inline(never)]
    fn next_pending(&mut self) -> Option<Action<M>> {
        if let Some(conn) = self.pending.next_abort() {
            return Some(Action::Abort { conn });
        }
        match (&self.phase, self.last_conn) {
            (Phase::Connecting { dial, .. }, Some(conn)) if self.pending.take(CONNECT) => {
                count(&mut self.stats.dials);
                let (attempt, last_loss, renew) = (dial.attempt(), self.last_loss, self.renew);
                return Some(Action::Connect { conn, attempt, last_loss, renew });
            }
            (Phase::Open { heartbeat, .. }, Some(conn)) if self.pending.take(PING) => {
                count(&mut self.stats.pings);
                return Some(Action::Ping { conn, token: heartbeat.token() });
            }
            (Phase::Closing { code, .. }, Some(conn)) if self.pending.take(CLOSE) => {
                return Some(Action::Close { conn, code: *code });
            }
            _ => {}
        }
        if let Some(event) = self.pending.next_event() {
            return Some(Action::Event(event));
        }
        match self.phase {
            Phase::Waiting { at, dial, .. } if self.pending.take(SCHEDULE) => {
                Some(Action::ScheduleReconnect { attempt: dial.attempt(), at: at.instant(), cause: self.cause })
            }
            _ => self.next_outcome(),
        }
    }

    #[inline]
    fn next_outcome(&mut self) -> Option<Action<M>> {
        if matches!(self.phase, Phase::Closed) { self.next_last_outcome() } else { self.outbox.next_outcome() }
    }

    #[cold]
    fn next_last_outcome(&mut self) -> Option<Action<M>> {
        let outcome = self.outbox.next_outcome();
        self.outbox.give_back();
        outcome
    }

    // ---- helpers ---------------------------------------------------------------------------

    /// The current connection.
    pub(crate) fn conn(&self) -> Option<ConnId> {
        match self.phase {
            Phase::Idle | Phase::Waiting { .. } | Phase::Closed => None,
            Phase::Connecting { .. } | Phase::Greeting { .. } | Phase::Open { .. } | Phase::Closing { .. } => {
                self.last_conn
            }
        }
    }

    /// How the current connection is watched.
    pub(crate) fn heartbeat_config<'c>(&'c self, config: &'c Config) -> &'c HeartbeatConfig {
        match &self.phase {
            Phase::Greeting { dictated, .. } | Phase::Open { dictated, .. } => watched_by(dictated, config),
            _ => &config.heartbeat,
        }
    }

    fn later(&self, by: Duration) -> Deadline {
        Deadline::at(self.now.saturating_add(by))
    }

    /// Ends the current connection. If its `Connect` was never pulled, its id was never handed out: the next dial uses it.
    fn abort(&mut self) {
        match self.last_conn {
            Some(last) if self.pending.has(CONNECT) => self.last_conn = ConnId::from_raw(last.as_raw() - 1),
            Some(last) => self.pending.abort(last),
            None => {}
        }
    }

    fn emit(&mut self, event: Event) {
        if self.pending.event(event) {
            count(&mut self.stats.dropped);
        }
    }
}

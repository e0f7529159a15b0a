//! Everything that moves a session, from top to bottom: the inputs, the timer, then the few transitions
//! they lead to.

use core::time::Duration;

use crate::action::Owed;
use crate::backoff::{Jitter, Retries};
use crate::config::Config;
use crate::event::{Cause, Event, Events, State};
use crate::heartbeat::{Beat, Heartbeat};
use crate::input::{ConnId, Input};
use crate::loss::{CloseCode, Closed, Loss};
use crate::outbox::Outbox;
use crate::random::Random;
use crate::retry::Verdict;
use crate::round_trip::Estimate;
use crate::stats::{Stats, count};
use crate::time::{Deadline, Instant};

/// Where in its life the session is, with what only that part of a life knows. This is the
/// reconnect lock: there is no other.
#[derive(Clone, Debug)]
pub(crate) enum Life {
    Idle,
    /// `not_before` is what the server asked for; `at` is later by the backoff.
    Waiting {
        at: Deadline,
        not_before: Instant,
    },
    Connecting {
        until: Deadline,
    },
    Greeting {
        until: Deadline,
    },
    Open {
        since: Instant,
        heartbeat: Heartbeat,
    },
    Closing {
        until: Deadline,
        code: CloseCode,
    },
    Closed,
}

/// A `Close` that waits for the outbox.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    pub(crate) until: Deadline,
    pub(crate) code: CloseCode,
}

/// A session without its config.
#[derive(Clone, Debug)]
pub(crate) struct Machine<M> {
    pub(crate) now: Instant,
    pub(crate) life: Life,
    /// Why the state is what it is.
    pub(crate) cause: Cause,
    pub(crate) stop: Option<Stop>,
    /// The number of the latest connection: the current one, where the state has one.
    pub(crate) last_conn: Option<ConnId>,
    /// No dial before this.
    pub(crate) next_dial: Instant,
    pub(crate) retries: Retries,
    pub(crate) random: Random,
    pub(crate) outbox: Outbox<M>,
    pub(crate) owed: Owed,
    pub(crate) events: Events,
    pub(crate) estimate: Estimate,
    pub(crate) stats: Stats,
}

/// What an input came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heard {
    Acted,
    /// It spoke of a connection that had ended.
    Stale,
    /// It made no sense here.
    Ignored,
}

impl Heard {
    fn acted(acted: bool) -> Self {
        if acted { Self::Acted } else { Self::Ignored }
    }
}

/// Which connection an input speaks of.
enum Whose {
    Current,
    Past,
    /// Never minted, or minted and not yet told.
    Nobodys,
}

impl Life {
    pub(crate) fn state(&self) -> State {
        match self {
            Self::Idle => State::Idle,
            Self::Waiting { .. } => State::Waiting,
            Self::Connecting { .. } => State::Connecting,
            Self::Greeting { .. } => State::Greeting,
            Self::Open { .. } => State::Open,
            Self::Closing { .. } => State::Closing,
            Self::Closed => State::Closed,
        }
    }

    pub(crate) fn deadline(&self) -> Deadline {
        match self {
            Self::Idle | Self::Closed => Deadline::NEVER,
            Self::Waiting { at, .. } => *at,
            Self::Connecting { until } | Self::Greeting { until } | Self::Closing { until, .. } => *until,
            Self::Open { heartbeat, .. } => heartbeat.deadline().map_or(Deadline::NEVER, Deadline::at),
        }
    }
}

impl<M> Machine<M> {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            now: Instant::ORIGIN,
            life: Life::Idle,
            cause: Cause::Requested,
            stop: None,
            last_conn: None,
            next_dial: Instant::ORIGIN,
            retries: Retries::default(),
            random: Random::new(seed),
            outbox: Outbox::new(),
            owed: Owed::default(),
            events: Events::default(),
            estimate: Estimate::default(),
            stats: Stats::default(),
        }
    }

    /// The current connection.
    pub(crate) fn conn(&self) -> Option<ConnId> {
        match self.life {
            Life::Idle | Life::Waiting { .. } | Life::Closed => None,
            Life::Connecting { .. } | Life::Greeting { .. } | Life::Open { .. } | Life::Closing { .. } => {
                self.last_conn
            }
        }
    }

    fn whose(&self, conn: ConnId) -> Whose {
        match self.last_conn {
            Some(last) if conn > last || (conn == last && self.owed.connect) => Whose::Nobodys,
            Some(_) if self.conn() == Some(conn) => Whose::Current,
            Some(_) => Whose::Past,
            None => Whose::Nobodys,
        }
    }

    // ---- what every call begins with -------------------------------------------------------

    /// Time never runs backwards, and a pulled message is committed by whatever call comes next.
    #[inline]
    pub(crate) fn begin(&mut self, config: &Config, now: Instant) {
        self.advance(now);
        if self.outbox.has_pulled() {
            self.commit(config);
        }
    }

    #[inline]
    pub(crate) fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    #[cold]
    fn commit(&mut self, config: &Config) {
        self.outbox.commit();
        self.settle(config);
    }

    // ---- inputs ----------------------------------------------------------------------------

    /// One input; a message that is to be delivered comes back.
    #[inline]
    pub(crate) fn handle(&mut self, config: &Config, now: Instant, input: Input<M>) -> Option<M> {
        self.begin(config, now);
        match input {
            Input::Message { conn, message } => self.inbound(conn).then_some(message),
            other => {
                self.control(config, other);
                None
            }
        }
    }

    /// A message arrived. True if it is to be delivered.
    #[inline]
    fn inbound(&mut self, conn: ConnId) -> bool {
        if self.last_conn == Some(conn) {
            match self.life {
                Life::Open { .. } => {
                    self.alive();
                    return true;
                }
                Life::Greeting { .. } | Life::Closing { .. } => return true,
                Life::Idle | Life::Waiting { .. } | Life::Connecting { .. } | Life::Closed => {}
            }
        }
        let heard = self.of(conn, |_| Heard::Ignored);
        self.count(heard);
        false
    }

    #[inline(never)]
    fn control(&mut self, config: &Config, input: Input<M>) {
        let heard = match input {
            Input::Connect => self.connect(config),
            Input::Opened { conn } => self.opened(config, conn),
            Input::Ready { conn } => self.of(conn, |machine| machine.greeted(config)),
            Input::Pong { conn } => self.of(conn, Self::pong),
            Input::Alive { conn } => self.of(conn, Self::alive),
            Input::Closed { conn, closed } => self.of(conn, |machine| machine.ended(config, closed)),
            Input::Acked { id } => Heard::acted(self.outbox.acked(id)),
            Input::Cancel { id } => Heard::acted(self.outbox.cancel(id)),
            Input::Timer => self.timer(config),
            Input::NetworkChanged => self.network_changed(config),
            Input::Close { code, within } => self.close(config, code, within),
            // `handle` keeps messages off this path.
            Input::Message { .. } => Heard::Ignored,
        };
        self.count(heard);
        self.settle(config);
    }

    /// Only the current connection moves the machine.
    fn of(&mut self, conn: ConnId, act: impl FnOnce(&mut Self) -> Heard) -> Heard {
        match self.whose(conn) {
            Whose::Current => act(self),
            Whose::Past => Heard::Stale,
            Whose::Nobodys => Heard::Ignored,
        }
    }

    fn count(&mut self, heard: Heard) {
        match heard {
            Heard::Acted => {}
            Heard::Stale => count(&mut self.stats.stale),
            Heard::Ignored => count(&mut self.stats.ignored),
        }
    }

    fn connect(&mut self, config: &Config) -> Heard {
        let withdrew = self.stop.take().is_some();
        match self.life {
            Life::Idle | Life::Closed => {
                self.retries.reset();
                self.dial_after_gap(config, Cause::Requested);
                Heard::Acted
            }
            Life::Closing { .. } => {
                self.abort();
                self.retries.reset();
                self.dial_after_gap(config, Cause::Requested);
                Heard::Acted
            }
            Life::Waiting { .. } => Heard::acted(self.hurry(config, self.next_dial, Cause::Requested) || withdrew),
            Life::Connecting { .. } | Life::Greeting { .. } | Life::Open { .. } => Heard::acted(withdrew),
        }
    }

    fn opened(&mut self, config: &Config, conn: ConnId) -> Heard {
        match (self.whose(conn), &self.life) {
            (Whose::Current, Life::Connecting { .. }) => {
                match config.greeting_timeout {
                    Some(timeout) => self.go(Life::Greeting { until: self.later(timeout) }, Cause::Opened),
                    None => self.ready(config, Cause::Opened),
                }
                Heard::Acted
            }
            (Whose::Current, _) | (Whose::Nobodys, _) => Heard::Ignored,
            (Whose::Past, _) => {
                self.abort_stale(conn);
                Heard::Stale
            }
        }
    }

    fn greeted(&mut self, config: &Config) -> Heard {
        let greeting = matches!(self.life, Life::Greeting { .. });
        if greeting {
            self.ready(config, Cause::Ready);
        }
        Heard::acted(greeting)
    }

    fn pong(&mut self) -> Heard {
        let Life::Open { heartbeat, .. } = &mut self.life else { return Heard::Ignored };
        let pong = heartbeat.pong(self.now);
        count(&mut self.stats.pongs);
        if let Some(round_trip) = pong.round_trip {
            self.estimate.sample(round_trip);
        }
        if pong.recovered {
            self.tell(Event::Recovered);
        }
        Heard::Acted
    }

    #[inline]
    fn alive(&mut self) -> Heard {
        let Life::Open { heartbeat, .. } = &mut self.life else { return Heard::Ignored };
        if heartbeat.alive(self.now) {
            self.tell(Event::Recovered);
        }
        Heard::Acted
    }

    fn ended(&mut self, config: &Config, closed: Closed) -> Heard {
        match self.life {
            Life::Closing { .. } => self.go(Life::Closed, Cause::Lost(closed.loss)),
            _ => self.lose(config, closed),
        }
        Heard::Acted
    }

    fn network_changed(&mut self, config: &Config) -> Heard {
        match &mut self.life {
            Life::Waiting { not_before, .. } => {
                let earliest = self.next_dial.max(*not_before);
                Heard::acted(self.hurry(config, earliest, Cause::NetworkChanged))
            }
            Life::Open { heartbeat, .. } => {
                let ping = heartbeat.probe(&config.heartbeat, self.now);
                if ping {
                    self.owed.ping = true;
                }
                Heard::acted(ping)
            }
            _ => Heard::Ignored,
        }
    }

    fn close(&mut self, config: &Config, code: CloseCode, within: Duration) -> Heard {
        let by = self.later(within);
        match &mut self.life {
            Life::Closed => Heard::Ignored,
            Life::Closing { until, .. } => {
                let sooner = by < *until;
                *until = by.min(*until);
                Heard::acted(sooner)
            }
            Life::Idle => {
                self.outbox.abandon();
                self.go(Life::Closed, Cause::Requested);
                Heard::Acted
            }
            Life::Waiting { .. } | Life::Connecting { .. } | Life::Greeting { .. } | Life::Open { .. } => {
                if self.stop.is_none() && self.outbox.unresolved() == 0 {
                    self.finish(config, code, Cause::Requested);
                    return Heard::Acted;
                }
                let sooner = self.stop.as_ref().is_none_or(|stop| by < stop.until);
                if sooner {
                    let code = self.stop.as_ref().map_or(code, |stop| stop.code);
                    self.stop = Some(Stop { until: by, code });
                }
                Heard::acted(sooner)
            }
        }
    }

    // ---- the timer -------------------------------------------------------------------------

    /// Judges every deadline that has passed: first what may end a drain, then where the life stands.
    fn timer(&mut self, config: &Config) -> Heard {
        self.outbox.expire(self.now);
        self.settle(config);
        match self.stop {
            Some(Stop { until, code }) if until.passed(self.now) => {
                self.outbox.abandon();
                self.finish(config, code, Cause::DrainTimeout);
            }
            _ if self.life.deadline().passed(self.now) => self.overdue(config),
            _ => {}
        }
        Heard::Acted
    }

    fn overdue(&mut self, config: &Config) {
        match &mut self.life {
            Life::Idle | Life::Closed => {}
            Life::Waiting { .. } => self.dial(config, Cause::RetryDue),
            Life::Connecting { .. } => {
                self.abort();
                self.lose(config, Loss::ConnectTimeout.into());
            }
            Life::Greeting { .. } => {
                self.abort();
                self.lose(config, Loss::GreetingTimeout.into());
            }
            Life::Closing { .. } => {
                self.abort();
                self.go(Life::Closed, Cause::CloseTimeout);
            }
            Life::Open { heartbeat, .. } => {
                let beat = heartbeat.timer(&config.heartbeat, self.now);
                self.beat(config, beat);
            }
        }
    }

    fn beat(&mut self, config: &Config, beat: Beat) {
        match beat {
            Beat::Quiet => {}
            Beat::Ping => self.owed.ping = true,
            Beat::Degraded => self.tell(Event::Degraded),
            Beat::Slept { late, ping } => {
                self.tell(Event::Slept { late_ms: u32::try_from(late.as_millis()).unwrap_or(u32::MAX) });
                if ping {
                    self.owed.ping = true;
                }
            }
            Beat::Dead => {
                self.abort();
                self.lose(config, Loss::HeartbeatTimeout.into());
            }
        }
    }

    // ---- transitions -----------------------------------------------------------------------

    fn go(&mut self, to: Life, cause: Cause) {
        let from = core::mem::replace(&mut self.life, to).state();
        self.owed.withdraw();
        self.cause = cause;
        self.tell(Event::StateChanged { from, to: self.life.state(), cause });
    }

    fn dial(&mut self, config: &Config, cause: Cause) {
        let conn = self.last_conn.map_or(1, |last| last.as_raw().saturating_add(1));
        self.last_conn = ConnId::from_raw(conn);
        self.next_dial = self.now.saturating_add(config.min_dial_gap);
        self.go(Life::Connecting { until: self.later(config.connect_timeout) }, cause);
        self.owed.connect = true;
    }

    fn dial_after_gap(&mut self, config: &Config, cause: Cause) {
        if self.next_dial <= self.now {
            self.dial(config, cause);
        } else {
            self.wait(self.next_dial, self.now, cause);
        }
    }

    /// From waiting: dials at `earliest`, which may be now. False if it is no sooner than planned.
    fn hurry(&mut self, config: &Config, earliest: Instant, cause: Cause) -> bool {
        let Life::Waiting { at, not_before } = &mut self.life else { return false };
        if earliest <= self.now {
            self.dial(config, cause);
            return true;
        }
        let sooner = Deadline::at(earliest) < *at;
        if sooner {
            *at = Deadline::at(earliest);
            *not_before = (*not_before).min(earliest);
            self.owed.schedule = true;
        }
        sooner
    }

    fn wait(&mut self, at: Instant, not_before: Instant, cause: Cause) {
        self.go(Life::Waiting { at: Deadline::at(at), not_before }, cause);
        self.owed.schedule = true;
    }

    fn ready(&mut self, config: &Config, cause: Cause) {
        let (heartbeat, ping) = Heartbeat::start(&config.heartbeat, self.now);
        count(&mut self.stats.ready);
        self.estimate = Estimate::default();
        self.go(Life::Open { since: self.now, heartbeat }, cause);
        if ping {
            self.owed.ping = true;
        }
    }

    /// The connection or dial is over, however it ended: one end, one retry.
    fn lose(&mut self, config: &Config, closed: Closed) {
        let loss = closed.loss;
        self.stats.lost(loss);
        self.outbox.connection_over(&config.outbox);
        if self.was_stable(config) {
            self.retries.reset();
        }
        let asked = closed.retry_after.unwrap_or_default().min(config.retry_after_max);
        let stay_away = match config.retry.verdict(loss) {
            Verdict::Stop => return self.halt(Cause::Stopped(loss)),
            Verdict::RetryAfter(least) => asked.max(least),
            Verdict::Retry => asked,
        };
        if config.max_attempts.is_some_and(|max| self.retries.attempt() >= max) {
            return self.halt(Cause::Exhausted(loss));
        }
        let delay = self.next_delay(config).max(Duration::from_nanos(1));
        let not_before = self.now.saturating_add(stay_away);
        let mut at = not_before.saturating_add(delay);
        if at < self.next_dial {
            // On top of the gap, not cut off by it: a crowd must not dial the moment the gap is over.
            at = self.next_dial.saturating_add(delay);
        }
        self.wait(at, not_before, Cause::Lost(loss));
    }

    fn was_stable(&self, config: &Config) -> bool {
        match self.life {
            Life::Open { since, .. } => self.now.saturating_since(since) >= config.stable_after,
            _ => false,
        }
    }

    fn next_delay(&mut self, config: &Config) -> Duration {
        let random = match config.backoff.jitter {
            Jitter::None => 0,
            Jitter::Equal | Jitter::Full | Jitter::Decorrelated => self.random.next(),
        };
        self.retries.next(&config.backoff, random)
    }

    /// No dial any more, by policy.
    fn halt(&mut self, cause: Cause) {
        if self.stop.take().is_some() {
            self.outbox.abandon();
            self.go(Life::Closed, cause);
        } else {
            self.go(Life::Idle, cause);
        }
    }

    /// Closes once nothing is left to send.
    pub(crate) fn settle(&mut self, config: &Config) {
        match self.stop {
            Some(Stop { code, .. }) if self.outbox.unresolved() == 0 => self.finish(config, code, Cause::Drained),
            _ => {}
        }
    }

    /// The end that was asked for: with a handshake where there is somebody to shake hands with.
    fn finish(&mut self, config: &Config, code: CloseCode, cause: Cause) {
        self.stop = None;
        match self.life {
            Life::Greeting { .. } | Life::Open { .. } => {
                let until = self.later(config.close_timeout);
                self.go(Life::Closing { until, code }, cause);
                self.owed.close = true;
            }
            Life::Connecting { .. } => {
                self.abort();
                self.go(Life::Closed, cause);
            }
            Life::Idle | Life::Waiting { .. } => self.go(Life::Closed, cause),
            Life::Closing { .. } | Life::Closed => {}
        }
    }

    // ---- small change ----------------------------------------------------------------------

    fn later(&self, by: Duration) -> Deadline {
        Deadline::at(self.now.saturating_add(by))
    }

    /// Ends the current connection. If its `Connect` was never told there is nothing to end, and its
    /// name never was.
    fn abort(&mut self) {
        if self.owed.connect {
            self.last_conn = self.last_conn.and_then(|last| ConnId::from_raw(last.as_raw() - 1));
        } else {
            self.owed.abort = self.last_conn;
        }
    }

    fn abort_stale(&mut self, conn: ConnId) {
        if self.owed.abort == Some(conn) {
            return;
        }
        if self.owed.abort_stale.is_some_and(|owed| owed != conn) {
            count(&mut self.stats.dropped);
        }
        self.owed.abort_stale = Some(conn);
    }

    fn tell(&mut self, event: Event) {
        if !self.events.push(event) {
            count(&mut self.stats.dropped);
        }
    }
}

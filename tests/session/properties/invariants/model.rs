//! What SPEC says a session does, written a second time: with plain lists, nothing stored that can be computed, and
//! no code of the crate. It predicts every answer; only what chance decides (the delay before a retry) it takes from
//! the session, if it lies within its bounds.

use std::rc::Rc;
use std::time::Duration;

use heartline::backoff::Jitter;
use heartline::event::{Cause, Event, ReadyState};
use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline::message::{Delivery, Refusal};
use heartline::replay::Call;
use heartline::retry::{DEFAULT_RULES, Pattern, Verdict};
use heartline::stats::Stats;
use heartline::{CloseCode, Config, ConnId, Input, Loss, MessageId, State, Timestamp};

use super::heart::{Due, Heart, dictated, interval, passed, timeout};
use super::messages::Outbox;
use super::owed::Owed;
use super::record::{Answer, Done, Message, Session};

#[derive(Clone, Debug)]
pub struct Model {
    config: Rc<Config>,
    pub now: Timestamp,
    pub state: State,
    cause: Cause,
    /// Since when the state lasts.
    pub entered: Timestamp,
    /// The number of the latest connection whose `Connect` was pulled.
    pub handed_out: u64,
    /// Until when, and with which code.
    drain: Option<(Timestamp, CloseCode)>,
    /// Until when the peer may answer the close frame, and its code.
    closing: (Timestamp, CloseCode),
    last_dial: Option<Timestamp>,
    /// The dial that is scheduled or under way, when it is due, and whether the server asked for that wait.
    dial: Dial,
    dial_at: Timestamp,
    asked: bool,
    /// The delay that was just drawn.
    drawn: Option<Drawn>,
    /// The latest retry that was counted, and the most that the delay before it can have been.
    retry: (u32, Duration),
    last_loss: Option<Loss>,
    renew: bool,
    /// R11: no network is left.
    network_lost: bool,
    ready_at: Timestamp,
    dictated: Option<HeartbeatConfig>,
    heart: Option<Heart>,
    /// The latest round trip in whole microseconds, and the smoothed one.
    round_trip: Option<(u32, f64)>,
    pub owed: Owed,
    pub outbox: Outbox,
    pub stats: Stats,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Dial {
    Application,
    Network,
    Retry(u32, Duration),
}

impl Dial {
    fn attempt(self) -> u32 {
        if let Self::Retry(attempt, _) = self { attempt } else { 0 }
    }

    fn cause(self) -> Cause {
        match self {
            Self::Application => Cause::Requested,
            Self::Network => Cause::NetworkChanged,
            Self::Retry(..) => Cause::RetryDue,
        }
    }
}

/// The bounds of the next dial: a delay from `shortest` to `longest` after `from`, or after the gap, and `put_off` later.
#[derive(Clone, Copy, Debug)]
struct Drawn {
    from: Timestamp,
    shortest: Duration,
    longest: Duration,
    put_off: Duration,
}

/// P1: what became of an input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Took {
    Applied,
    Stale,
    Ignored,
}

fn applied(applied: bool) -> Took {
    if applied { Took::Applied } else { Took::Ignored }
}

/// R4: the first rule that matches.
fn verdict(config: &Config, loss: Loss) -> Verdict {
    let own = config.retry.rules.iter().map(|rule| (rule.pattern, rule.verdict));
    let rules = own.chain(DEFAULT_RULES.iter().map(|rule| (rule.pattern, rule.verdict)));
    let timeouts = [Loss::ConnectTimeout, Loss::GreetingTimeout, Loss::HeartbeatTimeout, Loss::AckTimeout];
    let matches = |pattern: Pattern| match (pattern, loss) {
        (Pattern::Any, _) => true,
        (Pattern::Timeout, loss) => timeouts.contains(&loss),
        (Pattern::Close(low, high), Loss::Close(code) | Loss::Application(code)) => low <= code && code <= high,
        (Pattern::Application(low, high), Loss::Application(code)) => low <= code && code <= high,
        (Pattern::Status(low, high), Loss::Status(status)) => low <= status && status <= high,
        (Pattern::Transport(error), Loss::Transport(found)) => error == found,
        _ => false,
    };
    rules.into_iter().find(|(pattern, _)| matches(*pattern)).expect("total").1
}

/// R2: the delays that chance may choose from before this retry, `previous` the one before.
fn delays(config: &Config, attempt: u32, previous: Duration) -> (Duration, Duration) {
    let backoff = &config.backoff;
    let doubled = 2_u32.checked_pow(attempt - 1).and_then(|factor| backoff.base.checked_mul(factor));
    let ceiling = doubled.unwrap_or(backoff.max).min(backoff.max);
    let (shortest, longest) = match backoff.jitter {
        Jitter::None => (ceiling, ceiling),
        Jitter::Equal => (backoff.min.max(ceiling / 2), ceiling),
        Jitter::Full => (backoff.min, ceiling),
        _ => (backoff.base, backoff.max.min(3 * previous.max(backoff.base))),
    };
    let nanosecond = Duration::from_nanos(1);
    (shortest.max(nanosecond), longest.max(nanosecond))
}

impl Model {
    pub fn new(config: Rc<Config>, first_id: MessageId) -> Self {
        Self {
            outbox: Outbox::new(config.outbox, first_id),
            config,
            now: Timestamp::ORIGIN,
            state: State::Idle,
            cause: Cause::Requested,
            entered: Timestamp::ORIGIN,
            handed_out: 0,
            drain: None,
            closing: (Timestamp::MAX, CloseCode::NORMAL),
            last_dial: None,
            dial: Dial::Application,
            dial_at: Timestamp::MAX,
            asked: false,
            drawn: None,
            retry: (0, Duration::ZERO),
            last_loss: None,
            renew: false,
            network_lost: false,
            ready_at: Timestamp::ORIGIN,
            dictated: None,
            heart: None,
            round_trip: None,
            owed: Owed::default(),
            stats: Stats::default(),
        }
    }

    // ---- calls and answers -------------------------------------------------------------------

    /// Checks the answer of one call. `armed` is the deadline that was armed before it; `session` is as it is after.
    pub fn call(&mut self, call: &Call<Message>, answer: &Answer, armed: Timestamp, session: &Session) {
        self.outbox.calls += 1;
        if let Some(now) = moment(call) {
            self.now = self.now.max(now);
        }
        match (call, answer) {
            (Call::Handle { input, pulled, .. }, Answer::Actions(actions)) => {
                let deliver = self.input(input, armed);
                self.end_drain();
                self.take_draw(session.next_dial().map(|(_, at)| at));
                self.check_pulled(deliver, pulled.map_or(usize::MAX, |pulled| pulled as usize), actions);
            }
            (Call::NextAction, Answer::Actions(actions)) => self.check_pulled(None, 1, actions),
            (Call::Received { conn, .. }, Answer::Received(received)) => {
                assert_eq!(*received, self.received(*conn), "[C7] received on {conn}");
            }
            (Call::Send { outgoing, .. }, Answer::Send(sent)) => {
                let expected = self.send(outgoing);
                let found = sent.as_ref().map(|id| *id).map_err(|refused| refused.reason);
                assert_eq!(found, expected, "[Q1, Q2, X1] {outgoing:?}");
                let back = sent.as_ref().err().is_none_or(|refused| refused.outgoing == *outgoing);
                assert!(back, "[Q3] another message came back");
            }
            (Call::Transmit { .. }, Answer::Transmit(lent)) => {
                let expected = self.transmit();
                assert_eq!(*lent, expected, "[C5, Q4, Q5, Q6, Q7] lent in {}", self.state);
            }
            (Call::Sent { id, .. }, Answer::Nothing) => match self.outbox.sent(self.now, *id) {
                Some(redelivery) => self.stats.redeliveries += u32::from(redelivery),
                None => self.stats.ignored += 1,
            },
            (Call::Rejected { id, .. }, Answer::Nothing) => {
                self.stats.ignored += u32::from(!self.outbox.rejected(*id));
            }
            _ => panic!("{answer:?} is no answer to {call:?}"),
        }
        self.end_drain();
    }

    /// X1: a drain is over when every message has its outcome.
    fn end_drain(&mut self) {
        if let Some((_, code)) = self.drain.filter(|_| self.outbox.unresolved().next().is_none()) {
            self.end(code, Cause::Drained);
        }
    }

    pub fn owes(&self) -> bool {
        self.owed.any() || self.outbox.has_outcomes()
    }

    /// P6: these actions and no others, in this order; outcomes of one call in any.
    fn check_pulled(&mut self, deliver: Option<Message>, most: usize, actions: &[Done]) {
        let mut deliver = deliver.map(Done::Deliver);
        for action in actions {
            match (deliver.take().or_else(|| self.next_owed()), action) {
                (Some(expected), action) => assert_eq!(*action, expected, "[P6] in {actions:?}"),
                (None, Done::Outcome(id, outcome)) => self.outbox.pulled(*id, outcome),
                (None, action) => panic!("[P6] {action:?} is not owed: {actions:?}"),
            }
        }
        let all = actions.len() < most;
        assert!(!all || (!self.owes() && deliver.is_none()), "[P6] still owed: {:?}, {:?}", self.owed, self.outbox);
        let control = actions.iter().filter(|action| !matches!(action, Done::Outcome(..))).count();
        assert!(control <= 8, "[P6] too many in one step: {actions:?}");
        self.stats.undelivered += u32::from(deliver.is_some());
    }

    /// Everything but outcomes.
    fn next_owed(&mut self) -> Option<Done> {
        if let Some((conn, _)) = self.owed.aborts.pop_front() {
            return Some(Done::Abort(conn));
        }
        if std::mem::take(&mut self.owed.connect) {
            self.handed_out += 1;
            self.stats.dials += 1;
            let (attempt, last_loss, renew) = (self.dial.attempt(), self.last_loss, self.renew);
            return Some(Done::Connect { conn: conn(self.handed_out), attempt, last_loss, renew });
        }
        if std::mem::take(&mut self.owed.ping) {
            self.stats.pings += 1;
            let token = self.heart.as_ref().expect("only an open connection is pinged").token;
            return Some(Done::Ping { conn: conn(self.handed_out), token });
        }
        if std::mem::take(&mut self.owed.close) {
            return Some(Done::Close(conn(self.handed_out), self.closing.1));
        }
        if let Some(event) = self.owed.events.pop_front() {
            return Some(Done::Event(event));
        }
        let schedule = Done::Schedule { attempt: self.dial.attempt(), at: self.dial_at, cause: self.cause };
        std::mem::take(&mut self.owed.schedule).then_some(schedule)
    }

    // ---- inputs ------------------------------------------------------------------------------

    /// A message to deliver comes back.
    fn input(&mut self, input: &Input<Message>, armed: Timestamp) -> Option<Message> {
        let took = match input {
            Input::Message { conn, message } => return self.received(*conn).then_some(*message),
            Input::Alive { conn } => {
                self.received(*conn);
                Took::Applied
            }
            Input::Pong { conn, token } => self.pong(*conn, *token),
            Input::Timer => {
                if passed(armed, self.now) {
                    self.timer(armed);
                }
                Took::Applied
            }
            Input::Connect => self.connect(),
            Input::Reconnect => self.reconnect(),
            Input::Opened { conn } => self.opened(*conn),
            Input::Ready { conn } => self.named(*conn, |model| applied(model.greeted())),
            Input::Heartbeat { conn, mode } => self.named(*conn, |model| applied(model.dictate(*mode))),
            Input::Unread { conn } => self.named(*conn, |model| applied(model.unread())),
            Input::Closed { conn, loss, retry_after } => self.named(*conn, |model| {
                model.closed(*loss, retry_after.unwrap_or_default());
                Took::Applied
            }),
            Input::Acked { id } => applied(self.outbox.acked(*id)),
            Input::Cancel { id } => applied(self.outbox.cancel(*id)),
            Input::NetworkChanged => {
                let was_lost = std::mem::take(&mut self.network_lost);
                applied(self.network_changed() || was_lost)
            }
            Input::NetworkLost => applied(self.lose_network()),
            Input::Close { code, within } => applied(self.close(*code, *within)),
            _ => unreachable!("an input unknown to the model"),
        };
        self.count(took);
        None
    }

    fn count(&mut self, took: Took) {
        self.stats.stale += u32::from(took == Took::Stale);
        self.stats.ignored += u32::from(took == Took::Ignored);
    }

    /// The current connection, if its `Connect` was pulled.
    fn current(&self) -> Option<ConnId> {
        let connected = matches!(self.state, State::Connecting | State::Greeting | State::Open | State::Closing);
        (connected && !self.owed.connect).then(|| conn(self.handed_out))
    }

    /// C3: only the current connection changes anything.
    fn named(&mut self, conn: ConnId, act: impl FnOnce(&mut Self) -> Took) -> Took {
        match self.current() {
            _ if conn.as_raw() > self.handed_out => Took::Ignored,
            Some(current) if current == conn => act(self),
            _ => Took::Stale,
        }
    }

    /// C7, H1: true if a message would be delivered.
    fn received(&mut self, conn: ConnId) -> bool {
        let took = self.named(conn, |model| {
            let now = model.now;
            if model.heart.as_mut().is_some_and(|heart| heart.life(now)) {
                model.event(Event::Recovered);
            }
            applied(model.state != State::Connecting)
        });
        self.count(took);
        took == Took::Applied
    }

    fn pong(&mut self, conn: ConnId, token: Option<u32>) -> Took {
        if let Some(heart) = self.heart.as_mut().filter(|_| conn.as_raw() == self.handed_out) {
            self.stats.pongs += 1;
            if let Some(sample) = heart.pong(self.now, token) {
                let sample = u32::try_from(sample.as_micros()).unwrap_or(u32::MAX).min(u32::MAX - 1);
                let smoothed = self
                    .round_trip
                    .map_or(sample.into(), |(_, smoothed)| smoothed + (f64::from(sample) - smoothed) / 8.0);
                self.round_trip = Some((sample, smoothed));
            }
        }
        self.received(conn);
        Took::Applied
    }

    /// R6, R8, R9: `Connect` and its forceful sibling.
    fn connect(&mut self) -> Took {
        let withdrew = self.drain.take().is_some();
        match self.state {
            State::Idle | State::Closing | State::Closed => {
                self.abort();
                self.retry = (0, Duration::ZERO);
                self.renew = false;
                self.dial_after_gap(Dial::Application);
                Took::Applied
            }
            State::Waiting => applied(self.dial_sooner(Dial::Application) || withdrew),
            State::Connecting | State::Greeting | State::Open => applied(withdrew),
        }
    }

    fn reconnect(&mut self) -> Took {
        let renewed = std::mem::take(&mut self.renew);
        if !matches!(self.state, State::Connecting | State::Greeting | State::Open) {
            let took = self.connect();
            return applied(took == Took::Applied || renewed);
        }
        (self.drain, self.last_loss) = (None, None);
        self.end_connection(false);
        self.abort();
        self.dial_after_gap(Dial::Application);
        Took::Applied
    }

    /// C3, C5.
    fn opened(&mut self, conn: ConnId) -> Took {
        let took = self.named(conn, |model| applied(model.state == State::Connecting));
        match took {
            Took::Applied => {
                self.count_retry();
                self.network_lost = false;
                if self.config.greeting_timeout.is_some() {
                    self.enter(State::Greeting, Cause::Opened);
                } else {
                    self.ready(Cause::Opened);
                }
            }
            Took::Stale => self.stats.dropped += self.owed.abort_stale(conn),
            Took::Ignored => {}
        }
        took
    }

    fn greeted(&mut self) -> bool {
        let greeting = self.state == State::Greeting;
        if greeting {
            self.ready(Cause::Ready);
        }
        greeting
    }

    fn ready(&mut self, cause: Cause) {
        self.enter(State::Open, cause);
        let (heart, ping) = Heart::new(self.dictated.unwrap_or(self.config.heartbeat), self.now);
        (self.heart, self.owed.ping) = (Some(heart), ping);
        (self.ready_at, self.round_trip) = (self.now, None);
        self.stats.ready += 1;
    }

    /// H10.
    fn dictate(&mut self, mode: HeartbeatMode) -> bool {
        let config = dictated(&self.config.heartbeat, mode);
        let (Some(config), State::Greeting | State::Open) = (config, self.state) else { return false };
        self.dictated = Some(config);
        if let Some(heart) = &mut self.heart {
            let (recovered, ping) = heart.restart(config, self.now);
            self.owed.ping = ping;
            if recovered {
                self.event(Event::Recovered);
            }
        }
        true
    }

    /// H11.
    fn unread(&mut self) -> bool {
        let Some(heart) = &mut self.heart else { return false };
        heart.unread(self.now);
        self.owed.ping = false;
        self.outbox.begin_ack_waits(self.now);
        true
    }

    /// C6, C8.
    fn closed(&mut self, loss: Loss, retry_after: Duration) {
        if matches!(loss, Loss::Application(_)) {
            self.abort();
        }
        if self.state == State::Closing {
            self.enter(State::Closed, Cause::Lost(loss));
        } else {
            self.lose(loss, retry_after);
        }
    }

    /// R7.
    fn network_changed(&mut self) -> bool {
        match self.state {
            State::Waiting => !self.asked && self.dial_sooner(Dial::Network),
            State::Connecting if self.dial != Dial::Network && self.gap() <= self.now => {
                self.abort();
                self.start_dial(Dial::Network);
                true
            }
            State::Open => {
                let gap = self.config.min_dial_gap;
                let ping = self.heart.as_mut().is_some_and(|heart| heart.probe(self.now, gap));
                self.owed.ping |= ping;
                ping
            }
            _ => false,
        }
    }

    /// R11.
    fn lose_network(&mut self) -> bool {
        let news = !std::mem::replace(&mut self.network_lost, true);
        if news && self.state == State::Waiting && !self.asked && self.dial != Dial::Application {
            let put_off = self.dial_at.max(self.now).saturating_add(self.config.max_retry_after);
            self.owed.schedule |= put_off != self.dial_at;
            self.dial_at = put_off;
        }
        news
    }

    /// X1: false for a second `Close` that would give more time.
    fn close(&mut self, code: CloseCode, within: Duration) -> bool {
        let by = self.now.saturating_add(within);
        match self.state {
            State::Closed => false,
            State::Closing => {
                let sooner = by < self.closing.0;
                self.closing.0 = by.min(self.closing.0);
                sooner
            }
            State::Idle => {
                self.outbox.abandon();
                self.end(code, Cause::Requested);
                true
            }
            _ if self.drain.is_none() && self.outbox.unresolved().next().is_none() => {
                self.end(code, Cause::Requested);
                true
            }
            _ => {
                let sooner = self.drain.is_none_or(|(until, _)| by < until);
                if sooner {
                    self.drain = Some((by, self.drain.map_or(code, |(_, code)| code)));
                }
                sooner
            }
        }
    }

    // ---- the sending side --------------------------------------------------------------------

    /// Q2, X1: why a message of this delivery is refused, apart from the bounds.
    fn refusal(&self, delivery: Delivery) -> Option<Refusal> {
        let this_connection = delivery == Delivery::ThisConnection;
        let connected = matches!(self.state, State::Greeting | State::Open);
        let ended = matches!(self.state, State::Closing | State::Closed);
        match () {
            () if ended || (self.drain.is_some() && !(this_connection && connected)) => Some(Refusal::Closed),
            () if this_connection && !connected => Some(Refusal::NotConnected),
            () => None,
        }
    }

    fn send(&mut self, outgoing: &heartline::Outgoing<Message>) -> Result<MessageId, Refusal> {
        if let Some(refusal) = self.refusal(outgoing.delivery()) {
            return Err(refusal);
        }
        let (id, evicted) = self.outbox.send(self.now, outgoing)?;
        self.stats.evictions += evicted;
        Ok(id)
    }

    fn transmit(&mut self) -> Option<(MessageId, Message, Delivery, bool)> {
        let ready = match self.state {
            State::Greeting => Some(false),
            State::Open => Some(true),
            _ => None,
        };
        self.outbox.lend(self.now, ready)
    }

    // ---- the timer ---------------------------------------------------------------------------

    /// P5: everything that is due, called for the deadline `due`.
    fn timer(&mut self, due: Timestamp) {
        self.outbox.expire(self.now);
        self.end_drain();
        if let Some((_, code)) = self.drain.filter(|(until, _)| passed(*until, self.now)) {
            self.outbox.abandon();
            return self.end(code, Cause::DrainTimeout);
        }
        if self.state == State::Open {
            return self.check_life(due);
        }
        if !passed(self.state_deadline(), self.now) {
            return;
        }
        match self.state {
            State::Waiting => self.start_dial(self.dial),
            State::Connecting => self.give_up(Loss::ConnectTimeout),
            State::Greeting => self.give_up(Loss::GreetingTimeout),
            State::Closing => {
                self.abort();
                self.enter(State::Closed, Cause::CloseTimeout);
            }
            State::Idle | State::Open | State::Closed => {}
        }
    }

    /// H4, H6, H8, Q9.
    fn check_life(&mut self, armed: Timestamp) {
        let late = self.now.saturating_since(armed);
        let due = self.heart.as_mut().and_then(|heart| heart.timer(self.now, armed));
        if due == Some(Due::Dead) {
            return self.give_up(Loss::HeartbeatTimeout);
        }
        let tolerance = self.config.heartbeat.late_tolerance;
        let late_acks = late > tolerance && self.outbox.restart_ack_waits(self.now, tolerance);
        if late_acks || matches!(due, Some(Due::Slept { .. })) {
            self.event(Event::Slept { late_ms: u32::try_from(late.as_millis()).unwrap_or(u32::MAX) });
        }
        match due {
            Some(Due::Ping | Due::Slept { ping: true }) => self.owed.ping = true,
            Some(Due::Degraded) => self.event(Event::Degraded),
            _ => {}
        }
        if self.outbox.unresolved().any(|entry| passed(entry.ack_due, self.now)) {
            self.give_up(Loss::AckTimeout);
        }
    }

    fn give_up(&mut self, loss: Loss) {
        self.abort();
        self.lose(loss, Duration::ZERO);
    }

    /// On an open connection.
    pub fn silence_began(&self) -> Option<Timestamp> {
        self.heart.as_ref().map(Heart::silence_began)
    }

    fn state_deadline(&self) -> Timestamp {
        let after = |time| self.entered.saturating_add(time);
        match self.state {
            State::Waiting => self.dial_at,
            State::Connecting => after(self.config.connect_timeout),
            State::Greeting => self.config.greeting_timeout.map_or(Timestamp::MAX, after),
            State::Closing => self.closing.0,
            State::Open => self.heart.as_ref().map_or(Timestamp::MAX, |heart| heart.earliest(self.now)),
            State::Idle | State::Closed => Timestamp::MAX,
        }
    }

    /// P7: the earliest moment at which anything can be due.
    pub fn earliest(&self) -> Timestamp {
        let drain = self.drain.map_or(Timestamp::MAX, |(until, _)| until);
        let messages = self.outbox.unresolved().map(|entry| entry.expires.min(entry.ack_due)).min();
        self.state_deadline().min(drain).min(messages.unwrap_or(Timestamp::MAX))
    }

    // ---- transitions -------------------------------------------------------------------------

    fn event(&mut self, event: Event) {
        self.stats.dropped += self.owed.event(event);
    }

    fn enter(&mut self, to: State, cause: Cause) {
        let from = std::mem::replace(&mut self.state, to);
        (self.cause, self.entered, self.heart) = (cause, self.now, None);
        if !matches!(to, State::Greeting | State::Open) {
            self.dictated = None;
        }
        self.owed.leave_state();
        self.event(Event::StateChanged { from, to, cause });
    }

    /// C1: what was never handed out need not be aborted.
    fn abort(&mut self) {
        self.owed.aborts.extend(self.current().map(|conn| (conn, false)));
    }

    /// R2: no dial before this.
    fn gap(&self) -> Timestamp {
        self.last_dial.map_or(Timestamp::ORIGIN, |last| last.saturating_add(self.config.min_dial_gap))
    }

    fn start_dial(&mut self, dial: Dial) {
        assert!(self.gap() <= self.now, "[R2] {dial:?} at {:?} within the gap", self.now);
        (self.dial, self.last_dial) = (dial, Some(self.now));
        self.enter(State::Connecting, dial.cause());
        self.owed.connect = true;
    }

    fn wait(&mut self, dial: Dial, at: Timestamp, asked: bool, cause: Cause) {
        self.enter(State::Waiting, cause);
        (self.dial, self.dial_at, self.asked, self.owed.schedule) = (dial, at, asked, true);
    }

    fn dial_after_gap(&mut self, dial: Dial) {
        if self.gap() <= self.now {
            self.start_dial(dial);
        } else {
            self.wait(dial, self.gap(), false, dial.cause());
        }
    }

    /// R6, R7: false if that is no sooner than planned.
    fn dial_sooner(&mut self, dial: Dial) -> bool {
        let preempts = self.gap() == self.dial_at && matches!(self.dial, Dial::Retry(..));
        let sooner = self.gap() <= self.now || self.gap() < self.dial_at || preempts;
        if self.gap() <= self.now {
            self.start_dial(dial);
        } else if sooner {
            (self.dial, self.dial_at, self.asked, self.owed.schedule) = (dial, self.gap(), false, true);
        }
        sooner
    }

    /// R10: a retry counts once its dial came to something.
    fn count_retry(&mut self) {
        if let Dial::Retry(attempt, delay) = self.dial {
            self.retry = (attempt, delay);
        }
    }

    /// R1, R4, R8, C9.
    fn lose(&mut self, loss: Loss, retry_after: Duration) {
        self.count_loss(loss);
        self.last_loss = Some(loss);
        self.end_connection(true);
        if self.state == State::Connecting {
            self.count_retry();
        }
        let mut wait = retry_after.min(self.config.max_retry_after);
        match verdict(&self.config, loss) {
            Verdict::Retry => {}
            Verdict::RetryAfter(least) => wait = wait.max(least),
            Verdict::Renew if !std::mem::replace(&mut self.renew, true) => {}
            _ => return self.stop(Cause::Stopped(loss)),
        }
        if self.config.max_retries.is_some_and(|max| self.retry.0 >= max) {
            return self.stop(Cause::Exhausted(loss));
        }
        let (last, previous) = self.retry;
        let attempt = last + 1;
        let (shortest, longest) = delays(&self.config, attempt, previous);
        let asked = !wait.is_zero();
        let put_off = if self.network_lost && !asked { self.config.max_retry_after } else { Duration::ZERO };
        self.drawn = Some(Drawn { from: self.now.saturating_add(wait), shortest, longest, put_off });
        self.wait(Dial::Retry(attempt, Duration::ZERO), Timestamp::MAX, asked, Cause::Lost(loss));
    }

    /// R2: the delay that the session drew, if it may have.
    fn take_draw(&mut self, at: Option<Timestamp>) {
        let (Some(drawn), Some(at)) = (self.drawn.take(), at) else { return };
        let Drawn { shortest, longest, put_off, .. } = drawn;
        let (from, gap) = (drawn.from.saturating_add(put_off), self.gap().saturating_add(put_off));
        let attempt = self.dial.attempt();
        let at_least = from.saturating_add(shortest);
        let plain = at >= at_least && at <= from.saturating_add(longest) && at >= gap;
        let delay_after_gap = at.saturating_since(gap);
        let fits = at >= gap.saturating_add(shortest) && at <= gap.saturating_add(longest);
        let after_gap = fits && from.saturating_add(delay_after_gap) < gap;
        assert!(
            plain || after_gap,
            "[R2, R4, R11] a retry at {at:?}: {shortest:?} to {longest:?} after {from:?} or {gap:?}"
        );
        let delay = if at == Timestamp::MAX {
            longest
        } else if plain {
            at.saturating_since(from)
        } else {
            delay_after_gap
        };
        (self.dial, self.dial_at) = (Dial::Retry(attempt, delay), at);
    }

    fn count_loss(&mut self, loss: Loss) {
        let stats = &mut self.stats;
        *match loss {
            Loss::Close(_) => &mut stats.lost_to_close,
            Loss::Application(_) => &mut stats.lost_to_application,
            Loss::Status(_) => &mut stats.lost_to_status,
            Loss::Transport(_) => &mut stats.lost_to_transport,
            Loss::ConnectTimeout => &mut stats.lost_to_connect_timeout,
            Loss::GreetingTimeout => &mut stats.lost_to_greeting_timeout,
            Loss::HeartbeatTimeout => &mut stats.lost_to_heartbeat,
            Loss::AckTimeout => &mut stats.lost_to_ack_timeout,
            _ => unreachable!("a loss unknown to the model"),
        } += 1;
    }

    /// Q2, Q10, R3.
    fn end_connection(&mut self, charge: bool) {
        self.outbox.connection_ended(charge);
        let Some(heart) = &self.heart else { return };
        let good_until = if heart.expects_life() { heart.last_life } else { self.now };
        if good_until.saturating_since(self.ready_at) >= self.config.stable_after {
            self.retry = (0, Duration::ZERO);
            self.renew = false;
        }
    }

    /// R5, X1: the retry policy stops.
    fn stop(&mut self, cause: Cause) {
        if self.drain.take().is_some() {
            self.outbox.abandon();
            self.enter(State::Closed, cause);
        } else {
            self.enter(State::Idle, cause);
        }
    }

    /// The end that `Close` asked for.
    fn end(&mut self, code: CloseCode, cause: Cause) {
        (self.drain, self.last_loss) = (None, None);
        if matches!(self.state, State::Greeting | State::Open) {
            self.enter(State::Closing, cause);
            self.closing = (self.now.saturating_add(self.config.close_timeout), code);
            self.owed.close = true;
        } else {
            self.abort();
            self.enter(State::Closed, cause);
        }
    }

    // ---- looking in --------------------------------------------------------------------------

    /// Everything that a session shows but its deadline.
    pub fn check(&self, session: &Session) {
        let draining = self.drain.is_some();
        assert_eq!((session.state(), session.cause()), (self.state, self.cause), "[O1] the state and its cause");
        assert_eq!(session.is_draining(), draining, "[X1] draining");
        let ready_state = match self.state {
            State::Idle | State::Closed => ReadyState::Closed,
            _ if draining || self.state == State::Closing => ReadyState::Closing,
            State::Open => ReadyState::Open,
            _ => ReadyState::Connecting,
        };
        assert_eq!(session.ready_state(), ready_state);
        let handed_out_next = self.owed.connect.then(|| conn(self.handed_out + 1));
        assert_eq!(session.conn(), self.current().or(handed_out_next), "[C1] the connection");
        let dial = (self.state == State::Waiting).then_some((self.dial.attempt(), self.dial_at));
        assert_eq!(session.next_dial(), dial, "[R3, R10] the next dial");
        let mode = self.dictated.unwrap_or(self.config.heartbeat).mode;
        let detection_time = timeout(mode).map(|timeout| interval(mode).unwrap_or_default() + timeout);
        assert_eq!(session.detection_time(), detection_time, "[H9, H10]");
        assert_eq!(session.stats(), self.stats, "[O2] the counters");
        assert_eq!(session.queued(), self.outbox.unresolved().count(), "[Q3] messages without an outcome");
        assert_eq!((session.held(), session.held_bytes()), self.outbox.held(), "[P3] messages and bytes held");
        self.check_round_trip(session);
    }

    /// H7: the integers are rounded, at most by half a microsecond per sample.
    fn check_round_trip(&self, session: &Session) {
        let found = session.rtt().map(|rtt| (rtt.latest.as_micros(), rtt.smoothed.as_secs_f64() * 1e6));
        let expected = self.round_trip.map(|(latest, smoothed)| (u128::from(latest), smoothed));
        let (latest, smoothed) = (found.map(|found| found.0), found.map(|found| found.1));
        assert_eq!(latest, expected.map(|expected| expected.0), "[H7] the latest round trip");
        let off = smoothed.zip(expected).map_or(0.0, |(found, (_, expected))| (found - expected).abs());
        assert!(off <= 5.0, "[H7] smoothed to {smoothed:?}, not {expected:?}");
    }
}

fn conn(raw: u64) -> ConnId {
    ConnId::from_raw(raw).expect("at least 1")
}

/// The time of a call, if it has one.
pub fn moment(call: &Call<Message>) -> Option<Timestamp> {
    match call {
        Call::Handle { now, .. }
        | Call::Received { now, .. }
        | Call::Send { now, .. }
        | Call::Transmit { now }
        | Call::Sent { now, .. }
        | Call::Rejected { now, .. } => Some(*now),
        _ => None,
    }
}

//! A session on a virtual clock: what the scenario tests have in common.

use std::time::Duration;

// What nearly every scenario names.
pub use heartline::backoff::{Backoff, Jitter};
pub use heartline::event::{Cause, ReadyState};
pub use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
pub use heartline::loss::TransportError;
pub use heartline::message::{Delivery, Reason, Refusal, Transmit};
pub use heartline::outbox::{OutboxConfig, Overflow};
pub use heartline::retry::{Pattern, RetryPolicy, Verdict};
pub use heartline::{
    Action, CloseCode, Config, ConnId, Event, Input, Loss, MessageId, Outcome, Outgoing, Session, Settings, State,
    Timestamp,
};

pub type Message = String;

pub const SECOND: Duration = Duration::from_secs(1);
pub const IO: Loss = Loss::Transport(TransportError::Io);

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The moment so many milliseconds after the origin.
pub fn at(millis: u64) -> Timestamp {
    Timestamp::after(Duration::from_millis(millis))
}

pub fn conn(raw: u64) -> ConnId {
    ConnId::from_raw(raw).expect("connection ids begin at 1")
}

pub fn id(raw: u64) -> MessageId {
    MessageId::from_raw(raw)
}

/// Round numbers: no heartbeat, 1 s between dials, no jitter, everything else as by default.
pub fn plain() -> Settings {
    Settings {
        heartbeat: watched_by(HeartbeatMode::Off),
        backoff: Backoff::constant(SECOND),
        min_dial_gap: millis(100),
        ..Settings::default()
    }
}

/// The same with a greeting, which may take so long.
pub fn greeting(timeout: Duration) -> Settings {
    Settings { greeting_timeout: Some(timeout), ..plain() }
}

/// The same with this heartbeat.
pub fn beating(mode: HeartbeatMode) -> Settings {
    Settings { heartbeat: watched_by(mode), ..plain() }
}

/// A heartbeat without `slow_after`, and one second of tolerance.
pub fn watched_by(mode: HeartbeatMode) -> HeartbeatConfig {
    HeartbeatConfig { mode, slow_after: None, late_tolerance: SECOND }
}

pub fn when_idle(interval: u64, timeout: u64) -> HeartbeatMode {
    HeartbeatMode::WhenIdle { interval: seconds(interval), timeout: seconds(timeout) }
}

pub fn periodic(interval: u64, timeout: Option<u64>) -> HeartbeatMode {
    HeartbeatMode::Periodic { interval: seconds(interval), timeout: timeout.map(seconds) }
}

pub fn listen(timeout: u64) -> HeartbeatMode {
    HeartbeatMode::Listen { timeout: seconds(timeout) }
}

pub fn this_connection(text: &str) -> Outgoing<Message> {
    Outgoing::this_connection(text.into(), text.len())
}

pub fn at_most_once(text: &str) -> Outgoing<Message> {
    Outgoing::at_most_once(text.into(), text.len())
}

pub fn at_least_once(text: &str) -> Outgoing<Message> {
    Outgoing::at_least_once(text.into(), text.len())
}

/// An action that was pulled, in a form that tests can write down and compare whole.
#[derive(Clone, PartialEq, Debug)]
pub enum Did {
    Deliver(Message),
    Abort(u64),
    Connect { conn: u64, attempt: u32, last_loss: Option<Loss>, renew: bool },
    Ping(u64, u32),
    Close(u64, CloseCode),
    Event(Event),
    Schedule { attempt: u32, at: Timestamp, cause: Cause },
    Outcome(u64, Outcome<Message>),
}

impl From<Action<Message>> for Did {
    fn from(action: Action<Message>) -> Self {
        match action {
            Action::Deliver(message) => Self::Deliver(message),
            Action::Abort { conn, .. } => Self::Abort(conn.as_raw()),
            Action::Connect { conn, attempt, last_loss, renew, .. } => {
                Self::Connect { conn: conn.as_raw(), attempt, last_loss, renew }
            }
            Action::Ping { conn, token, .. } => Self::Ping(conn.as_raw(), token),
            Action::Close { conn, code, .. } => Self::Close(conn.as_raw(), code),
            Action::Event(event) => Self::Event(event),
            Action::ScheduleReconnect { attempt, at, cause, .. } => Self::Schedule { attempt, at, cause },
            Action::Outcome { id, outcome, .. } => Self::Outcome(id.as_raw(), outcome),
        }
    }
}

pub const DEGRADED: Did = Did::Event(Event::Degraded);
pub const RECOVERED: Did = Did::Event(Event::Recovered);

pub fn deliver(text: &str) -> Did {
    Did::Deliver(text.into())
}

/// A dial that is not a retry, with no loss before it.
pub fn dial(conn: u64) -> Did {
    Did::Connect { conn, attempt: 0, last_loss: None, renew: false }
}

/// A dial after a loss; attempt 0 is not a retry.
pub fn redial(conn: u64, attempt: u32, last_loss: Loss) -> Did {
    Did::Connect { conn, attempt, last_loss: Some(last_loss), renew: false }
}

/// A close frame with code 1000.
pub fn close_frame(conn: u64) -> Did {
    Did::Close(conn, CloseCode::NORMAL)
}

pub fn change(from: State, to: State, cause: Cause) -> Did {
    Did::Event(Event::StateChanged { from, to, cause })
}

pub fn slept(late_ms: u32) -> Did {
    Did::Event(Event::Slept { late_ms })
}

pub fn schedule(attempt: u32, at: Timestamp, cause: Cause) -> Did {
    Did::Schedule { attempt, at, cause }
}

pub fn transmitted(id: u64) -> Did {
    Did::Outcome(id, Outcome::Transmitted)
}

pub fn acked(id: u64) -> Did {
    Did::Outcome(id, Outcome::Acked)
}

pub fn returned(id: u64, reason: Reason, text: &str) -> Did {
    Did::Outcome(id, Outcome::Returned(reason, text.into()))
}

pub fn unconfirmed(id: u64, reason: Reason, text: &str) -> Did {
    Did::Outcome(id, Outcome::Unconfirmed(reason, text.into()))
}

/// What `transmit` lent.
#[derive(Clone, PartialEq, Debug)]
pub struct Lent {
    pub id: MessageId,
    pub message: Message,
    pub delivery: Delivery,
    pub redelivery: bool,
}

/// Something to do with a client, for tables of them.
pub type Step = fn(&mut Client);

/// A session, its clock, and everything it did.
pub struct Client {
    pub session: Session<Message>,
    pub now: Timestamp,
    pub did: Vec<(Timestamp, Did)>,
}

impl Client {
    pub fn new(settings: Settings) -> Self {
        Self::seeded(settings, 7)
    }

    pub fn seeded(settings: Settings, seed: u64) -> Self {
        let config = Config::new(settings).expect("a valid config");
        Self { session: Session::new(config, seed), now: Timestamp::ORIGIN, did: Vec::new() }
    }

    /// A session that is open (or greeting, if so configured) on its first connection.
    pub fn opened(settings: Settings) -> Self {
        let mut client = Self::new(settings);
        client.open();
        client
    }

    /// One input now; all its actions.
    pub fn input(&mut self, input: Input<Message>) -> Vec<Did> {
        let did: Vec<_> = self.session.handle(self.now, input).map(Did::from).collect();
        self.did.extend(did.iter().map(|did| (self.now, did.clone())));
        did
    }

    /// One input now, of whose actions only so many are pulled.
    pub fn pull(&mut self, actions: usize, input: Input<Message>) -> Vec<Did> {
        self.session.handle(self.now, input).take(actions).map(Did::from).collect()
    }

    /// What is owed, pulled one by one without an input.
    pub fn rest(&mut self) -> Vec<Did> {
        std::iter::from_fn(|| self.session.next_action()).map(Did::from).collect()
    }

    pub fn connect(&mut self) -> Vec<Did> {
        self.input(Input::Connect)
    }

    /// Connects (unless a dial is under way) and opens; the connection's number.
    pub fn open(&mut self) -> u64 {
        if self.state() != State::Connecting {
            self.connect();
        }
        let conn = self.conn();
        self.input(Input::Opened { conn });
        conn.as_raw()
    }

    /// The same, and then the greeting is over.
    pub fn ready(&mut self) -> u64 {
        let opened = self.open();
        self.input(Input::Ready { conn: conn(opened) });
        opened
    }

    pub fn message(&mut self, text: &str) -> Vec<Did> {
        let conn = self.conn();
        self.input(Input::Message { conn, message: text.into() })
    }

    /// An answer to a ping, without its token.
    pub fn pong(&mut self) -> Vec<Did> {
        let conn = self.conn();
        self.input(Input::Pong { conn, token: None })
    }

    pub fn pong_to(&mut self, token: u32) -> Vec<Did> {
        let conn = self.conn();
        self.input(Input::Pong { conn, token: Some(token) })
    }

    /// The current connection or dial ends.
    pub fn lose(&mut self, loss: Loss) -> Vec<Did> {
        let conn = self.conn();
        self.input(Input::closed(conn, loss))
    }

    /// The same, and the server asks to stay away.
    pub fn lose_and_wait(&mut self, loss: Loss, retry_after: Duration) -> Vec<Did> {
        let conn = self.conn();
        self.input(Input::Closed { conn, loss, retry_after: Some(retry_after) })
    }

    /// Loses the connection and opens the next, after as long as the backoff takes.
    pub fn reconnect(&mut self) {
        self.lose(IO);
        self.run_to_dial();
        self.open();
    }

    /// Waits for the dial that is scheduled: which retry it is.
    pub fn run_to_dial(&mut self) -> u32 {
        let (attempt, at) = self.session.next_dial().expect("a dial is scheduled");
        self.run(at.saturating_since(self.now));
        assert_eq!(self.state(), State::Connecting);
        attempt
    }

    pub fn close(&mut self, within: Duration) -> Vec<Did> {
        self.input(Input::close_within(within))
    }

    pub fn timer(&mut self) -> Vec<Did> {
        self.input(Input::Timer)
    }

    /// The timer is called at this moment and not before.
    pub fn timer_at(&mut self, millis: u64) -> Vec<Did> {
        self.now = at(millis);
        self.timer()
    }

    /// Moves the clock and calls nothing.
    pub fn sleep(&mut self, by: Duration) -> &mut Self {
        self.now = self.now.saturating_add(by);
        self
    }

    /// Lets time pass with a timer at every deadline, as a punctual driver does; what it did meanwhile.
    pub fn run(&mut self, by: Duration) -> Vec<(Timestamp, Did)> {
        self.run_with(by, |_, _| {})
    }

    /// The same with a peer that answers every ping at once.
    pub fn run_answered(&mut self, by: Duration) -> Vec<(Timestamp, Did)> {
        self.run_with(by, |client, did| {
            if did.iter().any(|did| matches!(did, Did::Ping(..))) {
                client.pong();
            }
        })
    }

    fn run_with(&mut self, by: Duration, mut react: impl FnMut(&mut Self, &[Did])) -> Vec<(Timestamp, Did)> {
        let until = self.now.saturating_add(by);
        let before = self.did.len();
        while let Some(due) = self.session.deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            let did = self.timer();
            // Instead of a loop without end.
            let next = self.session.deadline();
            assert!(next.is_none_or(|next| next > self.now), "a timer that leads nowhere: {:?}", self.session);
            react(self, &did);
        }
        self.now = until;
        self.did[before..].to_vec()
    }

    pub fn send(&mut self, outgoing: Outgoing<Message>) -> Result<MessageId, Refusal> {
        self.session.send(self.now, outgoing).map_err(|refused| refused.reason)
    }

    pub fn this_connection(&mut self, text: &str) -> MessageId {
        self.send(this_connection(text)).expect("accepted")
    }

    pub fn at_most_once(&mut self, text: &str) -> MessageId {
        self.send(at_most_once(text)).expect("accepted")
    }

    pub fn at_least_once(&mut self, text: &str) -> MessageId {
        self.send(at_least_once(text)).expect("accepted")
    }

    pub fn transmit(&mut self) -> Option<Lent> {
        let transmit = self.session.transmit(self.now)?;
        let Transmit { id, message, delivery, redelivery, .. } = transmit;
        Some(Lent { id, message: message.clone(), delivery, redelivery })
    }

    pub fn sent(&mut self, id: MessageId) {
        self.session.sent(self.now, id);
    }

    /// The next message, written.
    pub fn write(&mut self) -> Option<Lent> {
        let lent = self.transmit()?;
        self.sent(lent.id);
        Some(lent)
    }

    /// Everything that may be transmitted now, as a socket with room takes it.
    pub fn write_all(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.write()).map(|lent| lent.message).collect()
    }

    /// Accepted, transmitted, and waiting for its acknowledgement.
    pub fn unacknowledged(&mut self, text: &str) -> MessageId {
        let id = self.at_least_once(text);
        assert!(self.write_all().contains(&text.to_string()));
        id
    }

    pub fn ack(&mut self, id: MessageId) -> Vec<Did> {
        self.input(Input::Acked { id })
    }

    pub fn state(&self) -> State {
        self.session.state()
    }

    pub fn conn(&self) -> ConnId {
        self.session.conn().expect("a connection or a dial")
    }

    /// Outcomes pulled so far, in order.
    pub fn outcomes(&self) -> Vec<(MessageId, Outcome<Message>)> {
        let outcome = |(_, did): &(Timestamp, Did)| match did {
            Did::Outcome(raw, outcome) => Some((id(*raw), outcome.clone())),
            _ => None,
        };
        self.did.iter().filter_map(outcome).collect()
    }

    /// When each dial so far was made, in milliseconds.
    pub fn dials(&self) -> Vec<u64> {
        moments(&self.did, |did| matches!(did, Did::Connect { .. }))
    }

    /// When each ping so far was sent, in milliseconds.
    pub fn pings(&self) -> Vec<u64> {
        pings(&self.did)
    }
}

/// When the pings among these were sent, in milliseconds.
pub fn pings(did: &[(Timestamp, Did)]) -> Vec<u64> {
    moments(did, |did| matches!(did, Did::Ping(..)))
}

fn moments(did: &[(Timestamp, Did)], is_one: impl Fn(&Did) -> bool) -> Vec<u64> {
    did.iter().filter(|(_, did)| is_one(did)).map(|(now, _)| now.as_nanos() / 1_000_000).collect()
}

/// The changes of state among these, as (to, cause).
pub fn changes<'a>(did: impl IntoIterator<Item = &'a Did>) -> Vec<(State, Cause)> {
    let change = |did: &Did| match did {
        Did::Event(Event::StateChanged { to, cause, .. }) => Some((*to, *cause)),
        _ => None,
    };
    did.into_iter().filter_map(change).collect()
}

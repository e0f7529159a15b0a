//! A virtual clock around a session: what the scenario tests have in common.
#![allow(dead_code)] // Each test binary uses its own part.

use std::time::Duration;

use heartline::{
    Action, Backoff, Cause, CloseCode, Closed, Config, ConnId, Event, Input, Instant, MessageId, Outcome, Outgoing,
    Pulse, Refused, Rhythm, Session, Settings, State, Transmit,
};

pub type Message = String;

pub const SECOND: Duration = Duration::from_secs(1);

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The moment so many milliseconds after the origin.
pub fn at(millis: u64) -> Instant {
    Instant::after(Duration::from_millis(millis))
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
        heartbeat: pulse(Rhythm::Off),
        backoff: Backoff::constant(SECOND),
        min_dial_gap: millis(100),
        ..Settings::default()
    }
}

/// A rhythm without `slow_after`, and one second of tolerance.
pub fn pulse(rhythm: Rhythm) -> Pulse {
    Pulse { rhythm, slow_after: None, late_tolerance: SECOND }
}

pub fn when_idle(interval: Duration, timeout: Duration) -> Rhythm {
    Rhythm::WhenIdle { interval, timeout }
}

/// A session, its clock, and everything it has said.
pub struct World {
    pub session: Session<Message>,
    pub now: Instant,
    pub said: Vec<(Instant, Action<Message>)>,
}

impl World {
    pub fn new(settings: Settings) -> Self {
        let config = Config::new(settings).expect("a valid config");
        Self { session: Session::new(config, 7), now: Instant::ORIGIN, said: Vec::new() }
    }

    /// A session that is open (or greeting, if so configured) on its first connection.
    pub fn opened(settings: Settings) -> Self {
        let mut world = Self::new(settings);
        world.open();
        world
    }

    /// Connects (unless a dial is under way) and opens; the connection's name.
    pub fn open(&mut self) -> ConnId {
        if self.state() != State::Connecting {
            self.input(Input::Connect);
        }
        let conn = self.session.conn().expect("a dial is under way");
        self.input(Input::Opened { conn });
        conn
    }

    /// One input now; all its actions.
    pub fn input(&mut self, input: Input<Message>) -> Vec<Action<Message>> {
        let actions: Vec<_> = self.session.handle(self.now, input).collect();
        self.said.extend(actions.iter().map(|action| (self.now, action.clone())));
        actions
    }

    pub fn message(&mut self, text: &str) -> Vec<Action<Message>> {
        let conn = self.session.conn().expect("a connection");
        self.input(Input::Message { conn, message: text.into() })
    }

    pub fn pong(&mut self) -> Vec<Action<Message>> {
        let conn = self.session.conn().expect("a connection");
        self.input(Input::Pong { conn })
    }

    /// The current connection or dial ends.
    pub fn lose(&mut self, closed: impl Into<Closed>) -> Vec<Action<Message>> {
        let conn = self.session.conn().expect("a connection");
        self.input(Input::Closed { conn, closed: closed.into() })
    }

    pub fn close(&mut self, within: Duration) -> Vec<Action<Message>> {
        self.input(Input::Close { code: CloseCode::NORMAL, within })
    }

    /// Moves the clock without telling the session.
    pub fn sleep(&mut self, by: Duration) -> &mut Self {
        self.now = self.now.saturating_add(by);
        self
    }

    /// Lets time pass with a timer at every deadline, as a punctual driver does; what was said meanwhile.
    pub fn run(&mut self, by: Duration) -> Vec<(Instant, Action<Message>)> {
        let until = self.now.saturating_add(by);
        let before = self.said.len();
        while let Some(due) = self.session.deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.input(Input::Timer);
            // Instead of a loop without end.
            let next = self.session.deadline();
            assert!(next.is_none_or(|next| next > self.now), "a timer that leads nowhere: {:?}", self.session);
        }
        self.now = until;
        self.said[before..].to_vec()
    }

    pub fn send(&mut self, outgoing: Outgoing<Message>) -> Result<MessageId, Refused<Message>> {
        self.session.send(self.now, outgoing)
    }

    pub fn once(&mut self, text: &str) -> MessageId {
        self.send(Outgoing::once(text.into(), text.len())).expect("accepted")
    }

    pub fn at_least_once(&mut self, text: &str) -> MessageId {
        self.send(Outgoing::at_least_once(text.into(), text.len())).expect("accepted")
    }

    pub fn transmit(&mut self) -> Option<Transmit<Message>> {
        self.session.transmit(self.now)
    }

    /// Everything that may be transmitted now, as a socket with room takes it.
    pub fn transmit_all(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.session.transmit(self.now)).map(|transmit| transmit.message).collect()
    }

    pub fn state(&self) -> State {
        self.session.state()
    }

    /// Outcomes told so far, in order.
    pub fn outcomes(&self) -> Vec<(MessageId, Outcome<Message>)> {
        outcomes(self.said.iter().map(|(_, action)| action))
    }
}

pub fn outcomes<'a>(actions: impl IntoIterator<Item = &'a Action<Message>>) -> Vec<(MessageId, Outcome<Message>)> {
    let outcome = |action: &Action<Message>| match action {
        Action::Outcome { id, outcome } => Some((*id, outcome.clone())),
        _ => None,
    };
    actions.into_iter().filter_map(outcome).collect()
}

/// The changes of state among `actions`, as (to, cause).
pub fn changes<'a>(actions: impl IntoIterator<Item = &'a Action<Message>>) -> Vec<(State, Cause)> {
    let change = |action: &Action<Message>| match action {
        Action::Event(Event::StateChanged { to, cause, .. }) => Some((*to, *cause)),
        _ => None,
    };
    actions.into_iter().filter_map(change).collect()
}

//! Everything that must hold of one step, as seen from outside.

use heartline::{Action, Config, ConnId, Delivery, Input, Instant, Overflow, Refusal, Session, State, Stats};

use super::ledger::{Ledger, Message};
use super::plan::Habit;
use super::redial::Redial;
use super::watch::Watch;

/// What a call found.
#[derive(Clone, Debug)]
pub struct Before {
    pub now: Instant,
    pub state: State,
    pub conn: Option<ConnId>,
    pub draining: bool,
    pub deadline: Option<Instant>,
    pub next_dial: Option<Instant>,
    pub stats: Stats,
    /// Something was owed, or a pulled message not committed.
    pub owed: bool,
}

/// What an input must come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    Acted,
    Stale,
    Ignored,
    /// Not for the observer to say: changes nothing if it is counted, something otherwise.
    Either,
}

#[derive(Clone, Debug)]
pub struct Observer {
    pub(super) config: Config,
    habit: Habit,
    /// Called and not ended, as far as a driver can know.
    pub live: Option<ConnId>,
    /// The latest connection that a `Connect` named.
    pub told: Option<ConnId>,
    /// As the events tell it, and since when.
    pub(super) state: State,
    pub(super) entered: Instant,
    pub(super) stop_by: Option<Instant>,
    /// Something may be owed that was not pulled.
    pub owed: bool,
    pub ledger: Ledger,
    pub(super) redial: Redial,
    pub(super) watch: Option<Watch>,
}

impl Observer {
    pub fn new(config: Config, habit: Habit) -> Self {
        Self {
            ledger: Ledger::new(config.outbox),
            config,
            habit,
            live: None,
            told: None,
            state: State::Idle,
            entered: Instant::ORIGIN,
            stop_by: None,
            owed: false,
            redial: Redial::new(),
            watch: None,
        }
    }

    pub fn tidy(&self) -> bool {
        self.habit != Habit::Sloppy
    }

    pub fn punctual(&self) -> bool {
        self.habit == Habit::Punctual
    }

    /// What the call finds once it has committed what was pulled.
    pub fn before(&self, session: &Session<Message>, now: Instant, commits: bool) -> Before {
        let committed = commits.then(|| {
            let mut committed = session.clone();
            drop(neutral(&mut committed, now));
            committed
        });
        let found = committed.as_ref().unwrap_or(session);
        Before {
            now,
            state: found.state(),
            conn: found.conn(),
            draining: found.is_draining(),
            deadline: session.deadline(),
            next_dial: session.next_dial().map(|(_, at)| at),
            stats: session.stats(),
            owed: self.owed || commits,
        }
    }

    /// P1: what the input must come to; the message pulled before is committed already.
    pub fn judge(&self, before: &Before, input: &Input<Message>) -> Heard {
        let of = |conn: ConnId, acts: bool| match self.told {
            Some(told) if conn > told => Heard::Ignored,
            None => Heard::Ignored,
            Some(_) if before.conn != Some(conn) => Heard::Stale,
            Some(_) => acted(acts),
        };
        let state = before.state;
        match input {
            Input::Connect => match state {
                State::Connecting | State::Greeting | State::Open => acted(before.draining),
                State::Waiting => Heard::Either,
                State::Idle | State::Closing | State::Closed => Heard::Acted,
            },
            Input::Opened { conn } => of(*conn, state == State::Connecting),
            Input::Ready { conn } => of(*conn, state == State::Greeting),
            Input::Message { conn, .. } => of(*conn, state != State::Connecting),
            Input::Pong { conn } | Input::Alive { conn } => of(*conn, state == State::Open),
            Input::Closed { conn, .. } => of(*conn, true),
            Input::Acked { id } => acted(self.ledger.is_unacked(*id)),
            Input::Cancel { id } => acted(self.ledger.is_unresolved(*id)),
            Input::Timer => Heard::Acted,
            Input::NetworkChanged if matches!(state, State::Waiting | State::Open) => Heard::Either,
            Input::NetworkChanged => Heard::Ignored,
            Input::Close { .. } if state == State::Closed => Heard::Ignored,
            Input::Close { .. } if state == State::Closing || before.draining => Heard::Either,
            Input::Close { .. } => Heard::Acted,
        }
    }

    /// Why a message of this delivery must be refused, apart from the bounds.
    pub fn refusal(before: &Before, delivery: Delivery) -> Option<Refusal> {
        let connection = delivery == Delivery::Connection;
        let ended = matches!(before.state, State::Closing | State::Closed);
        let greeting = before.state == State::Greeting && connection;
        let connected = matches!(before.state, State::Greeting | State::Open);
        match () {
            () if ended || (before.draining && !greeting) => Some(Refusal::Closed),
            () if connection && !connected => Some(Refusal::NotConnected),
            () => None,
        }
    }

    /// What the driver knows by saying it.
    pub fn said(&mut self, before: &Before, input: &Input<Message>, heard: Heard) {
        match input {
            Input::Acked { id } if heard == Heard::Acted => self.ledger.acked(*id),
            Input::Cancel { id } if heard == Heard::Acted => self.ledger.cancelled(*id),
            Input::Closed { conn, .. } if self.live == Some(*conn) => self.live = None,
            Input::Close { within, .. } => {
                let by = before.now.saturating_add(*within);
                self.stop_by = Some(self.stop_by.map_or(by, |stop| stop.min(by)));
                self.ledger.closing = true;
            }
            Input::Connect => self.stop_by = None,
            _ => {}
        }
    }

    /// One action was pulled.
    pub fn pulled(&mut self, now: Instant, action: &Action<Message>, input: &Input<Message>) {
        match action {
            Action::Deliver(_) => self.check_deliver(input),
            Action::Abort { conn } if self.live == Some(*conn) => self.live = None,
            Action::Abort { conn } => {
                let answers = matches!(input, Input::Opened { conn: opened } if opened == conn);
                assert!(self.told >= Some(*conn), "[C1] aborts {conn}, which never was");
                assert!(answers || !self.tidy(), "[C3] aborts {conn}, which has ended");
            }
            Action::Connect { conn, .. } => {
                assert_eq!(self.live, None, "[C1] connects {conn} beside another connection");
                assert!(self.told < Some(*conn), "[C2] connection ids do not increase");
                (self.live, self.told) = (Some(*conn), Some(*conn));
            }
            Action::Ping { conn } | Action::Close { conn, .. } => {
                assert_eq!(self.live, Some(*conn), "[C3] {action:?} for a connection that is over");
            }
            Action::Outcome { id, outcome } => self.ledger.told(now, *id, outcome),
            Action::Event(_) | Action::ScheduleReconnect { .. } => {}
        }
    }

    fn check_deliver(&self, input: &Input<Message>) {
        let Input::Message { conn, .. } = input else { panic!("[C7] delivers what never came") };
        assert_eq!(self.live, Some(*conn), "[C3] delivers a message of a connection that is over");
    }

    /// Outcomes that are owed and known to nobody: the machine's own word for them, judged as if told.
    pub fn sync(&mut self, session: &Session<Message>, now: Instant) {
        if session.held() == session.queued() {
            return;
        }
        let mut copy = session.clone();
        for action in neutral(&mut copy, now) {
            if let Action::Outcome { id, outcome } = action {
                self.ledger.ended(now, id, &outcome);
            }
        }
        assert_eq!(copy.queued(), self.ledger.unresolved(), "[Q3] messages without an outcome");
    }

    /// After every call, whatever it was.
    pub fn check_always(&mut self, session: &Session<Message>, before: &Before, input: Option<&Input<Message>>) {
        self.check_bounds(session);
        let state = session.state();
        if state == State::Connecting && (before.state != state || before.conn != session.conn()) {
            let due = before.next_dial.is_some_and(|at| at <= before.now);
            match input {
                Some(Input::Connect) => {}
                Some(Input::NetworkChanged) => assert_eq!(before.state, State::Waiting, "[R1] dialled out of turn"),
                Some(Input::Timer) => assert!(due, "[R1] dialled before it was due"),
                other => panic!("[R1] {other:?} dialled"),
            }
            self.redial.dialled(&self.config, before.now);
        }
        if matches!(state, State::Closing | State::Closed) {
            assert_eq!(session.queued(), 0, "[X1, X2] {state} with messages that have no outcome");
            self.sync(session, before.now);
        }
        if matches!(state, State::Idle | State::Waiting | State::Connecting) {
            self.ledger.connection_over();
        }
        if !session.is_draining() && state != State::Closing {
            self.stop_by = None;
        }
    }

    fn check_bounds(&self, session: &Session<Message>) {
        let limits = &self.config.outbox;
        let sets = if limits.overflow == Overflow::EvictOldest { 2 } else { 1 };
        assert_eq!(session.held(), self.ledger.held(), "[P3] places taken");
        assert_eq!(session.held_bytes(), self.ledger.held_bytes(), "[P3] bytes taken");
        assert!(session.held() as u64 <= u64::from(limits.max_messages) * sets, "[P3] too many messages");
        assert!(session.held_bytes() <= u64::from(limits.max_bytes) * sets, "[P3] too many bytes");
    }
}

fn acted(acted: bool) -> Heard {
    if acted { Heard::Acted } else { Heard::Ignored }
}

/// An input that changes nothing but the time, with all that is owed.
pub fn neutral(session: &mut Session<Message>, now: Instant) -> impl Iterator<Item = Action<Message>> {
    session.handle(now, Input::Cancel { id: heartline::MessageId::from_raw(u64::MAX) })
}

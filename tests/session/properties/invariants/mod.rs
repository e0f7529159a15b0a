//! A driver made of bytes, whose every call is checked against a model of SPEC.
//!
//! The properties, the replay of the corpus and the fuzz target share it; it needs nothing but the crate. [`run`] is all
//! of it: bytes to config and ops, a session, its checks, and at the end a willing server that leads to `Open` and then
//! to `Closed`, where every accepted message must have had its outcome.
#![allow(dead_code, unused_imports)] // Each user has its own part.

mod heart;
mod laws;
mod messages;
mod model;
mod owed;
mod plan;
mod record;
mod settings;

use std::rc::Rc;
use std::time::Duration;

use heartline::message::Delivery;
use heartline::replay::Call;
use heartline::{CloseCode, Config, ConnId, Input, Loss, MessageId, Outgoing, State, Timestamp};

use laws::Laws;
pub use model::{Model, moment};
pub use plan::{HEADER, Habit, Lapse, Op, Plan, What, Which};
pub use record::{Answer, Done, Message, Session, answer};
pub use settings::JITTER;

/// Decodes and drives, to the end.
pub fn run(bytes: &[u8]) -> Driver {
    let plan = Plan::decode(bytes);
    let mut driver = Driver::new(&plan);
    plan.ops.iter().for_each(|op| driver.op(op));
    driver.finish();
    driver
}

#[derive(Clone, Debug)]
pub struct Driver {
    pub session: Session,
    pub now: Timestamp,
    pub model: Model,
    laws: Laws,
    habit: Habit,
    pub lent: Option<MessageId>,
    last_token: u32,
    next_payload: Message,
    pub record: Vec<(Call<Message>, Answer)>,
    /// With `HISTORY` in the environment.
    prints: bool,
}

impl Driver {
    pub fn new(plan: &Plan) -> Self {
        Self {
            session: Session::with_first_id(plan.config.clone(), plan.seed, plan.first_id),
            now: Timestamp::ORIGIN,
            model: Model::new(plan.config.clone(), plan.first_id),
            laws: Laws::default(),
            habit: plan.habit,
            lent: None,
            last_token: 0,
            next_payload: 0,
            record: Vec::new(),
            prints: std::env::var_os("HISTORY").is_some(),
        }
    }

    /// A driver that pulls everything, for calls that somebody else chooses.
    pub fn tidy(config: Rc<Config>) -> Self {
        let first_id = MessageId::from_raw(1);
        Self::new(&Plan { habit: Habit::Tidy, seed: 7, first_id, config, ops: Vec::new() })
    }

    pub fn op(&mut self, op: &Op) {
        let op = &self.resolved(*op);
        let mut at = self.moment(op.lapse);
        if self.habit == Habit::Punctual {
            at = self.run_timers(at);
        }
        let pulled = if self.habit == Habit::Sloppy { op.pulled } else { None };
        let call = self.decided(at, op.what, pulled);
        self.call(call);
        if self.habit != Habit::Sloppy {
            self.pull_all();
        }
        if self.habit == Habit::Punctual && self.run_timers(self.now) == self.now {
            self.check_punctual();
        }
    }

    /// What brings it forward is for the state to decide.
    fn resolved(&self, op: Op) -> Op {
        let what = match (op.what, self.session.state()) {
            (What::Advance, State::Idle | State::Closed) => What::Connect,
            (What::Advance, State::Waiting) => {
                return Op { what: What::Timer, lapse: Lapse::Due(Duration::ZERO), ..op };
            }
            (What::Advance, State::Connecting) => What::Opened(Which::Current),
            (What::Advance, State::Greeting) => What::Ready(Which::Current),
            (What::Advance, State::Open) if self.lent.is_some() => What::Sent(None),
            (What::Advance, State::Open) => What::Transmit,
            (What::Advance, State::Closing) => What::Closed(Which::Current, Loss::Close(1000), None),
            (what, _) => what,
        };
        Op { what, ..op }
    }

    fn moment(&self, lapse: Lapse) -> Timestamp {
        let due = self.session.deadline().unwrap_or(self.now).max(self.now);
        match lapse {
            Lapse::None => self.now,
            Lapse::By(time) => self.now.saturating_add(time),
            Lapse::Back(time) => Timestamp::after(self.now.since_origin().saturating_sub(time)),
            Lapse::Due(late) => due.saturating_add(late),
            Lapse::JustBeforeDue => Timestamp::from_nanos(due.as_nanos().saturating_sub(1)),
            Lapse::ToTheEnd(left) => Timestamp::from_nanos(u64::MAX - left),
        }
    }

    fn decided(&mut self, now: Timestamp, what: What, pulled: Option<u32>) -> Call<Message> {
        let conn = |which| self.conn(which);
        let lent = |other: Option<u8>| other.map_or(self.lent, |byte| Some(self.model.outbox.pick(byte)));
        let input = match what {
            What::Connect => Input::Connect,
            What::Reconnect => Input::Reconnect,
            What::Opened(which) => Input::Opened { conn: conn(which) },
            What::Ready(which) => Input::Ready { conn: conn(which) },
            What::Message(which) => Input::Message { conn: conn(which), message: 7 },
            What::Pong(which, token) => Input::Pong { conn: conn(which), token: self.token(token) },
            What::Alive(which) => Input::Alive { conn: conn(which) },
            What::Unread(which) => Input::Unread { conn: conn(which) },
            What::Heartbeat(which, mode) => Input::Heartbeat { conn: conn(which), mode },
            What::Closed(which, loss, retry_after) => Input::Closed { conn: conn(which), loss, retry_after },
            What::Acked(pick) => Input::Acked { id: self.model.outbox.pick(pick) },
            What::Cancel(pick) => Input::Cancel { id: self.model.outbox.pick(pick) },
            What::Timer | What::Advance => Input::Timer,
            What::NetworkChanged => Input::NetworkChanged,
            What::NetworkLost => Input::NetworkLost,
            What::Close(code, within) => Input::Close { code, within },
            What::Received(which) => return Call::Received { now, conn: conn(which) },
            What::Transmit => return Call::Transmit { now },
            What::Sent(other) => return Call::Sent { now, id: lent(other).unwrap_or(MessageId::from_raw(0)) },
            What::Rejected(other) => return Call::Rejected { now, id: lent(other).unwrap_or(MessageId::from_raw(0)) },
            What::NextAction => return Call::NextAction,
            What::Send { delivery, size, time_to_live } => {
                return Call::Send { now, outgoing: self.outgoing(delivery, size, time_to_live) };
            }
        };
        Call::Handle { now, input, pulled }
    }

    pub fn conn(&self, which: Which) -> ConnId {
        let latest = self.model.handed_out;
        let raw = match which {
            Which::Current => latest,
            Which::Past => latest.saturating_sub(1),
            Which::Next => latest + 1,
            Which::Never => u64::MAX,
        };
        ConnId::from_raw(raw.max(1)).expect("at least 1")
    }

    fn token(&self, which: Which) -> Option<u32> {
        match which {
            Which::Current => Some(self.last_token),
            Which::Past => Some(self.last_token.saturating_sub(1)),
            Which::Next => None,
            Which::Never => Some(u32::MAX),
        }
    }

    pub fn outgoing(&mut self, delivery: Delivery, size: u32, time_to_live: Option<Duration>) -> Outgoing<Message> {
        self.next_payload += 1;
        let (message, size) = (self.next_payload, size as usize);
        let outgoing = match delivery {
            Delivery::ThisConnection => Outgoing::this_connection(message, size),
            Delivery::AtMostOnce => Outgoing::at_most_once(message, size),
            Delivery::AtLeastOnce => Outgoing::at_least_once(message, size),
        };
        match time_to_live {
            Some(time) => outgoing.expires_in(time),
            None => outgoing,
        }
    }

    // ---- calls and their checks --------------------------------------------------------------

    pub fn call(&mut self, call: Call<Message>) -> Answer {
        let before = self.session.clone();
        let owed = self.model.owes();
        let armed = armed(&before, owed);
        let answer = answer(&mut self.session, call.clone());
        self.record.push((call.clone(), answer.clone()));
        if self.prints {
            eprintln!("{call:?}\n    {answer:?}");
        }
        self.now = self.now.max(moment(&call).unwrap_or(self.now));
        self.model.call(&call, &answer, armed, &self.session);
        self.model.check(&self.session);
        self.laws.call(&call, &answer, &self.session);
        self.laws.dialled(before.config(), self.now, before.conn(), &self.session);
        self.check_deadline(&call, armed, owed);
        self.check_inert(&before, &call);
        self.check_received(&before, &call);
        self.remember(&call, &answer);
        answer
    }

    /// What the driver itself keeps in mind.
    fn remember(&mut self, call: &Call<Message>, answer: &Answer) {
        match (call, answer) {
            (_, Answer::Transmit(lent)) => self.lent = lent.map(|(id, ..)| id),
            (Call::Sent { id, .. } | Call::Rejected { id, .. }, _) => _ = self.lent.take_if(|lent| lent == id),
            (_, Answer::Actions(actions)) => {
                for action in actions {
                    if let Done::Ping { token, .. } = action {
                        self.last_token = *token;
                    }
                }
            }
            _ => {}
        }
    }

    /// P7: never late, exact after a timer, never moved by a message, and not early without a reason.
    fn check_deadline(&self, call: &Call<Message>, armed_before: Timestamp, owed_before: bool) {
        let (now, found) = (self.now, self.session.deadline().unwrap_or(Timestamp::MAX));
        if self.model.owes() {
            assert_eq!(found, now, "[P7] something is owed");
        }
        let (armed, earliest) = (armed(&self.session, self.model.owes()), self.model.earliest());
        assert!(armed <= earliest, "[P7] {armed:?} is late: {earliest:?}");
        assert!(
            owed_before || armed >= armed_before.min(earliest),
            "[P7] {armed:?} is early: {armed_before:?}, {earliest:?}"
        );
        match call {
            Call::Handle { input: Input::Timer, .. } => {
                let due = armed_before <= now && armed_before < Timestamp::MAX;
                assert!(!due || armed == earliest, "[P7] {armed:?} is not exact: {earliest:?}");
                assert!(armed > now || armed == Timestamp::MAX, "[P7] {armed:?} after a timer at {now:?}");
            }
            Call::Received { .. } | Call::Handle { input: Input::Message { .. } | Input::Alive { .. }, .. } => {
                assert_eq!(armed, armed_before, "[P7] a message moved the deadline");
            }
            _ => {}
        }
        assert!(self.session.state() != State::Closed || armed == Timestamp::MAX, "[X2] a closed session is armed");
    }

    /// P1: a call that is counted as stale or ignored changes nothing that decides the future.
    fn check_inert(&self, before: &Session, call: &Call<Message>) {
        let counted = |session: &Session| session.stats().stale + session.stats().ignored;
        let opened = matches!(call, Call::Handle { input: Input::Opened { .. }, .. });
        if counted(before) == counted(&self.session) || opened {
            return;
        }
        let (mut with, mut without) = (before.clone(), before.clone());
        let mut call = call.clone();
        if let Call::Handle { pulled, .. } = &mut call {
            *pulled = Some(0);
        }
        drop(with.call(call));
        drop(without.handle(self.now, Input::Cancel { id: MessageId::from_raw(u64::MAX) }));
        assert_eq!(with.fingerprint(), without.fingerprint(), "[P1] was counted and changed something");
    }

    /// C7: `received` is `Message` without the message.
    fn check_received(&self, before: &Session, call: &Call<Message>) {
        let (Call::Received { now, conn } | Call::Handle { now, input: Input::Message { conn, .. }, .. }) = *call
        else {
            return;
        };
        let (mut one, mut other) = (before.clone(), before.clone());
        let received = one.received(now, conn);
        let delivered = other.handle(now, Input::Message { conn, message: 7 }).next().map(Done::from);
        assert_eq!(received, delivered == Some(Done::Deliver(7)), "[C7] received and Message differ");
        if received {
            assert_eq!(one.fingerprint(), other.fingerprint(), "[C7] received and Message differ");
            assert_eq!(one.stats(), other.stats(), "[C7] received and Message differ");
        }
    }

    fn check_punctual(&self) {
        laws::check_punctual(&self.session, self.now, self.model.entered, self.model.silence_began());
    }

    // ---- a driver as it should be ------------------------------------------------------------

    pub fn input(&mut self, input: Input<Message>) {
        self.call(Call::Handle { now: self.now, input, pulled: None });
    }

    pub fn pull_all(&mut self) {
        while self.model.owes() {
            self.call(Call::NextAction);
        }
    }

    /// Calls every timer when it is due; how far that came.
    fn run_timers(&mut self, until: Timestamp) -> Timestamp {
        for _ in 0..50 {
            match self.session.deadline().filter(|due| *due <= until) {
                Some(due) => _ = self.call(Call::Handle { now: due, input: Input::Timer, pulled: None }),
                None => return until,
            }
        }
        self.now
    }

    /// X3: pulls what is owed; then a willing server leads to `Open`, and after `Close` to `Closed`.
    pub fn finish(&mut self) {
        self.input(Input::Timer);
        // Near the end of time no deadline is left to lead anywhere.
        if self.now > Timestamp::from_nanos(u64::MAX / 2) {
            return;
        }
        if self.session.is_draining() || self.session.state() == State::Closing {
            self.lead_to(State::Closed);
        }
        self.lead_to(State::Open);
        self.input(Input::Close { code: CloseCode::NORMAL, within: Duration::from_secs(1) });
        self.lead_to(State::Closed);
        assert!(self.laws.is_empty(), "[Q3] accepted and without an outcome");
        assert_eq!(self.session.deadline(), None, "[X2] a closed session wants a timer");
    }

    fn lead_to(&mut self, goal: State) {
        for _ in 0..100 {
            if self.session.state() == goal {
                return;
            }
            self.serve();
            self.pull_all();
        }
        panic!("[X3] no way to {goal}: {:#?}", self.model);
    }

    fn write_one(&mut self) -> Option<MessageId> {
        let Answer::Transmit(lent) = self.call(Call::Transmit { now: self.now }) else { unreachable!() };
        let (id, ..) = lent?;
        self.call(Call::Sent { now: self.now, id });
        self.pull_all();
        Some(id)
    }

    /// One step of a server that answers, and of a driver that logs in.
    fn serve(&mut self) {
        let conn = self.conn(Which::Current);
        match self.session.state() {
            State::Idle | State::Closed => self.input(Input::Connect),
            State::Waiting => {
                self.now = self.session.deadline().expect("[X3] a wait without an end").max(self.now);
                self.input(Input::Timer);
            }
            State::Connecting => self.input(Input::Opened { conn }),
            State::Greeting => {
                while self.write_one().is_some() {}
                // A drain may have ended with the last one.
                if self.session.state() != State::Greeting {
                    return;
                }
                let outgoing = self.outgoing(Delivery::ThisConnection, 1, None);
                let login = self.call(Call::Send { now: self.now, outgoing });
                let accepted = matches!(login, Answer::Send(Ok(_))) || self.model.outbox.is_exhausted();
                assert!(accepted, "[X3, Q1] no room for a login: {login:?}");
                assert!(self.write_one().is_some() || self.model.outbox.is_exhausted(), "[X3] the login is kept back");
                self.input(Input::Ready { conn });
            }
            State::Open => {
                self.write_one();
                for id in self.model.outbox.unacked() {
                    self.input(Input::Acked { id });
                }
            }
            State::Closing => self.input(Input::closed(conn, Loss::Close(1000))),
        }
    }
}

/// The deadline that is armed, whatever is owed; `Timestamp::MAX` for none.
fn armed(session: &Session, owes: bool) -> Timestamp {
    let mut pulled;
    let nothing_owed = if owes {
        pulled = session.clone();
        while pulled.next_action().is_some() {}
        &pulled
    } else {
        session
    };
    nothing_owed.deadline().unwrap_or(Timestamp::MAX)
}

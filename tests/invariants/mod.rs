//! A driver made of bytes, and an observer that knows what every clause allows it to see.
//!
//! The properties, the replay of the corpus and the fuzz target share it; it needs nothing but the
//! crate. [`run`] is all of it: bytes to config and ops, a session, its checks, and an end at which every
//! accepted message must have had its outcome.
#![allow(dead_code, unused_imports)] // Each user has its own part.

mod ledger;
mod observer;
mod plan;
mod record;
mod redial;
mod settings;
mod step;
mod watch;

use std::time::Duration;

use heartline::{Call, CloseCode, ConnId, Delivery, Input, Instant, Loss, Outgoing, Session, State, Transmit};

pub use ledger::Message;
use observer::{Heard, Observer, neutral};
pub use plan::{HEADER, Habit, Lapse, Op, Plan, What, Which};
pub use record::{Answer, Recorded, answer};
use step::check_order;

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
    pub session: Session<Message>,
    pub now: Instant,
    pub observer: Observer,
    habit: Habit,
    pulled: Option<Transmit<Message>>,
    next_payload: Message,
    pub record: Vec<Recorded>,
}

impl Driver {
    pub fn new(plan: &Plan) -> Self {
        Self {
            session: Session::new(plan.config.clone(), plan.seed),
            now: Instant::ORIGIN,
            observer: Observer::new(plan.config.clone(), plan.habit),
            habit: plan.habit,
            pulled: None,
            next_payload: 0,
            record: Vec::new(),
        }
    }

    pub fn op(&mut self, op: &Op) {
        let op = &self.resolved(*op);
        let mut at = self.moment(op.lapse);
        if self.habit == Habit::Punctual {
            at = self.run_timers(at);
        }
        let pull = if self.habit == Habit::Sloppy { op.pull } else { usize::MAX };
        match op.what {
            What::Send { delivery, size, time_to_live } => self.send(at, delivery, size, time_to_live),
            What::Transmit => self.transmit(at),
            What::Unsent { why, forged } => {
                let forgery = Transmit { id: self.observer.ledger.pick(13), message: 0, redelivery: false };
                if let Some(transmit) = self.pulled.clone().filter(|_| !forged).or(forged.then_some(forgery)) {
                    self.unsent(at, transmit, why);
                }
            }
            what => {
                let input = self.input(what);
                self.handle(at, input, pull);
            }
        }
        if self.habit == Habit::Punctual && self.run_timers(self.now) == self.now {
            self.observer.check_punctual(&self.session, self.now);
        }
    }

    /// What brings it forward is for the state to say.
    fn resolved(&self, op: Op) -> Op {
        let what = match (op.what, self.session.state()) {
            (What::Advance, State::Idle | State::Closed) => What::Connect,
            (What::Advance, State::Waiting) => {
                return Op { what: What::Timer, lapse: Lapse::Due(Duration::ZERO), ..op };
            }
            (What::Advance, State::Connecting) => What::Opened(Which::Current),
            (What::Advance, State::Greeting) => What::Ready(Which::Current),
            (What::Advance, State::Open) => What::Transmit,
            (What::Advance, State::Closing) => What::Closed(Which::Current, Loss::Close(1000).into()),
            (what, _) => what,
        };
        Op { what, ..op }
    }

    fn moment(&self, lapse: Lapse) -> Instant {
        let due = self.session.deadline().unwrap_or(self.now).max(self.now);
        match lapse {
            Lapse::None => self.now,
            Lapse::By(time) => self.now.saturating_add(time),
            Lapse::Back(time) => Instant::after(self.now.saturating_since(Instant::after(time))),
            Lapse::Due(late) => due.saturating_add(late),
            Lapse::JustBeforeDue => Instant::from_nanos(due.as_nanos().saturating_sub(1)),
            Lapse::ToTheEnd(left) => Instant::from_nanos(u64::MAX - left),
        }
    }

    /// Calls every timer at its moment; how far that came.
    fn run_timers(&mut self, until: Instant) -> Instant {
        for _ in 0..50 {
            match self.session.deadline().filter(|due| *due <= until) {
                Some(due) => self.handle(due, Input::Timer, usize::MAX),
                None => return until,
            }
        }
        self.now
    }

    fn conn(&self, which: Which) -> ConnId {
        let told = self.observer.told.map_or(0, ConnId::as_raw);
        let raw = match which {
            Which::Current => told,
            Which::Past => told.saturating_sub(1),
            Which::Next => told + 1,
            Which::Never => u64::MAX,
        };
        ConnId::from_raw(raw.max(1)).expect("at least 1")
    }

    fn input(&mut self, what: What) -> Input<Message> {
        if matches!(what, What::Acked(_) | What::Cancel(_)) {
            self.commit();
            self.observer.sync(&self.session, self.now);
        }
        match what {
            What::Connect => Input::Connect,
            What::Opened(which) => Input::Opened { conn: self.conn(which) },
            What::Ready(which) => Input::Ready { conn: self.conn(which) },
            What::Message(which) => Input::Message { conn: self.conn(which), message: 7 },
            What::Pong(which) => Input::Pong { conn: self.conn(which) },
            What::Alive(which) => Input::Alive { conn: self.conn(which) },
            What::Closed(which, closed) => Input::Closed { conn: self.conn(which), closed },
            What::Acked(pick) => Input::Acked { id: self.observer.ledger.pick(pick) },
            What::Cancel(pick) => Input::Cancel { id: self.observer.ledger.pick(pick) },
            What::NetworkChanged => Input::NetworkChanged,
            What::Close(code, within) => Input::Close { code, within },
            What::Timer | What::Send { .. } | What::Transmit | What::Unsent { .. } | What::Advance => Input::Timer,
        }
    }

    fn call(&mut self, call: Call<Message>, pull: usize) -> Answer {
        let answer = answer(&mut self.session, call.clone(), pull);
        self.record.push(Recorded { call, pull, answer: answer.clone() });
        answer
    }

    pub fn handle(&mut self, at: Instant, input: Input<Message>, pull: usize) {
        self.now = self.now.max(at);
        self.commit();
        let before = self.observer.before(&self.session, self.now, self.pulled.is_some());
        self.pulled = None;
        self.observer.ledger.closing = before.draining;
        let heard = self.observer.judge(&before, &input);
        self.check_inert(&input, heard);
        self.observer.said(&before, &input, heard);
        let Answer::Actions(actions) = self.call(Call::Handle { now: at, input: input.clone() }, pull) else {
            unreachable!("an input has actions");
        };
        check_order(&actions);
        actions.iter().for_each(|action| self.observer.pulled(self.now, action, &input));
        self.check_counted(&before, heard);
        if self.observer.tidy() {
            self.observer.check_step(&self.session, &before, &input, heard, &actions);
        }
        self.observer.owed = !self.observer.tidy();
        self.observer.check_always(&self.session, &before, Some(&input));
    }

    /// P1: an input that is counted changes nothing that decides the future; one that is not, does.
    fn check_inert(&mut self, input: &Input<Message>, heard: Heard) {
        let answered = matches!(input, Input::Opened { .. }) && heard == Heard::Stale;
        if heard == Heard::Acted || answered {
            return;
        }
        let (mut without, mut with) = (self.session.clone(), self.session.clone());
        drop(neutral(&mut without, self.now));
        drop(with.handle(self.now, input.clone()));
        let same = without.fingerprint() == with.fingerprint() && without.deadline() == with.deadline();
        let counted = |session: &Session<Message>| session.stats().ignored + session.stats().stale;
        let inert = counted(&with) > counted(&self.session);
        assert!(same || !inert, "[P1] {input:?} was counted and changed something");
        assert!(inert || !same || !self.observer.tidy(), "[P1] {input:?} changed nothing and was not counted");
    }

    fn check_counted(&self, before: &observer::Before, heard: Heard) {
        let stats = self.session.stats();
        let (stale, ignored) = (stats.stale - before.stats.stale, stats.ignored - before.stats.ignored);
        let expected = match heard {
            Heard::Acted => (0, 0),
            Heard::Stale => (1, 0),
            Heard::Ignored => (0, 1),
            Heard::Either => (0, ignored.min(1)),
        };
        assert_eq!((stale, ignored), expected, "[P1] stale and ignored, where {heard:?} was due");
    }

    /// Whatever is called now, the message pulled before was sent.
    fn commit(&mut self) {
        self.observer.ledger.commit();
    }

    pub fn send(&mut self, at: Instant, delivery: Delivery, size: u32, time_to_live: Option<Duration>) {
        self.now = self.now.max(at);
        self.commit();
        let before = self.observer.before(&self.session, self.now, self.pulled.take().is_some());
        self.next_payload += 1;
        let size = size as usize;
        let mut outgoing = match delivery {
            Delivery::Connection => Outgoing::connection(self.next_payload, size),
            Delivery::Once => Outgoing::once(self.next_payload, size),
            Delivery::AtLeastOnce => Outgoing::at_least_once(self.next_payload, size),
        };
        if let Some(time) = time_to_live {
            outgoing = outgoing.time_to_live(time);
        }
        let call = Call::Send { now: at, outgoing: outgoing.clone() };
        let Answer::Sent(sent) = self.call(call, 0) else { unreachable!("a send has a result") };
        let refusal = Observer::refusal(&before, delivery);
        self.observer.ledger.sent(self.now, &outgoing, time_to_live, &sent, refusal);
        self.after(&before);
    }

    pub fn transmit(&mut self, at: Instant) {
        self.now = self.now.max(at);
        self.commit();
        let before = self.observer.before(&self.session, self.now, self.pulled.take().is_some());
        self.observer.sync(&self.session, self.now);
        let Answer::Transmit(found) = self.call(Call::Transmit { now: at }, 0) else {
            unreachable!("a transmit has a message or none");
        };
        self.observer.ledger.transmitted(self.now, before.state, found.as_ref());
        self.pulled = found;
        self.after(&before);
    }

    fn unsent(&mut self, at: Instant, transmit: Transmit<Message>, why: heartline::Unsent) {
        self.now = self.now.max(at);
        let pending = self.observer.ledger.unsent(&transmit, why);
        let before = self.observer.before(&self.session, self.now, false);
        self.pulled = None;
        self.call(Call::Unsent { now: at, transmit, why }, 0);
        let ignored = self.session.stats().ignored - before.stats.ignored;
        assert_eq!(ignored, u32::from(!pending), "[Q7] unsent with another message");
        self.after(&before);
    }

    fn after(&mut self, before: &observer::Before) {
        self.observer.owed = true;
        self.observer.check_always(&self.session, before, None);
    }

    /// Pulls what is owed and closes: every id has had its one outcome, and nothing more comes.
    pub fn finish(&mut self) {
        self.handle(self.now, Input::Timer, usize::MAX);
        self.handle(self.now, Input::Close { code: CloseCode::NORMAL, within: Duration::ZERO }, usize::MAX);
        self.handle(self.now, Input::Timer, usize::MAX);
        if self.session.state() == State::Closing {
            let conn = self.conn(Which::Current);
            let closed = Loss::Close(1000).into();
            self.handle(self.now, Input::Closed { conn, closed }, usize::MAX);
        }
        // At the end of time no deadline is left to end a drain.
        if self.now < Instant::MAX {
            assert_eq!(self.session.state(), State::Closed, "[X1] not closed");
            assert_eq!(self.observer.ledger.held(), 0, "[Q3] accepted and without an outcome");
            assert_eq!(self.session.deadline(), None, "[X2] a closed session wants a timer");
        }
    }
}

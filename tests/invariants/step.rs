//! Everything that must hold of one step whose actions were all pulled.

use heartline::{Action, Cause, Event, Input, Instant, Loss, Session, State};

use super::ledger::Message;
use super::observer::{Before, Heard, Observer};
use super::watch::{Beats, Step, Watch};

type Change = (State, State, Cause);

/// What was pulled, sorted.
struct Said {
    changes: Vec<Change>,
    schedules: Vec<(u32, Instant, Cause)>,
    dials: Vec<u32>,
    closes: usize,
    beats: Beats,
}

impl Said {
    fn sorted(actions: &[Action<Message>]) -> Self {
        let (changes, schedules, dials) = (Vec::new(), Vec::new(), Vec::new());
        let mut said = Self { changes, schedules, dials, closes: 0, beats: Beats::default() };
        for action in actions {
            match action {
                Action::Event(Event::StateChanged { from, to, cause }) => said.changes.push((*from, *to, *cause)),
                Action::Event(event) => said.beats.hear(*event),
                Action::ScheduleReconnect { attempt, at, cause } => said.schedules.push((*attempt, *at, *cause)),
                Action::Connect { attempt, .. } => said.dials.push(*attempt),
                Action::Ping { .. } => said.beats.pings += 1,
                Action::Close { .. } => said.closes += 1,
                Action::Deliver(_) | Action::Abort { .. } | Action::Outcome { .. } => {}
            }
        }
        said
    }
}

/// P6: the order, and the bound apart from outcomes.
pub fn check_order(actions: &[Action<Message>]) {
    let rank = |action: &Action<Message>| match action {
        Action::Deliver(_) => 0,
        Action::Abort { .. } => 1,
        Action::Connect { .. } => 2,
        Action::Ping { .. } => 3,
        Action::Close { .. } => 4,
        Action::Event(_) => 5,
        Action::ScheduleReconnect { .. } => 6,
        Action::Outcome { .. } => 7,
    };
    assert!(actions.iter().is_sorted_by_key(rank), "[P6] out of order: {actions:?}");
    let control = actions.iter().filter(|action| rank(action) < 7).count();
    assert!(control <= 8, "[P6] {control} actions in one step");
}

impl Observer {
    pub fn check_step(
        &mut self,
        session: &Session<Message>,
        before: &Before,
        input: &Input<Message>,
        heard: Heard,
        actions: &[Action<Message>],
    ) {
        let mut said = Said::sorted(actions);
        if matches!(input, Input::Connect) && matches!(before.state, State::Idle | State::Closing | State::Closed) {
            self.redial.begun();
        }
        let moved = self.check_hurry(before, input, &said);
        for change in said.changes.clone() {
            said.beats.dead |= self.change(before.now, change, input);
            self.check_entry(before, change, input, &said);
        }
        for attempt in &said.dials {
            self.redial.connecting(*attempt);
        }
        let waits = said.changes.iter().any(|(_, to, _)| *to == State::Waiting) && self.state == State::Waiting;
        assert_eq!(said.schedules.len(), usize::from(waits || moved), "[R1] one loss, one retry: {actions:?}");
        if let (Input::Opened { conn }, Heard::Stale) = (input, heard) {
            assert!(actions.contains(&Action::Abort { conn: *conn }), "[C3] {conn} opened too late and was left alone");
        }
        self.check_heart(before, input, heard, &said);
        self.check_state(session, before);
        self.check_deadline(session, before, input);
        let connected = matches!(self.state, State::Greeting | State::Open | State::Closing);
        self.ledger.check_settled(connected, matches!(input, Input::Timer).then_some(before.now));
        if before.state == State::Closed && !matches!(input, Input::Connect) && !before.owed {
            let answers = |action: &Action<Message>| matches!(action, Action::Abort { .. });
            assert!(actions.iter().all(answers) && self.state == State::Closed, "[X2] {actions:?} while closed");
        }
    }

    /// A change of state. True if it was the heartbeat's verdict.
    fn change(&mut self, now: Instant, (from, to, cause): Change, input: &Input<Message>) -> bool {
        assert_eq!(from, self.state, "[O1] a change from a state that was not told");
        assert_ne!(from, to, "[O1] a change of nothing");
        (self.state, self.entered) = (to, now);
        let (Cause::Lost(loss) | Cause::Stopped(loss) | Cause::Exhausted(loss)) = cause else { return false };
        if from == State::Closing {
            return false;
        }
        let (told, asked) = match (input, from) {
            (Input::Closed { closed, .. }, _) => (closed.loss, closed.retry_after),
            (Input::Timer, State::Connecting) => (Loss::ConnectTimeout, None),
            (Input::Timer, State::Greeting) => (Loss::GreetingTimeout, None),
            (Input::Timer, State::Open) => (Loss::HeartbeatTimeout, None),
            _ => panic!("[R1] {input:?} in {from} is no loss"),
        };
        assert_eq!(told, loss, "[O1] another loss is the cause");
        let expected = self.redial.lost(&self.config, now, loss, asked, from == State::Open);
        assert_eq!(cause, expected, "[R4] the verdict on a loss");
        from == State::Open && matches!(input, Input::Timer)
    }

    /// What comes with having entered a state.
    fn check_entry(&mut self, before: &Before, (from, to, cause): Change, input: &Input<Message>, said: &Said) {
        let now = before.now;
        let last = to == said.changes.last().map_or(to, |(_, to, _)| *to);
        match (to, cause) {
            (State::Waiting, Cause::Lost(_)) if last => {
                let (attempt, at, told) = said.schedules[0];
                assert_eq!(told, cause, "[O1] the cause of a retry");
                self.redial.scheduled(&self.config, attempt, at);
            }
            (State::Waiting, Cause::Requested) => {
                let (attempt, at, _) = said.schedules[0];
                self.redial.held_up(&self.config, now, attempt, at);
            }
            (State::Connecting, Cause::RetryDue) => {
                assert!(matches!(input, Input::Timer), "[R1] {input:?} is no timer");
                self.redial.came_due(now, self.punctual());
            }
            (State::Open, Cause::Opened | Cause::Ready) => {
                assert!(matches!(from, State::Connecting | State::Greeting));
                self.redial.ready(now);
                self.watch = Some(Watch::new(self.config.heartbeat, now));
            }
            (State::Closing, Cause::Requested | Cause::Drained | Cause::DrainTimeout) if last => {
                assert_eq!(said.closes, 1, "[X1] no close frame");
            }
            (State::Idle, Cause::Stopped(_) | Cause::Exhausted(_))
            | (State::Connecting, Cause::Requested | Cause::NetworkChanged)
            | (State::Waiting | State::Closed, Cause::Lost(_))
            | (State::Closing, Cause::Requested | Cause::Drained | Cause::DrainTimeout)
            | (State::Greeting, Cause::Opened)
            | (
                State::Closed,
                Cause::Requested
                | Cause::Drained
                | Cause::DrainTimeout
                | Cause::CloseTimeout
                | Cause::Stopped(_)
                | Cause::Exhausted(_),
            ) => {}
            _ => panic!("[O1] {from} to {to} because {cause}"),
        }
    }

    /// R6, R7: `Connect` and `NetworkChanged` while waiting. True if the dial was moved to a later moment than now.
    fn check_hurry(&mut self, before: &Before, input: &Input<Message>, said: &Said) -> bool {
        let cause = match input {
            Input::Connect => Cause::Requested,
            Input::NetworkChanged => Cause::NetworkChanged,
            _ => return false,
        };
        if before.state != State::Waiting {
            return false;
        }
        let target = self.redial.hurried(&self.config, before.now, cause);
        let dials = target.is_some_and(|at| at <= before.now);
        assert_eq!(said.dials.len(), usize::from(dials), "[R6, R7] {input:?} while waiting");
        let moved = target.filter(|_| !dials);
        assert_eq!(said.schedules.first().map(|(_, at, _)| *at), moved, "[R6, R7] the dial moves");
        moved.is_some()
    }

    fn check_heart(&mut self, before: &Before, input: &Input<Message>, heard: Heard, said: &Said) {
        let became_ready = said.changes.iter().any(|(_, to, _)| *to == State::Open);
        let step = match input {
            Input::Message { .. } | Input::Pong { .. } | Input::Alive { .. } if heard == Heard::Acted => Step::Life,
            Input::Timer => Step::Timer,
            Input::NetworkChanged => Step::NetworkChanged,
            _ if became_ready => Step::Ready,
            _ => Step::Other,
        };
        let (open, punctual) = (self.state == State::Open, self.punctual());
        let watched = became_ready || before.state == State::Open;
        match &mut self.watch {
            Some(watch) if watched && (open || said.beats.dead) => watch.step(before.now, step, said.beats, punctual),
            _ => assert_eq!(said.beats.pings, 0, "[H3] a ping on no open connection"),
        }
        if !open {
            self.watch = None;
        }
    }

    fn check_state(&self, session: &Session<Message>, before: &Before) {
        let stats = session.stats();
        assert_eq!(session.state(), self.state, "[O1] a change that was not told");
        assert_eq!(session.conn(), self.live, "[C1] the connection");
        assert_eq!(stats.dropped, before.stats.dropped, "[P3] events dropped though all were pulled");
        assert_eq!(session.queued(), self.ledger.unresolved(), "[Q3] messages without an outcome");
        assert_eq!(session.held(), session.queued(), "[P3] places of messages that are over");
        assert!(!session.is_draining() || session.queued() > 0, "[X1] drained and not closed");
    }

    fn check_deadline(&self, session: &Session<Message>, before: &Before, input: &Input<Message>) {
        let (deadline, now) = (session.deadline(), before.now);
        let expiry = self.ledger.next_expiry();
        let due = deadline.unwrap_or(Instant::MAX);
        assert!(due <= expiry, "[Q6] nobody will wake for {expiry:?}");
        match input {
            Input::Timer => assert!(deadline.is_none_or(|due| due > now), "[P7] {deadline:?} after a timer at {now:?}"),
            Input::Message { .. } if !before.owed => {
                assert_eq!(deadline, before.deadline, "[P7] a message moved the deadline");
            }
            Input::Close { .. } if before.draining || before.state == State::Closing => {
                let was = before.deadline.unwrap_or(Instant::MAX);
                assert!(before.owed || due <= was, "[X1] a second close gave more time");
            }
            _ => {}
        }
        if self.state == State::Closed {
            assert_eq!(deadline, None, "[X2] a closed session wants a timer");
        }
    }

    /// Once every timer that is due was called: nothing lasts longer than it may.
    pub fn check_punctual(&self, session: &Session<Message>, now: Instant) {
        let limit = match session.state() {
            State::Connecting => Some(self.config.connect_timeout),
            State::Greeting => self.config.greeting_timeout,
            State::Closing => Some(self.config.close_timeout),
            State::Idle | State::Waiting | State::Open | State::Closed => None,
        };
        let until = limit.map_or(Instant::MAX, |limit| self.entered.saturating_add(limit));
        assert!(now < until || until == Instant::MAX, "[C4, C5, X1] {} at {now:?}, after {until:?}", self.state);
        let stop = self.stop_by.filter(|by| *by < Instant::MAX && session.state() != State::Closing);
        assert!(stop.is_none_or(|by| now < by), "[X1] still draining at {now:?}, after {stop:?}");
        if let Some(watch) = &self.watch {
            watch.check_punctual(now);
        }
    }
}

//! What must hold of any run, seen from calls and answers alone: a second net, for mistakes that the model shares.

use std::collections::BTreeMap;

use heartline::message::{Delivery, Reason};
use heartline::outbox::Overflow;
use heartline::replay::Call;
use heartline::{Config, ConnId, Input, MessageId, Outcome, State, Timestamp};

use super::heart::passed;
use super::record::{Answer, Done, Message, Session};

#[derive(Clone, Debug, Default)]
pub struct Laws {
    /// The connection that a driver holds, and the latest one it was given.
    held: Option<ConnId>,
    latest: Option<ConnId>,
    last_dial: Option<Timestamp>,
    last_id: Option<MessageId>,
    /// Accepted messages without an outcome that was pulled: their promise, and how often each was transmitted.
    accepted: BTreeMap<MessageId, (Delivery, u32)>,
    last_first: Option<MessageId>,
    lent: Option<(MessageId, bool)>,
    ignored: u32,
}

impl Laws {
    pub fn call(&mut self, call: &Call<Message>, answer: &Answer, session: &Session) {
        match (call, answer) {
            (Call::Send { outgoing, .. }, Answer::Send(Ok(id))) => {
                assert!(self.last_id < Some(*id), "[Q3] message ids do not increase");
                self.last_id = Some(*id);
                self.accepted.insert(*id, (outgoing.delivery(), 0));
            }
            (_, Answer::Transmit(lent)) => self.lent = lent.map(|(id, _, _, redelivery)| (id, redelivery)),
            (Call::Sent { id, .. }, _) if session.stats().ignored == self.ignored => self.sent(*id),
            (Call::Handle { input: Input::Closed { conn, .. }, .. }, _) => _ = self.held.take_if(|held| held == conn),
            _ => {}
        }
        if let Answer::Actions(actions) = answer {
            actions.iter().for_each(|action| self.action(action));
        }
        self.ignored = session.stats().ignored;
        self.check_bounds(session);
    }

    /// Q2, Q4.
    fn sent(&mut self, id: MessageId) {
        let Some((_, redelivery)) = self.lent.take_if(|(lent, _)| *lent == id) else { return };
        let Some((delivery, sent)) = self.accepted.get_mut(&id) else { return };
        *sent += 1;
        assert!(*delivery == Delivery::AtLeastOnce || *sent == 1, "[Q2] {id} was transmitted again");
        assert!(!redelivery || *sent > 1, "[Q5] {id} was marked as a redelivery");
        if *delivery != Delivery::ThisConnection && !redelivery {
            assert!(self.last_first < Some(id), "[Q4] {id} was transmitted first after {:?}", self.last_first);
            self.last_first = Some(id);
        }
    }

    fn action(&mut self, action: &Done) {
        match action {
            Done::Connect { conn, .. } => {
                assert_eq!(self.held, None, "[C1] {conn} beside another connection");
                assert!(self.latest < Some(*conn), "[C2] connection ids do not increase");
                (self.held, self.latest) = (Some(*conn), Some(*conn));
            }
            Done::Abort(conn) => {
                assert!(Some(*conn) <= self.latest, "[C1] aborts {conn}, which never was");
                self.held.take_if(|held| held == conn);
            }
            Done::Ping { conn, .. } | Done::Close(conn, _) => {
                assert_eq!(self.held, Some(*conn), "[C3] {action:?} for a connection that has ended");
            }
            Done::Outcome(id, outcome) => self.outcome(*id, outcome),
            Done::Deliver(_) | Done::Event(_) | Done::Schedule { .. } => {}
        }
    }

    /// Q3.
    fn outcome(&mut self, id: MessageId, outcome: &Outcome<Message>) {
        let Some((delivery, sent)) = self.accepted.remove(&id) else { panic!("[Q3] {id} ends twice, or never was") };
        let lasting = delivery == Delivery::AtLeastOnce;
        let fits = match outcome {
            Outcome::Transmitted => !lasting && sent == 1,
            Outcome::Acked => lasting,
            Outcome::Returned(Reason::ConnectionEnded, _) => delivery == Delivery::ThisConnection && sent == 0,
            Outcome::Returned(..) => sent == 0,
            Outcome::Unconfirmed(..) => lasting && sent > 0,
        };
        assert!(fits, "[Q3] {id}, {delivery}, transmitted {sent} times: {outcome:?}");
    }

    /// P3, Q1.
    fn check_bounds(&self, session: &Session) {
        let limits = &session.config().outbox;
        let sets = if limits.overflow == Overflow::EvictOldest { 2 } else { 1 };
        let messages = u64::from(limits.max_messages) * sets + u64::from(limits.max_connection_messages);
        let bytes = u64::from(limits.max_bytes) * sets + u64::from(limits.max_connection_bytes);
        assert_eq!(session.held(), self.accepted.len(), "[P3] places taken");
        assert!(session.held() as u64 <= messages, "[P3] too many messages");
        assert!(session.held_bytes() <= bytes, "[P3] too many bytes");
    }

    /// R2: `before` is the connection before the call at `now`.
    pub fn dialled(&mut self, config: &Config, now: Timestamp, before: Option<ConnId>, session: &Session) {
        if session.state() == State::Connecting && session.conn() != before {
            let gap = self.last_dial.map_or(Timestamp::ORIGIN, |last| last.saturating_add(config.min_dial_gap));
            assert!(gap <= now, "[R2] dialled at {now:?}, not before {gap:?} was allowed");
            self.last_dial = Some(now);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.accepted.is_empty()
    }
}

/// With timers on time nothing lasts longer than it may. `entered` is since when the state lasts, `silence_began` the
/// last proof of life on an open connection, or the last moment until which it was not read.
pub fn check_punctual(session: &Session, now: Timestamp, entered: Timestamp, silence_began: Option<Timestamp>) {
    let config = session.config();
    let limit = match session.state() {
        State::Connecting => Some(config.connect_timeout),
        State::Greeting => config.greeting_timeout,
        State::Closing => Some(config.close_timeout),
        State::Idle | State::Waiting | State::Open | State::Closed => None,
    };
    let over = |since: Timestamp, limit| passed(since.saturating_add(limit), now);
    assert!(!limit.is_some_and(|limit| over(entered, limit)), "[C4, C5, X1] {} since {entered:?}", session.state());
    let bound = session.detection_time().zip(silence_began);
    assert!(
        !bound.is_some_and(|(limit, began)| over(began, limit)),
        "[H9] silence since {silence_began:?}, open at {now:?}"
    );
}

//! Every call on the session, and nothing else: the one place where they can be recorded.

use heartline::message::Refused;
use heartline::{Action, Config, ConnId, Input, MessageId, Outgoing, Session, Timestamp, Transmit};

use crate::client::{Record, Recording};

/// A session, or what stands in for it. What only looks is reached by [`look`](Self::look).
pub(super) enum Calls<M> {
    Plain(Box<Session<M>>),
    Recorded(Box<dyn Recording<M> + Send>),
}

/// The same call on either. The plain one is not dispatched at run time.
macro_rules! on {
    ($calls:expr, $session:ident => $call:expr) => {
        match $calls {
            Calls::Plain($session) => $call,
            Calls::Recorded($session) => $call,
        }
    };
}

impl<M> Calls<M> {
    pub(super) fn new(config: Config, seed: u64, first_id: MessageId, record: Option<Record<M>>) -> Self {
        match record {
            Some(record) => Self::Recorded(record(config, seed, first_id)),
            None => Self::Plain(Box::new(Session::with_first_id(config, seed, first_id))),
        }
    }

    pub(super) fn look(&self) -> &Session<M> {
        on!(self, session => session.session())
    }

    /// Its actions are pulled by [`next_action`](Self::next_action).
    pub(super) fn handle(&mut self, now: Timestamp, input: Input<M>) {
        on!(self, session => Recording::handle(&mut **session, now, input));
    }

    pub(super) fn received(&mut self, now: Timestamp, conn: ConnId) -> bool {
        on!(self, session => session.received(now, conn))
    }

    pub(super) fn next_action(&mut self) -> Option<Action<M>> {
        on!(self, session => session.next_action())
    }

    pub(super) fn send(&mut self, now: Timestamp, outgoing: Outgoing<M>) -> Result<MessageId, Refused<M>> {
        on!(self, session => session.send(now, outgoing))
    }

    pub(super) fn transmit(&mut self, now: Timestamp) -> Option<Transmit<'_, M>> {
        on!(self, session => session.transmit(now))
    }

    pub(super) fn sent(&mut self, now: Timestamp, id: MessageId) {
        on!(self, session => session.sent(now, id));
    }

    pub(super) fn rejected(&mut self, now: Timestamp, id: MessageId) {
        on!(self, session => session.rejected(now, id));
    }
}

//! What may stand in for a client's session.

use heartline::message::Refused;
use heartline::{Action, Config, ConnId, Input, MessageId, Outgoing, Session, Timestamp, Transmit};

/// What stands in for a client's session: [`heartline_testkit::record::Recorder`], say, which writes down every call with
/// its answer. All calls go through it; an implementation passes them on to a session of its own, and returns what that
/// answers, unchanged.
///
/// [`heartline_testkit::record::Recorder`]: https://docs.rs/heartline-testkit
pub trait Recording<M> {
    /// The session, for what only looks.
    fn session(&self) -> &Session<M>;
    /// As [`Session::handle`]. The actions are pulled by [`next_action`](Self::next_action).
    fn handle(&mut self, now: Timestamp, input: Input<M>);
    /// As [`Session::received`].
    fn received(&mut self, now: Timestamp, conn: ConnId) -> bool;
    /// As [`Session::next_action`].
    fn next_action(&mut self) -> Option<Action<M>>;
    /// As [`Session::send`].
    ///
    /// # Errors
    /// As there.
    fn send(&mut self, now: Timestamp, outgoing: Outgoing<M>) -> Result<MessageId, Refused<M>>;
    /// As [`Session::transmit`].
    fn transmit(&mut self, now: Timestamp) -> Option<Transmit<'_, M>>;
    /// As [`Session::sent`].
    fn sent(&mut self, now: Timestamp, id: MessageId);
    /// As [`Session::rejected`].
    fn rejected(&mut self, now: Timestamp, id: MessageId);
}

/// Makes what stands in for the session, from what decides one: config, seed, first id.
pub type Record<M> = Box<dyn FnOnce(Config, u64, MessageId) -> Box<dyn Recording<M> + Send> + Send>;

/// A session that nobody records.
impl<M> Recording<M> for Session<M> {
    fn session(&self) -> &Session<M> {
        self
    }

    fn handle(&mut self, now: Timestamp, input: Input<M>) {
        drop(Session::handle(self, now, input));
    }

    fn received(&mut self, now: Timestamp, conn: ConnId) -> bool {
        Session::received(self, now, conn)
    }

    fn next_action(&mut self) -> Option<Action<M>> {
        Session::next_action(self)
    }

    fn send(&mut self, now: Timestamp, outgoing: Outgoing<M>) -> Result<MessageId, Refused<M>> {
        Session::send(self, now, outgoing)
    }

    fn transmit(&mut self, now: Timestamp) -> Option<Transmit<'_, M>> {
        Session::transmit(self, now)
    }

    fn sent(&mut self, now: Timestamp, id: MessageId) {
        Session::sent(self, now, id);
    }

    fn rejected(&mut self, now: Timestamp, id: MessageId) {
        Session::rejected(self, now, id);
    }
}

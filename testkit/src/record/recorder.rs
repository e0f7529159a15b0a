//! A session that writes down what is done to it.

use std::borrow::Borrow;
use std::io::{self, Write};
use std::ops::Deref;

use heartline::message::Refused;
use heartline::replay::Call;
use heartline::{Action, Actions, Config, ConnId, Input, MessageId, Outgoing, Session, Timestamp, Transmit};
use serde::Serialize;

use super::FORMAT;
use super::data::{self, Answer, Entry, Header, Lent, Pulled};
use super::writer::LogWriter;

/// Keeps messages as they are, for the last parameter of [`Recorder::new`].
pub fn whole<M: Clone>(message: &M) -> M {
    message.clone()
}

/// Keeps nothing of messages, for the last parameter of [`Recorder::new`].
pub fn left_out<M>(_message: &M) {}

/// A [`Session`] whose calls are written to a log. What only looks (`state`, `deadline`, `stats` …) is reached by `Deref`.
///
/// `M` is the session's message, `P` what is kept of it, `W` where the log goes, `C` where the config lives.
#[derive(Debug)]
pub struct Recorder<M, P, W, C = Config> {
    session: Session<M, C>,
    log: LogWriter<W>,
    keep: fn(&M) -> P,
}

impl<M, P: Serialize, W: Write, C: Borrow<Config>> Recorder<M, P, W, C> {
    /// An idle session, as [`Session::new`], whose log goes to `out`. `keep` says what is kept of each message:
    /// [`whole`], [`left_out`], or something else. Errors of `out` end the log and are reported by
    /// [`error`](Self::error).
    pub fn new(config: C, seed: u64, out: W, keep: fn(&M) -> P) -> Self {
        Self::with_first_id(config, seed, MessageId::from_raw(1), out, keep)
    }

    /// The same, as [`Session::with_first_id`].
    pub fn with_first_id(config: C, seed: u64, first_id: MessageId, out: W, keep: fn(&M) -> P) -> Self {
        let header = Header { format: FORMAT, config: config.borrow().clone(), seed, first_id };
        let log = LogWriter::new(out, &header);
        Self { session: Session::with_first_id(config, seed, first_id), log, keep }
    }

    /// Ends the log, not the session, before its calls take more than so many bytes. Default 64 MiB.
    #[must_use]
    pub fn limit(mut self, bytes: u64) -> Self {
        self.log = self.log.limit(bytes);
        self
    }

    /// As [`Session::handle`]. The call is written when the actions are dropped.
    pub fn handle(&mut self, now: Timestamp, input: Input<M>) -> RecordedActions<'_, M, P, W> {
        let kept = data::input(&input, self.keep);
        let actions = Some(self.session.handle(now, input));
        RecordedActions { actions, log: &mut self.log, keep: self.keep, now, input: kept, pulled: Some(Vec::new()) }
    }

    /// As [`Session::received`].
    #[must_use = "true means that the message is to be delivered"]
    pub fn received(&mut self, now: Timestamp, conn: ConnId) -> bool {
        let deliver = self.session.received(now, conn);
        self.note(Call::Received { now, conn }, Answer::Received(deliver));
        deliver
    }

    /// As [`Session::next_action`].
    #[must_use = "an action is to be carried out"]
    pub fn next_action(&mut self) -> Option<Action<M>> {
        let action = self.session.next_action();
        let pulled = action.as_ref().map(|action| Pulled::of(action, self.keep));
        self.note(Call::NextAction, Answer::NextAction(pulled));
        action
    }

    /// As [`Session::send`].
    ///
    /// # Errors
    /// As there.
    pub fn send(&mut self, now: Timestamp, outgoing: Outgoing<M>) -> Result<MessageId, Refused<M>> {
        let kept = data::outgoing(&outgoing, self.keep);
        let result = self.session.send(now, outgoing);
        let answer = result.as_ref().map_or_else(|refused| Answer::Refused(refused.reason), |id| Answer::Accepted(*id));
        self.note(Call::Send { now, outgoing: kept }, answer);
        result
    }

    /// As [`Session::transmit`].
    pub fn transmit(&mut self, now: Timestamp) -> Option<Transmit<'_, M>> {
        let lent = self.session.transmit(now);
        let kept =
            lent.map(|lent| Lent { id: lent.id, message: (self.keep)(lent.message), redelivery: lent.redelivery });
        self.log.entry(Entry { call: Call::Transmit { now }, answer: Answer::Transmit(kept) });
        lent
    }

    /// As [`Session::sent`].
    pub fn sent(&mut self, now: Timestamp, id: MessageId) {
        self.session.sent(now, id);
        self.note(Call::Sent { now, id }, Answer::Done);
    }

    /// As [`Session::rejected`].
    pub fn rejected(&mut self, now: Timestamp, id: MessageId) {
        self.session.rejected(now, id);
        self.note(Call::Rejected { now, id }, Answer::Done);
    }

    /// The error that ended the log before its time, if one did.
    pub fn error(&self) -> Option<&io::Error> {
        self.log.error()
    }

    /// Ends the log, and gives back the session and the writer, or the error that the writer met.
    pub fn finish(self) -> (Session<M, C>, io::Result<W>) {
        (self.session, self.log.finish())
    }

    fn note(&mut self, call: Call<P>, answer: Answer<P>) {
        self.log.entry(Entry { call, answer });
    }
}

impl<M, P, W, C> Deref for Recorder<M, P, W, C> {
    type Target = Session<M, C>;

    fn deref(&self) -> &Session<M, C> {
        &self.session
    }
}

/// The actions of one step, as [`Actions`]; dropping them writes the call, with those that were pulled.
#[must_use = "a session's actions are to be carried out"]
#[derive(Debug)]
pub struct RecordedActions<'a, M, P: Serialize, W: Write> {
    actions: Option<Actions<'a, M>>,
    log: &'a mut LogWriter<W>,
    keep: fn(&M) -> P,
    now: Timestamp,
    /// `None` for an input that cannot be written.
    input: Option<Input<P>>,
    /// In the end, `None` if all were pulled.
    pulled: Option<Vec<Pulled<P>>>,
}

impl<M, P: Serialize, W: Write> Iterator for RecordedActions<'_, M, P, W> {
    type Item = Action<M>;

    fn next(&mut self) -> Option<Action<M>> {
        let action = self.actions.as_mut()?.next();
        match (&action, &mut self.pulled) {
            (Some(action), Some(pulled)) => pulled.push(Pulled::of(action, self.keep)),
            (None, _) => self.write(true),
            (Some(_), None) => {}
        }
        action
    }
}

impl<M, P: Serialize, W: Write> RecordedActions<'_, M, P, W> {
    /// Pulling until there is no more is not the same as pulling as many as there are.
    fn write(&mut self, all: bool) {
        // What was not pulled of this step is counted by the session as soon as these are dropped.
        self.actions = None;
        let (Some(input), Some(actions)) = (self.input.take(), self.pulled.take()) else { return };
        let pulled = if all { None } else { Some(u32::try_from(actions.len()).unwrap_or(u32::MAX)) };
        let call = Call::Handle { now: self.now, input, pulled };
        self.log.entry(Entry { call, answer: Answer::Actions(actions) });
    }
}

impl<M, P: Serialize, W: Write> Drop for RecordedActions<'_, M, P, W> {
    fn drop(&mut self) {
        self.write(false);
    }
}

//! The client's side: one session over any number of connections.
//!
//! [`Session`] is the public interface; everything that moves it is in one file, `machine.rs`.

pub(crate) mod action;
pub(crate) mod config;
pub mod event;
pub(crate) mod input;
pub mod loss;
pub mod message;
pub mod outbox;
pub mod retry;
pub(crate) mod round_trip;
pub mod stats;

mod fingerprint;
mod heap;
mod machine;
mod pending;
mod phase;
mod queue;
mod ring;

use core::borrow::Borrow;
use core::iter::{FusedIterator, Take};
use core::time::Duration;

use crate::conn::ConnId;
use crate::count::count;
use crate::time::Timestamp;
use action::Action;
use config::Config;
use event::{Cause, ReadyState, State};
#[doc(hidden)]
pub use fingerprint::Fingerprint;
use input::{Call, Input};
use machine::Machine;
use message::{MessageId, Outgoing, Refused, Transmit};
use phase::Phase;
use round_trip::RoundTrip;
use stats::Stats;

/// One WebSocket client session, over any number of connections, one at a time.
///
/// `M` is the message type of whatever carries out the actions. `C` is where
/// the [`Config`] lives: `Config` itself, or `&Config`, `Rc<Config>`, `Arc<Config>` for many sessions.
///
/// Time goes in with each call; a `now` earlier than one already seen counts as that one. Inputs go in by
/// [`handle`](Self::handle), inbound messages also by [`received`](Self::received); actions come out of `handle` or one by
/// one by [`next_action`](Self::next_action). Messages to send go in by [`send`](Self::send) and come out by
/// [`transmit`](Self::transmit), answered with [`sent`](Self::sent) or [`rejected`](Self::rejected). Everything else only
/// looks. The [crate's page](crate) shows in which order a driver calls them.
#[derive(Clone, Debug)]
pub struct Session<M, C = Config> {
    config: C,
    machine: Machine<M>,
}

impl<M, C: Borrow<Config>> Session<M, C> {
    /// An idle session. `seed` decides all jitter: draw it from the operating system in production
    /// so that a crowd of clients spreads, and log it to replay a session.
    pub fn new(config: C, seed: u64) -> Self {
        Self::with_first_id(config, seed, MessageId::from_raw(1))
    }

    /// An idle session whose message ids start at `first_id` (0 counts as 1).
    ///
    /// For protocols that put ids on the wire: if every process began at 1, a late acknowledgement from before a
    /// restart would acknowledge another message. Persist the id to go on from, or derive it from a clock:
    /// milliseconds since 1970 shifted left by 20 leave room for a million messages per millisecond.
    pub fn with_first_id(config: C, seed: u64, first_id: MessageId) -> Self {
        Self { config, machine: Machine::new(seed, first_id) }
    }

    /// Takes one input. Never fails and never panics, in whatever state and however late.
    ///
    /// The actions are to be pulled before the next call; see [`Actions`] for what happens otherwise.
    // For the same reason as `Machine::handle`.
    #[inline(always)]
    pub fn handle(&mut self, now: Timestamp, input: Input<M>) -> Actions<'_, M> {
        let deliver = self.machine.handle(self.config.borrow(), now, input);
        Actions { machine: &mut self.machine, deliver }
    }

    /// A data message arrived that is not an answer to the heartbeat: [`Input::Message`] without the message. True
    /// means: hand it to the application. What is owed stays owed, for [`next_action`](Self::next_action).
    #[inline]
    #[must_use = "true means that the message is to be delivered"]
    pub fn received(&mut self, now: Timestamp, conn: ConnId) -> bool {
        self.machine.received(now, conn)
    }

    /// The next action that is owed, without an input and without a time: outcomes after [`sent`](Self::sent), events
    /// after [`received`](Self::received), or everything that [`handle`](Self::handle) led to, for a loop that wants to
    /// call the session between two actions.
    #[inline]
    #[must_use = "an action is to be carried out"]
    pub fn next_action(&mut self) -> Option<Action<M>> {
        self.machine.next_action()
    }

    /// Accepts a message, which from then on has exactly one [`Outcome`](message::Outcome).
    ///
    /// # Errors
    /// The message comes back with the reason: [`Full`](message::Refusal::Full) and
    /// [`TooLarge`](message::Refusal::TooLarge) by the bounds, [`NotConnected`](message::Refusal::NotConnected) for delivery
    /// `ThisConnection` outside `Greeting` and `Open`, [`Closed`](message::Refusal::Closed) after `Close`. (While a drain
    /// lasts, messages of delivery `ThisConnection` are still accepted in `Greeting` and `Open`: without a login, or
    /// an answer to the server's text ping, the rest could not be sent.)
    #[inline]
    pub fn send(&mut self, now: Timestamp, outgoing: Outgoing<M>) -> Result<MessageId, Refused<M>> {
        self.machine.send(self.config.borrow(), now, outgoing)
    }

    /// Lends the next message to write, to be called only while the socket takes more; `None` when nothing
    /// may be sent now.
    ///
    /// The message stays in its queue. Write it, then call [`sent`](Self::sent), or [`rejected`](Self::rejected) if it
    /// can never be written. If the socket is full, do neither: asked again, the session lends the same message, unless
    /// a better one came or this one expired. A lend protects from nothing: a message that is cancelled, evicted or
    /// expires meanwhile has its outcome.
    #[inline]
    pub fn transmit(&mut self, now: Timestamp) -> Option<Transmit<'_, M>> {
        self.machine.transmit(self.config.borrow(), now)
    }

    /// The message lent last was written: a buffer of the connection has it whole, or will write the rest.
    ///
    /// Call it before anything that can be cancelled, such as waiting for a flush, or an at-most-once message might be
    /// written twice. It counts even after the connection has ended. For any other message it changes nothing and
    /// is counted.
    #[inline]
    pub fn sent(&mut self, now: Timestamp, id: MessageId) {
        self.machine.sent(self.config.borrow(), now, id);
    }

    /// The message lent last can never be sent: over the codec's limit, not encodable. It is resolved as
    /// [`Rejected`](message::Reason::Rejected). For any other message this changes nothing and is counted.
    pub fn rejected(&mut self, now: Timestamp, id: MessageId) {
        self.machine.rejected(self.config.borrow(), now, id);
    }

    /// Any of these calls, as data.
    pub fn call(&mut self, call: Call<M>) -> Reply<'_, M> {
        match call {
            Call::Handle { now, input, pulled } => {
                let pulled = pulled.map_or(usize::MAX, |pulled| pulled as usize);
                Reply::Actions(self.handle(now, input).take(pulled))
            }
            Call::Received { now, conn } => Reply::Received(self.received(now, conn)),
            Call::Send { now, outgoing } => Reply::Send(self.send(now, outgoing)),
            Call::Transmit { now } => Reply::Transmit(self.transmit(now)),
            Call::Sent { now, id } => {
                self.sent(now, id);
                Reply::Done
            }
            Call::Rejected { now, id } => {
                self.rejected(now, id);
                Reply::Done
            }
            Call::NextAction => Reply::NextAction(self.next_action()),
        }
    }

    /// When [`Input::Timer`] is due: the one timer of the session. Immediately, while anything is owed
    /// that was not pulled; `None` if nothing will happen without an input.
    ///
    /// Inbound messages do not move it, so a busy connection re-arms its timer about once per heartbeat interval. It may be
    /// early for what was resolved since it was last due, and is never late.
    #[inline]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.machine.deadline()
    }

    /// The state of the session.
    pub fn state(&self) -> State {
        self.machine.phase.state()
    }

    /// Why the state is what it is; `Requested` for a new session.
    pub fn cause(&self) -> Cause {
        self.machine.cause
    }

    /// The state as the W3C WebSocket API would call it.
    pub fn ready_state(&self) -> ReadyState {
        match (&self.machine.drain, self.state()) {
            (_, State::Idle | State::Closed) => ReadyState::Closed,
            (Some(_), _) | (None, State::Closing) => ReadyState::Closing,
            (None, State::Waiting | State::Connecting | State::Greeting) => ReadyState::Connecting,
            (None, State::Open) => ReadyState::Open,
        }
    }

    /// Whether `Close` was requested and the rest is still being sent.
    pub fn is_draining(&self) -> bool {
        self.machine.drain.is_some()
    }

    /// The current connection or dial.
    pub fn conn(&self) -> Option<ConnId> {
        self.machine.conn()
    }

    /// The dial that is scheduled: which retry it is (0 if it is not a retry), and when.
    pub fn next_dial(&self) -> Option<(u32, Timestamp)> {
        match self.machine.phase {
            Phase::Waiting { at, dial, .. } => Some((dial.attempt(), at.instant())),
            _ => None,
        }
    }

    /// The longest time from the last proof of life until the link is declared dead, if timers are on time: by
    /// the heartbeat of the current connection, which the server may have dictated, or else by that of the config.
    /// `None` if it never is.
    pub fn detection_time(&self) -> Option<Duration> {
        self.machine.heartbeat_config(self.config.borrow()).mode.detection_time()
    }

    /// The counters.
    pub fn stats(&self) -> Stats {
        self.machine.stats
    }

    /// The round trips of the current connection, once a pong came; kept until the next one is ready.
    pub fn rtt(&self) -> Option<RoundTrip> {
        self.machine.estimate.get()
    }

    /// Messages accepted that have no outcome yet, of all deliveries.
    pub fn queued(&self) -> usize {
        self.machine.outbox.unresolved()
    }

    /// Bytes that count against the bounds, by the size given with each message: messages without an outcome, and
    /// those whose outcome was not pulled yet.
    pub fn held_bytes(&self) -> u64 {
        self.machine.outbox.held_bytes()
    }

    /// Messages that count against the bounds, those whose outcome was not pulled yet included.
    pub fn held(&self) -> usize {
        self.machine.outbox.held()
    }

    /// The config.
    pub fn config(&self) -> &Config {
        self.config.borrow()
    }

    /// For exploring the states of a session.
    #[doc(hidden)]
    pub fn fingerprint(&self) -> Fingerprint {
        self.machine.fingerprint(self.config.borrow())
    }
}

/// The actions of one step, each computed when it is pulled.
///
/// They come in the order in which [`Action`] lists them, every control action before every event
/// before every outcome. One that is not pulled stays owed and comes again next time, unless the session
/// has left the state it belonged to; only an unpulled `Deliver` is gone, and counted.
#[must_use = "a session's actions are to be carried out"]
#[derive(Debug)]
pub struct Actions<'a, M> {
    machine: &'a mut Machine<M>,
    deliver: Option<M>,
}

impl<M> Iterator for Actions<'_, M> {
    type Item = Action<M>;

    #[inline]
    fn next(&mut self) -> Option<Action<M>> {
        if let Some(message) = self.deliver.take() {
            return Some(Action::Deliver(message));
        }
        self.machine.next_owed()
    }
}

impl<M> FusedIterator for Actions<'_, M> {}

impl<M> Drop for Actions<'_, M> {
    #[inline]
    fn drop(&mut self) {
        if self.deliver.is_some() {
            count(&mut self.machine.stats.undelivered);
        }
    }
}

/// What a [`Call`] returns. The actions of [`Call::Handle`] are to be pulled, or the call is another one.
#[derive(Debug)]
#[must_use = "pull its actions: how many were pulled decides what comes next"]
#[non_exhaustive]
pub enum Reply<'a, M> {
    /// Of [`Call::Handle`]: as many actions as it says were pulled.
    Actions(Take<Actions<'a, M>>),
    /// Of [`Call::Received`].
    Received(bool),
    /// Of [`Call::Send`].
    Send(Result<MessageId, Refused<M>>),
    /// Of [`Call::Transmit`].
    Transmit(Option<Transmit<'a, M>>),
    /// Of [`Call::NextAction`].
    NextAction(Option<Action<M>>),
    /// Of [`Call::Sent`] and [`Call::Rejected`].
    Done,
}

//! The session: a machine and its config behind one door.

use core::borrow::Borrow;

use crate::action::Actions;
use crate::config::Config;
use crate::event::{Cause, ReadyState, State};
use crate::fingerprint::Fingerprint;
use crate::input::{Call, ConnId, Input};
use crate::machine::{Life, Machine};
use crate::message::{Delivery, MessageId, Outgoing, Refusal, Refused, Transmit, Unsent};
use crate::round_trip::RoundTrip;
use crate::stats::Stats;
use crate::time::Instant;

/// One WebSocket client session, over any number of connections, one at a time.
///
/// `M` is the message type of whatever carries out the actions, and is moved through. `C` is where
/// the [`Config`] lives: `Config` itself, or `&Config`, `Rc<Config>`, `Arc<Config>` for many sessions.
///
/// There are getters, which change nothing; [`handle`](Self::handle), which takes inputs; and the
/// three calls of the sending side, [`send`](Self::send), [`transmit`](Self::transmit) and
/// [`unsent`](Self::unsent). The [crate's page](crate) shows in which order a driver calls them.
///
/// A `now` earlier than one already seen counts as that one.
#[derive(Clone, Debug)]
pub struct Session<M, C = Config> {
    config: C,
    machine: Machine<M>,
}

impl<M, C: Borrow<Config>> Session<M, C> {
    /// An idle session. `seed` decides all jitter: draw it from the operating system in production
    /// so that a crowd of clients spreads, and note it down to replay a session.
    pub fn new(config: C, seed: u64) -> Self {
        Self { config, machine: Machine::new(seed) }
    }

    /// Takes one input. Never fails and never panics, in whatever state and however late.
    ///
    /// The actions are to be pulled before the next call; see [`Actions`] for what happens otherwise.
    #[inline]
    pub fn handle(&mut self, now: Instant, input: Input<M>) -> Actions<'_, M> {
        let deliver = self.machine.handle(self.config.borrow(), now, input);
        Actions::new(&mut self.machine, deliver)
    }

    /// Accepts a message, which from then on has exactly one [`Outcome`](crate::Outcome).
    ///
    /// # Errors
    /// The message comes back with the reason: [`Refusal::Full`] and [`Refusal::TooLarge`] by the bounds,
    /// [`Refusal::NotConnected`] for delivery `Connection` outside `Greeting` and `Open`,
    /// [`Refusal::Closed`] after `Close`. (While a greeting is under way after `Close`, messages of
    /// delivery `Connection` are accepted: without them the rest could not be sent.)
    pub fn send(&mut self, now: Instant, outgoing: Outgoing<M>) -> Result<MessageId, Refused<M>> {
        let config = self.config.borrow();
        self.machine.begin(config, now);
        let machine = &mut self.machine;
        let connection = outgoing.delivery() == Delivery::Connection;
        let reason = match machine.life {
            Life::Closing { .. } | Life::Closed => Some(Refusal::Closed),
            Life::Greeting { .. } if connection => None,
            _ if machine.stop.is_some() => Some(Refusal::Closed),
            Life::Open { .. } => None,
            _ if connection => Some(Refusal::NotConnected),
            _ => None,
        };
        if let Some(reason) = reason {
            return Err(Refused { reason, outgoing });
        }
        let (id, evicted) = machine.outbox.accept(&config.outbox, machine.now, outgoing)?;
        machine.stats.evictions = machine.stats.evictions.saturating_add(evicted);
        Ok(id)
    }

    /// The next message to write, to be called only while the socket takes more; `None` when nothing
    /// may be sent now.
    ///
    /// The message counts as sent with the next call of any kind, unless that is
    /// [`unsent`](Self::unsent) with this very message.
    pub fn transmit(&mut self, now: Instant) -> Option<Transmit<M>> {
        let config = self.config.borrow();
        self.machine.begin(config, now);
        let machine = &mut self.machine;
        let ready = match machine.life {
            Life::Greeting { .. } => false,
            Life::Open { .. } => true,
            _ => return None,
        };
        let Some(transmit) = machine.outbox.transmit(&config.outbox, machine.now, ready) else {
            // The last ones may have expired just now.
            machine.settle(config);
            return None;
        };
        machine.stats.redeliveries = machine.stats.redeliveries.saturating_add(u32::from(transmit.redelivery));
        Some(transmit)
    }

    /// The socket did not take the message pulled just before: it goes back to the front, or is
    /// resolved if it can never be sent. For any other message this changes nothing and is counted.
    pub fn unsent(&mut self, now: Instant, transmit: Transmit<M>, why: Unsent) {
        let machine = &mut self.machine;
        machine.advance(now);
        let redelivery = u32::from(transmit.redelivery);
        let known = match why {
            Unsent::Full => machine.outbox.put_back(transmit),
            Unsent::Rejected => machine.outbox.reject(transmit),
        };
        if known {
            machine.stats.redeliveries = machine.stats.redeliveries.saturating_sub(redelivery);
        } else {
            machine.begin(self.config.borrow(), now);
            machine.stats.ignored = machine.stats.ignored.saturating_add(1);
        }
        machine.settle(self.config.borrow());
    }

    /// Any of the four calls, as data.
    pub fn call(&mut self, call: Call<M>) -> Reply<'_, M> {
        match call {
            Call::Handle { now, input } => Reply::Actions(self.handle(now, input)),
            Call::Send { now, outgoing } => Reply::Sent(self.send(now, outgoing)),
            Call::Transmit { now } => Reply::Transmit(self.transmit(now)),
            Call::Unsent { now, transmit, why } => {
                self.unsent(now, transmit, why);
                Reply::Done
            }
        }
    }

    /// When [`Input::Timer`] is due: the one timer of the session. Immediately, while anything is owed
    /// that was not pulled; `None` if nothing will happen by itself.
    ///
    /// Messages do not move it, so a busy connection re-arms its timer about once per heartbeat interval.
    pub fn deadline(&self) -> Option<Instant> {
        let machine = &self.machine;
        if machine.owes() || machine.outbox.has_pulled() {
            return Some(machine.now);
        }
        let stop = machine.stop.as_ref().and_then(|stop| stop.until.get());
        [machine.life.deadline().get(), stop, machine.outbox.deadline()].into_iter().flatten().min()
    }

    /// Where in its life the session is.
    pub fn state(&self) -> State {
        self.machine.life.state()
    }

    /// Why the state is what it is. A new session says `Requested`.
    pub fn cause(&self) -> Cause {
        self.machine.cause
    }

    /// The state as the W3C WebSocket API would call it.
    pub fn ready_state(&self) -> ReadyState {
        match (&self.machine.stop, self.state()) {
            (_, State::Idle | State::Closed) => ReadyState::Closed,
            (Some(_), _) | (None, State::Closing) => ReadyState::Closing,
            (None, State::Waiting | State::Connecting | State::Greeting) => ReadyState::Connecting,
            (None, State::Open) => ReadyState::Open,
        }
    }

    /// Whether `Close` was said and the rest is still being sent.
    pub fn is_draining(&self) -> bool {
        self.machine.stop.is_some()
    }

    /// The current connection or dial.
    pub fn conn(&self) -> Option<ConnId> {
        self.machine.conn()
    }

    /// The dial that is scheduled: which retry it is, and when.
    pub fn next_dial(&self) -> Option<(u32, Instant)> {
        match self.machine.life {
            Life::Waiting { at, .. } => Some((self.machine.retries.attempt(), at.instant())),
            _ => None,
        }
    }

    /// What has been counted.
    pub fn stats(&self) -> Stats {
        self.machine.stats
    }

    /// The round trips of the current connection, once a pong came; kept until the next one is ready.
    pub fn rtt(&self) -> Option<RoundTrip> {
        self.machine.estimate.get()
    }

    /// Messages accepted that have no outcome yet.
    pub fn queued(&self) -> usize {
        self.machine.outbox.unresolved()
    }

    /// Bytes that count against the bounds: messages without outcome, and those whose outcome was not
    /// pulled yet.
    pub fn held_bytes(&self) -> u64 {
        self.machine.outbox.held_bytes()
    }

    /// Messages that count against the bounds, likewise.
    pub fn held(&self) -> usize {
        self.machine.outbox.held()
    }

    /// The config.
    pub fn config(&self) -> &Config {
        self.config.borrow()
    }

    /// What decides the future of the session, for exploring its states: no counters, no payload, no
    /// names, times relative to now.
    pub fn fingerprint(&self) -> Fingerprint {
        self.machine.fingerprint(self.config.borrow())
    }
}

/// What a [`Call`] comes to.
#[derive(Debug)]
pub enum Reply<'a, M> {
    /// Of [`Call::Handle`].
    Actions(Actions<'a, M>),
    /// Of [`Call::Send`].
    Sent(Result<MessageId, Refused<M>>),
    /// Of [`Call::Transmit`].
    Transmit(Option<Transmit<M>>),
    /// Of [`Call::Unsent`].
    Done,
}

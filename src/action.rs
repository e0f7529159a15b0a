//! What a session tells its driver to do.

use crate::event::{Cause, Event};
use crate::input::ConnId;
use crate::loss::CloseCode;
use crate::machine::{Life, Machine};
use crate::message::{MessageId, Outcome};
use crate::stats::count;
use crate::time::Instant;

/// One thing to do. Actions are carried out whole and in order, whatever the socket does: none of
/// them waits for room in a send buffer.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Action<M> {
    /// Hand this message to the application.
    Deliver(M),
    /// Drop the connection or dial now, without a close handshake. Nothing needs to be reported back.
    Abort {
        /// Which one.
        conn: ConnId,
    },
    /// Dial, with a fresh token if there is one, and report `Opened` or `Closed`.
    Connect {
        /// The name of the connection from now on.
        conn: ConnId,
        /// Which retry this is since the session was last stable; 0 for a dial that is none.
        attempt: u32,
    },
    /// Send a ping: a protocol ping, or whatever the application's protocol uses for one.
    Ping {
        /// On which connection.
        conn: ConnId,
    },
    /// Send a close frame, then report the peer's answer or the end of the stream as `Closed`.
    Close {
        /// Which one.
        conn: ConnId,
        /// The code for the frame.
        code: CloseCode,
    },
    /// Something to tell a person or a log.
    Event(Event),
    /// For a user interface: the next dial was scheduled, or moved. The driver need not do anything:
    /// the deadline knows.
    ScheduleReconnect {
        /// Which retry it will be.
        attempt: u32,
        /// When.
        at: Instant,
        /// Why there is one.
        cause: Cause,
    },
    /// A message accepted before has ended so. Told exactly once for each.
    Outcome {
        /// Which message.
        id: MessageId,
        /// How it ended.
        outcome: Outcome<M>,
    },
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

impl<'a, M> Actions<'a, M> {
    #[inline]
    pub(crate) fn new(machine: &'a mut Machine<M>, deliver: Option<M>) -> Self {
        Self { machine, deliver }
    }
}

impl<M> Iterator for Actions<'_, M> {
    type Item = Action<M>;

    #[inline]
    fn next(&mut self) -> Option<Action<M>> {
        if let Some(message) = self.deliver.take() {
            return Some(Action::Deliver(message));
        }
        if self.machine.owes() { self.machine.next_owed() } else { None }
    }
}

impl<M> core::iter::FusedIterator for Actions<'_, M> {}

impl<M> Drop for Actions<'_, M> {
    #[inline]
    fn drop(&mut self) {
        if self.deliver.is_some() {
            count(&mut self.machine.stats.undelivered);
        }
    }
}

/// What the driver has not been told yet. The flags speak of the present state and are withdrawn
/// with it: what they say about it is read from the state when they are pulled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owed {
    pub(crate) abort: Option<ConnId>,
    pub(crate) abort_stale: Option<ConnId>,
    pub(crate) close: bool,
    pub(crate) connect: bool,
    pub(crate) ping: bool,
    pub(crate) schedule: bool,
}

impl Owed {
    /// Forgets what belonged to the state that is left. Aborts stand: their connections exist.
    pub(crate) fn withdraw(&mut self) {
        *self = Self { abort: self.abort, abort_stale: self.abort_stale, ..Self::default() };
    }

    #[inline]
    fn any(&self) -> bool {
        let flags = self.close | self.connect | self.ping | self.schedule;
        flags | self.abort.is_some() | self.abort_stale.is_some()
    }
}

impl<M> Machine<M> {
    #[inline]
    pub(crate) fn owes(&self) -> bool {
        self.owed.any() || !self.events.is_empty() || self.outbox.has_outcomes()
    }

    #[inline(never)]
    fn next_owed(&mut self) -> Option<Action<M>> {
        if let Some(conn) = self.owed.abort_stale.take().or_else(|| self.owed.abort.take()) {
            return Some(Action::Abort { conn });
        }
        if let Some(conn) = self.conn() {
            if core::mem::take(&mut self.owed.connect) {
                count(&mut self.stats.dials);
                return Some(Action::Connect { conn, attempt: self.retries.attempt() });
            }
            if core::mem::take(&mut self.owed.ping) {
                count(&mut self.stats.pings);
                return Some(Action::Ping { conn });
            }
            if let (true, Life::Closing { code, .. }) = (core::mem::take(&mut self.owed.close), &self.life) {
                return Some(Action::Close { conn, code: *code });
            }
        }
        if let Some(event) = self.events.pop() {
            return Some(Action::Event(event));
        }
        if let (true, Life::Waiting { at, .. }) = (core::mem::take(&mut self.owed.schedule), &self.life) {
            let attempt = self.retries.attempt();
            return Some(Action::ScheduleReconnect { attempt, at: at.instant(), cause: self.cause });
        }
        let (id, outcome) = self.outbox.next_outcome()?;
        Some(Action::Outcome { id, outcome })
    }
}

//! What waits to be written to one connection.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::Duration;

use heartline::CloseCode;
use heartline::hub::LoginRefusal;
use heartline_tungstenite::ended::Close;
use tungstenite::Message;

use crate::access::Deny;

/// What a queued message costs besides its payload: its place in the queue, its allocation and its header. With it the
/// bytes that the hub counts are the memory that is taken.
pub(crate) const OVERHEAD: usize = 64;
/// What a notice counts, whose frame does not exist yet.
const NOTICE: usize = 64;

/// One thing to be written, in the order of the queue.
pub(crate) enum Outgoing<U> {
    Frame(Message),
    Notice(Owned<U>),
    /// The heartbeat's.
    Ping,
    Close(Close),
}

/// A notice that waits for its turn. Its frame is made by the connection's task, as the codec may panic.
pub(crate) enum Owned<U> {
    Pong,
    LoggedIn(U),
    LoginRefused(LoginRefusal, Option<Duration>),
    Denied(Deny),
    Expiring(Duration),
    Missed(u64),
    UnknownMessage,
}

/// The reason of a close frame that asks the client to come back after this time.
pub(super) fn return_in(wait: Duration) -> String {
    format!("retry-after-ms={}", wait.as_millis())
}

/// What a frame adds to what waits for a connection.
pub(crate) fn cost(frame: &Message) -> u32 {
    u32::try_from(frame.len() + OVERHEAD).unwrap_or(u32::MAX)
}

impl<U> Outgoing<U> {
    pub(crate) fn cost(&self) -> u32 {
        match self {
            Self::Frame(frame) => cost(frame),
            Self::Notice(_) | Self::Ping => (OVERHEAD + NOTICE) as u32,
            // The hub asked for it, and counts nothing any more.
            Self::Close(_) => 0,
        }
    }
}

/// Who is logged in on a connection, known to its handlers beyond its end.
pub(crate) type Login<U> = Arc<OnceLock<U>>;

/// A connection as the hub's owner knows it.
pub(crate) struct Peer<U> {
    queue: VecDeque<Outgoing<U>>,
    waker: Option<Waker>,
    /// Its close frame is the last thing in the queue, or was.
    closing: bool,
    /// The reason for the close frame, if the application gave one.
    reason: Option<String>,
    /// What was queued and not written.
    pending: u64,
    /// The user, from the login on.
    user: Login<U>,
}

impl<U> Peer<U> {
    pub(super) fn new(user: Login<U>) -> Self {
        Self { queue: VecDeque::new(), waker: None, closing: false, reason: None, pending: 0, user }
    }

    /// It cannot change its user.
    pub(super) fn logged_in(&self, user: &U)
    where
        U: Clone,
    {
        self.user.get_or_init(|| user.clone());
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing
    }

    /// How many bytes wait.
    pub(super) fn pending(&self) -> u64 {
        self.pending
    }

    /// Nothing is queued behind a close.
    pub(super) fn push(&mut self, item: Outgoing<U>) -> Option<u32> {
        if self.closing {
            return None;
        }
        let cost = item.cost();
        self.pending += u64::from(cost);
        self.queue.push_back(item);
        Some(cost)
    }

    /// With the application's reason, else with the hub's.
    pub(super) fn close(&mut self, code: CloseCode, retry_after: Option<Duration>, hubs: &str) {
        if self.closing {
            return;
        }
        let reason = match (retry_after, self.reason.take()) {
            (Some(wait), _) => return_in(wait),
            (None, reason) => reason.unwrap_or_else(|| hubs.to_owned()),
        };
        self.queue.push_back(Outgoing::Close(Close::with_shortened(code, &reason)));
        self.closing = true;
    }

    pub(super) fn set_reason(&mut self, reason: String) {
        self.reason.get_or_insert(reason);
    }

    pub(super) fn wrote(&mut self, bytes: u64) {
        self.pending = self.pending.saturating_sub(bytes);
    }

    /// Moves what waits to where it is written from, if there is nothing.
    pub(super) fn take(&mut self, batch: &mut VecDeque<Outgoing<U>>) {
        if batch.is_empty() && !self.queue.is_empty() {
            std::mem::swap(batch, &mut self.queue);
            self.queue.shrink_to(LEAST);
        }
    }

    /// Whom to wake when there is more.
    pub(super) fn register(&mut self, waker: &Waker) {
        if self.waker.as_ref().is_none_or(|known| !known.will_wake(waker)) {
            self.waker = Some(waker.clone());
        }
    }

    pub(super) fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }
}

/// So many places a queue keeps when it is empty.
const LEAST: usize = 4;

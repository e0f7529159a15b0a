//! The first exchange on a connection, before anything that was queued.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use heartline_tungstenite::Response;

use crate::hooks::HookError;

/// How many messages of a greeting wait to be sent at most.
const UNSENT: usize = 64;

pub(crate) type GreetingHook<M, R> = Box<dyn FnMut(&mut Greeting<M, R>, Step<R>) -> Result<Next, HookError> + Send>;

/// Why the greeting is called.
#[derive(Clone, PartialEq, Debug)]
pub enum Step<R> {
    /// A connection has opened. Whatever the closure remembers of the one before is out of date.
    Opened,
    /// This message has arrived. It does not go to the application unless it is given to [`Greeting::pass`].
    Message(R),
}

/// How a greeting goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// By waiting for the next message.
    Wait,
    /// It is over: what was queued may be sent.
    Done,
}

/// A new connection, for the greeting: what is sent here comes before everything that was queued.
pub struct Greeting<M, R> {
    pub(crate) response: Arc<Response>,
    pub(crate) unsent: VecDeque<M>,
    pub(crate) passed: VecDeque<(R, u32)>,
    /// The size of the message that the closure was called with.
    pub(crate) size: u32,
    bytes: u64,
    max_messages: usize,
    max_bytes: u64,
}

/// What a greeting asked for failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GreetingError {
    /// So many messages are to be sent that wait for the connection to take them.
    #[error("{messages} messages of the greeting wait to be sent already")]
    Full {
        /// The bound.
        messages: usize,
    },
    /// More was passed on than the greeting's buffer holds.
    #[error("more than {messages} messages or {bytes} bytes came during the greeting")]
    Overflow {
        /// Its bound in messages.
        messages: usize,
        /// Its bound in bytes.
        bytes: u64,
    },
}

impl<M, R> Greeting<M, R> {
    pub(crate) fn new(response: Arc<Response>, max_messages: usize, max_bytes: u64) -> Self {
        Self { response, unsent: VecDeque::new(), passed: VecDeque::new(), size: 0, bytes: 0, max_messages, max_bytes }
    }

    /// Sends a message on this connection, before everything that was queued.
    ///
    /// # Errors
    /// [`GreetingError::Full`] if 64 messages wait to be sent already.
    pub fn send(&mut self, message: impl Into<M>) -> Result<(), GreetingError> {
        if self.unsent.len() >= UNSENT {
            return Err(GreetingError::Full { messages: UNSENT });
        }
        self.unsent.push_back(message.into());
        Ok(())
    }

    /// Hands the message that the closure was called with to the application. It gets what was passed on, in its order,
    /// when the greeting is over; until then it lies in a buffer of its own (64 messages, 1 MiB, see
    /// [`Options`](crate::Options)), so that an application that is slow to receive cannot block a login.
    ///
    /// # Errors
    /// [`GreetingError::Overflow`] if the buffer is full. With `?` the connection is given up for that reason.
    pub fn pass(&mut self, message: R) -> Result<(), GreetingError> {
        let size = u64::from(self.size);
        let fits = self.passed.is_empty()
            || (self.passed.len() < self.max_messages && self.bytes.saturating_add(size) <= self.max_bytes);
        if !fits {
            return Err(GreetingError::Overflow { messages: self.max_messages, bytes: self.max_bytes });
        }
        self.bytes += size;
        self.passed.push_back((message, self.size));
        Ok(())
    }

    /// What the server answered to the handshake: headers and subprotocol.
    pub fn response(&self) -> &Response {
        &self.response
    }
}

impl<M, R> fmt::Debug for Greeting<M, R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Greeting").finish_non_exhaustive()
    }
}

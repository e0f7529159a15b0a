//! The first exchange on a connection, before anything that was queued.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use heartline_tungstenite::Response;
use heartline_tungstenite::client::{Dial, HookError};
use heartline_tungstenite::engine;
use tungstenite::Message;

/// How many messages of a greeting wait to be sent at most.
const UNSENT: usize = 64;

pub(crate) type GreetingHook<M, R> = Box<dyn FnMut(&mut Greeting<M, R>, Step<R>) -> Result<Next, HookError> + Send>;
/// One closure for all connections, of which there is one at a time.
pub(crate) type SharedHook<M, R> = Arc<Mutex<GreetingHook<M, R>>>;

/// Why the greeting is called.
#[derive(Clone, PartialEq, Debug)]
pub enum Step<R = Message> {
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
pub struct Greeting<M = Message, R = Message> {
    dial: Dial,
    response: Arc<Response>,
    unsent: VecDeque<M>,
    passed: VecDeque<(R, u32)>,
    /// The size of the message that the closure was called with.
    size: u32,
    bytes: u64,
    max_messages: usize,
    max_bytes: u64,
}

/// Why a call on a [`Greeting`] failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GreetingError {
    /// As many messages as may wait for the connection wait already.
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
    fn new(dial: Dial, response: Arc<Response>, (max_messages, max_bytes): (usize, u64)) -> Self {
        let (unsent, passed) = (VecDeque::new(), VecDeque::new());
        Self { dial, response, unsent, passed, size: 0, bytes: 0, max_messages, max_bytes }
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

    /// The dial that led to this connection: which attempt it was, how the connection before was lost, and whether
    /// credentials are to be renewed.
    pub fn dial(&self) -> &Dial {
        &self.dial
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

/// A greeting under way.
pub(crate) struct Running<M, R> {
    hook: Option<SharedHook<M, R>>,
    link: Greeting<M, R>,
    /// The closure is done, and only what it has sent is on its way.
    over: bool,
}

impl<M, R> Running<M, R> {
    /// Tells the closure of the connection. `room` is how many messages and bytes it may pass on.
    pub(crate) fn begin(
        hook: Option<SharedHook<M, R>>,
        dial: Dial,
        response: Arc<Response>,
        room: (usize, u64),
    ) -> Result<Self, HookError> {
        let mut greeting = Self { hook, link: Greeting::new(dial, response, room), over: false };
        greeting.step(Step::Opened, 0)?;
        Ok(greeting)
    }

    fn step(&mut self, step: Step<R>, size: u32) -> Result<(), HookError> {
        self.link.size = size;
        let next = match &self.hook {
            // A closure that has panicked is not called again: its client has ended.
            Some(hook) => hook.lock().unwrap_or_else(PoisonError::into_inner)(&mut self.link, step)?,
            None => Next::Done,
        };
        self.over = next == Next::Done;
        Ok(())
    }
}

impl<M, R> engine::Greeting<M, R> for Running<M, R> {
    fn put(&mut self, message: R, size: u32) -> Result<Poll<()>, HookError> {
        if self.over {
            self.link.size = size;
            self.link.pass(message).map_err(HookError::retry)?;
        } else {
            self.step(Step::Message(message), size)?;
        }
        Ok(if self.over { Poll::Ready(()) } else { Poll::Pending })
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<Result<(), HookError>> {
        if self.over { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Nobody is to be woken: the closure is called in the driver's turn.
    fn pop(&mut self, _: &Waker) -> Option<M> {
        self.link.unsent.pop_front()
    }

    fn close(&mut self) -> VecDeque<(R, u32)> {
        std::mem::take(&mut self.link.passed)
    }
}

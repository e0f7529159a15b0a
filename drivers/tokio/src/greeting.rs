//! The first exchange on a connection, before anything that was queued.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use heartline_tungstenite::client::HookError;
use heartline_tungstenite::engine;
use tungstenite::Message;

use crate::client::WeakClient;
use crate::hooks::{Dial, HookFuture, wake};

/// A new connection, for the greeting hook: what is sent here comes before everything that was queued, and what arrives
/// comes here first.
///
/// What the hook does not take goes to [`Incoming`](crate::Incoming) in its order when the greeting is over. Until then it lies in a
/// buffer of its own (64 messages, 1 MiB, see [`Options`](crate::Options)), so that a full `Incoming` cannot block a login.
///
/// When its connection ends, the hook's future is dropped at its next `await`. A link kept beyond its connection does nothing.
pub struct Greeting<M = Message, R = Message> {
    room: Arc<Room<M, R>>,
    dial: Dial,
    client: WeakClient<M>,
}

/// Why a call on a [`Greeting`] failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GreetingError {
    /// The connection, or the greeting, is over.
    #[error("the connection has ended")]
    Ended,
    /// More came than the greeting buffer holds.
    #[error("more than {messages} messages or {bytes} bytes came during the greeting")]
    Overflow {
        /// Its bound in messages.
        messages: usize,
        /// Its bound in bytes.
        bytes: u64,
    },
}

/// What the driver and a greeting have in common. There is one for each connection, so that nothing reaches a newer one.
pub(crate) struct Room<M, R> {
    limit: (usize, u64),
    inner: Mutex<Inner<M, R>>,
}

struct Inner<M, R> {
    outgoing: VecDeque<M>,
    /// How many sends the driver has not taken yet may be kept.
    incoming: VecDeque<(R, u32)>,
    /// What `until` has passed over.
    passed: VecDeque<(R, u32)>,
    bytes: u64,
    closed: Option<GreetingError>,
    hook: Option<Waker>,
    driver: Option<Waker>,
}

/// How many messages of a greeting wait for the driver at most.
const UNSENT: usize = 64;

impl<M, R> Greeting<M, R> {
    pub(crate) fn new(room: Arc<Room<M, R>>, dial: Dial, client: WeakClient<M>) -> Self {
        Self { room, dial, client }
    }

    /// The dial that led to this connection: which attempt it was, how the connection before was lost, and whether
    /// credentials are to be renewed.
    pub fn dial(&self) -> &Dial {
        &self.dial
    }

    /// The client, without keeping it alive. What [`Client::send`](crate::Client::send) accepts during a greeting is sent
    /// after it, unless it is for this connection only.
    pub fn client(&self) -> WeakClient<M> {
        self.client.clone()
    }

    /// Sends a message on this connection, before everything that was queued.
    ///
    /// # Errors
    /// The connection has ended.
    ///
    /// # Cancel safety
    /// Dropped before it returns, the message may or may not be sent.
    pub async fn send(&mut self, message: impl Into<M>) -> Result<(), GreetingError> {
        let mut message = Some(message.into());
        poll_fn(|cx| {
            let (result, driver) = {
                let mut inner = self.room.lock();
                if let Some(error) = inner.closed {
                    return Poll::Ready(Err(error));
                }
                if inner.outgoing.len() < UNSENT {
                    inner.outgoing.extend(message.take());
                    (Poll::Ready(Ok(())), inner.driver.take())
                } else {
                    inner.hook = Some(cx.waker().clone());
                    (Poll::Pending, inner.driver.take())
                }
            };
            wake(driver);
            result
        })
        .await
    }

    /// The next message, which then does not go to [`Incoming`](crate::Incoming).
    ///
    /// # Errors
    /// The connection has ended, or more came than the buffer holds.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn next(&mut self) -> Result<R, GreetingError> {
        self.until_where(|_| true).await
    }

    /// Waits for the message that is meant, and takes it; those before it go to [`Incoming`](crate::Incoming) in their order.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    ///
    /// # Cancel safety
    /// Cancel safe: what was passed over stays where it was.
    pub async fn until(&mut self, is_meant: impl FnMut(&R) -> bool) -> Result<R, GreetingError> {
        self.until_where(is_meant).await
    }

    async fn until_where(&mut self, mut is_meant: impl FnMut(&R) -> bool) -> Result<R, GreetingError> {
        poll_fn(|cx| {
            loop {
                let taken = {
                    let mut inner = self.room.lock();
                    match (inner.incoming.pop_front(), inner.closed) {
                        (Some(taken), _) => taken,
                        (None, Some(error)) => return Poll::Ready(Err(error)),
                        (None, None) => {
                            inner.hook = Some(cx.waker().clone());
                            return Poll::Pending;
                        }
                    }
                };
                // The application's own code, outside of the lock.
                let meant = is_meant(&taken.0);
                let mut inner = self.room.lock();
                if meant {
                    inner.bytes -= u64::from(taken.1);
                    return Poll::Ready(Ok(taken.0));
                }
                inner.passed.push_back(taken);
            }
        })
        .await
    }
}

impl<M, R> fmt::Debug for Greeting<M, R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Greeting").finish_non_exhaustive()
    }
}

/// A greeting under way: the application's hook, and the room that it shares with the driver.
pub(crate) struct Running<M, R> {
    pub(crate) room: Arc<Room<M, R>>,
    /// `None` when it is done.
    pub(crate) hook: Option<HookFuture<Result<(), HookError>>>,
}

impl<M, R> engine::Greeting<M, R> for Running<M, R> {
    fn put(&mut self, message: R, size: u32) -> Result<Poll<()>, HookError> {
        self.room.put(message, size).map_err(HookError::retry)?;
        Ok(Poll::Pending)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), HookError>> {
        let Some(hook) = &mut self.hook else { return Poll::Ready(Ok(())) };
        let result = hook.as_mut().poll(cx);
        if result.is_ready() {
            self.hook = None;
        }
        result
    }

    fn pop(&mut self, waker: &Waker) -> Option<M> {
        self.room.pop(waker)
    }

    fn close(&mut self) -> VecDeque<(R, u32)> {
        self.hook = None;
        self.room.close()
    }
}

impl<M, R> Room<M, R> {
    pub(crate) fn new(messages: usize, bytes: u64) -> Arc<Self> {
        let inner = Inner {
            outgoing: VecDeque::new(),
            incoming: VecDeque::new(),
            passed: VecDeque::new(),
            bytes: 0,
            closed: None,
            hook: None,
            driver: None,
        };
        Arc::new(Self { limit: (messages, bytes), inner: Mutex::new(inner) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner<M, R>> {
        // Nothing under the lock can panic half-way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message that the hook wants sent.
    fn pop(&self, driver: &Waker) -> Option<M> {
        let (message, hook) = {
            let mut inner = self.lock();
            inner.driver = Some(driver.clone());
            let message = inner.outgoing.pop_front();
            let hook = if message.is_some() { inner.hook.take() } else { None };
            (message, hook)
        };
        wake(hook);
        message
    }

    /// A message that has arrived.
    ///
    /// # Errors
    /// There is no room for it.
    fn put(&self, message: R, size: u32) -> Result<(), GreetingError> {
        let hook = {
            let inner = &mut *self.lock();
            let (messages, bytes) = self.limit;
            let held = inner.incoming.len() + inner.passed.len();
            let fits = held == 0 || (held < messages && inner.bytes + u64::from(size) <= bytes);
            inner.incoming.push_back((message, size));
            if !fits {
                // It is kept nevertheless: it has arrived, and nothing comes after it.
                let error = GreetingError::Overflow { messages, bytes };
                inner.closed = Some(error);
                return Err(error);
            }
            inner.bytes += u64::from(size);
            inner.hook.take()
        };
        wake(hook);
        Ok(())
    }

    /// The greeting is over: what the hook did not take, in its order.
    fn close(&self) -> VecDeque<(R, u32)> {
        let mut inner = self.lock();
        inner.closed.get_or_insert(GreetingError::Ended);
        inner.outgoing.clear();
        let mut left = std::mem::take(&mut inner.passed);
        left.append(&mut inner.incoming);
        left
    }
}

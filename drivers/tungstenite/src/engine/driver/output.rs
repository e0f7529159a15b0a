//! Where what is received goes: to a queue, or to a handler in the driver's own task.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use super::super::inbound::{Entry, Inbound, Vacancy};
use crate::client::Received;

/// Takes what is received.
pub type Handler<R> = Box<dyn FnMut(Received<R>) + Send>;

/// Where what is received goes.
pub enum Output<R> {
    /// See [`channel`](crate::engine::channel).
    #[doc(hidden)]
    Queue(Arc<Inbound<R>>),
    /// Called in the driver's turn.
    Handler(Handler<R>),
}

impl<R> Output<R> {
    pub(super) fn vacancy(&self) -> Vacancy {
        match self {
            Self::Queue(_) => Vacancy::NONE,
            Self::Handler(_) => Vacancy::ANY,
        }
    }

    pub(super) fn is_handler(&self) -> bool {
        matches!(self, Self::Handler(_))
    }

    /// Calls the handler with this message, behind what waits for it. Does nothing without a handler.
    pub(super) fn call(&mut self, waiting: &mut VecDeque<Entry<R>>, message: R) {
        if let Self::Handler(handler) = self {
            waiting.drain(..).for_each(|entry| handler(entry.into_received()));
            handler(Received::Message(message));
        }
    }

    /// Hands a batch over. Says what there is room for now; `waiting` is woken when there is more.
    pub(super) fn put(&mut self, batch: &mut VecDeque<Entry<R>>, waiting: Option<&Waker>) -> Vacancy {
        match self {
            Self::Queue(inbound) => inbound.put(batch, waiting),
            Self::Handler(handler) => {
                batch.drain(..).for_each(|entry| handler(entry.into_received()));
                Vacancy::ANY
            }
        }
    }

    pub(super) fn discarded(&self) -> u64 {
        match self {
            Self::Queue(inbound) => inbound.discarded(),
            Self::Handler(_) => 0,
        }
    }

    /// The last batch, however large. A handler, which may be what has panicked, is not called again.
    pub(super) fn finish(&mut self, batch: &mut VecDeque<Entry<R>>) {
        if let Self::Queue(inbound) = self {
            inbound.put(batch, None);
            inbound.close();
        }
    }
}

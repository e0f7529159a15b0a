//! What the application does when something happens.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::BoxError;
use http::request::Parts;
use std::net::IpAddr;

use crate::access::{Access, Deny, Handshake, User};
use crate::closed::Closed;
use crate::codec::Codec;
use crate::context::Cx;
use crate::origins::Origins;

pub(crate) type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

type Function<A, T> = dyn Fn(A) -> Work<T> + Send + Sync;
type Function2<A, B, T> = dyn Fn(A, B) -> Work<T> + Send + Sync;
type Hook<A, T> = Arc<Function<A, T>>;
type Hook2<A, B, T> = Arc<Function2<A, B, T>>;

type Find = dyn Fn(&Parts) -> Option<IpAddr> + Send + Sync;
type Report<C> = dyn Fn(&Cx<C>, BoxError) + Send + Sync;
type Accessed<C> = Result<Access<<C as Codec>::User>, Deny>;
type LoggedIn<C> = Result<User<<C as Codec>::User>, Deny>;
type Handled = Result<(), BoxError>;

/// All that can be set; what is not set does nothing.
pub(crate) struct Hooks<C: Codec> {
    pub(crate) source: Arc<Find>,
    pub(crate) origins: Origins,
    pub(crate) authenticate: Option<Hook<Handshake, Accessed<C>>>,
    pub(crate) login: Option<Hook2<Cx<C>, C::Login, LoggedIn<C>>>,
    pub(crate) open: Option<Hook<Cx<C>, Handled>>,
    pub(crate) user: Option<Hook<Cx<C>, Handled>>,
    pub(crate) message: Option<Hook2<Cx<C>, C::In, Handled>>,
    pub(crate) close: Option<Hook2<Cx<C>, Closed, ()>>,
    pub(crate) error: Option<Arc<Report<C>>>,
}

pub(crate) fn hook<A, T, F: Future<Output = T> + Send + 'static>(
    function: impl Fn(A) -> F + Send + Sync + 'static,
) -> Hook<A, T> {
    Arc::new(move |argument| Box::pin(function(argument)))
}

pub(crate) fn hook2<A, B, T, F: Future<Output = T> + Send + 'static>(
    function: impl Fn(A, B) -> F + Send + Sync + 'static,
) -> Hook2<A, B, T> {
    Arc::new(move |first, second| Box::pin(function(first, second)))
}

/// Code of the application's panicked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Panicked;

/// Runs code of the application's. What it leaves behind when it panics is dropped with its connection, or its own affair.
pub(crate) fn caught<T>(function: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(function)).map_err(|payload| {
        // The payload may panic when it is dropped; then that one is not dropped.
        if let Err(next) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
            std::mem::forget(next);
        }
        Panicked
    })
}

/// A future of the application's whose panic is an error. It is dropped as soon as it is over, under the same guard.
pub(crate) struct Guarded<T>(Option<Work<T>>);

impl<T> Guarded<T> {
    /// Calls the hook, which may panic as well.
    pub(crate) fn new(begin: impl FnOnce() -> Work<T>) -> Result<Self, Panicked> {
        caught(begin).map(|work| Self(Some(work)))
    }
}

impl<T> Future for Guarded<T> {
    type Output = Result<T, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = &mut self.0 else { return Poll::Pending };
        let polled = caught(|| work.as_mut().poll(cx));
        if matches!(polled, Ok(Poll::Pending)) {
            return Poll::Pending;
        }
        let work = self.0.take();
        let dropped = caught(move || drop(work));
        match polled {
            Ok(Poll::Ready(value)) => Poll::Ready(dropped.map(|()| value)),
            _ => Poll::Ready(Err(Panicked)),
        }
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        let work = self.0.take();
        _ = caught(move || drop(work));
    }
}

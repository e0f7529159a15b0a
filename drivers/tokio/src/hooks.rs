//! What the application does before a dial and on a new connection.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

use heartline_tungstenite::client::{Dial as SharedDial, HookError};
use heartline_tungstenite::{Address, Request};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::client::WeakClient;
use crate::greeting::Greeting;

/// A future that a hook has returned.
pub(crate) type HookFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
pub(crate) type RequestHook = Arc<dyn Fn(Dial) -> HookFuture<Result<Request, HookError>> + Send + Sync>;
pub(crate) type GreetingHook<M, R> = Arc<dyn Fn(Greeting<M, R>) -> HookFuture<Result<(), HookError>> + Send + Sync>;
pub(crate) type ConnectHook = Arc<dyn Fn(Address) -> HookFuture<std::io::Result<Box<dyn Transport>>> + Send + Sync>;

/// What a connection can run over: TCP, a unix socket, an in-memory pipe.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Transport for S {}

/// A dial that is about to begin; for the request hook. It has the methods of
/// [`heartline_tungstenite::client::Dial`], [`request`](SharedDial::request) and [`renew`](SharedDial::renew) foremost.
#[derive(Clone)]
pub struct Dial {
    pub(crate) dial: SharedDial,
    /// A [`WeakClient`] of the codec's messages.
    pub(crate) client: Arc<dyn Any + Send + Sync>,
}

impl Dial {
    /// The client, without keeping it alive. `M` is what its codec sends, [`Message`](crate::Message) by default; `None`
    /// for any other type.
    pub fn client<M: Send + 'static>(&self) -> Option<WeakClient<M>> {
        self.client.downcast_ref::<WeakClient<M>>().cloned()
    }
}

impl Deref for Dial {
    type Target = SharedDial;

    fn deref(&self) -> &SharedDial {
        &self.dial
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.dial.fmt(formatter)
    }
}

/// Wakes a driver whose greeting has asked for something.
pub(crate) fn wake(waker: Option<Waker>) {
    waker.into_iter().for_each(Waker::wake);
}

//! What the engine gets from tokio: dials, a timer, a look at the socket that is not older than the clock, the status.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use heartline::{ConnId, Timestamp};
use heartline_tungstenite::client::{Dial as SharedDial, End, HookError, Status};
use heartline_tungstenite::engine::{Connection, Dialled, Driver, Host, Parts, Wire as EngineWire};
use heartline_tungstenite::{Codec, Ended, Response};

use crate::client::WeakClient;
use crate::clock::Sleep;
use crate::dial::Dialer;
use crate::greeting::{Greeting, Room, Running as GreetingRunning};
use crate::hooks::{Dial, GreetingHook, HookFuture};
use crate::wire::Wire;

/// What the engine gets from tokio.
pub(crate) struct Tokio<C: Codec> {
    pub(crate) dialer: Arc<Dialer>,
    pub(crate) greeting: Option<GreetingHook<C::Out, C::In>>,
    /// The bounds of what a greeting does not take.
    pub(crate) greeting_room: (usize, u64),
    pub(crate) client: WeakClient<C::Out>,
    pub(crate) sleep: Sleep,
    /// Something is due, and the runtime is looking at the socket first.
    pub(crate) looking: Option<HookFuture<()>>,
}

impl<C: Codec> Tokio<C> {
    fn with_client(&self, dial: SharedDial) -> Dial {
        Dial { dial, client: Arc::new(self.client.clone()) }
    }
}

impl<C: Codec> Host<C> for Tokio<C> {
    type Wire = Wire;
    type Dialling = HookFuture<Result<Dialled<Wire>, Ended>>;
    type Greeting = GreetingRunning<C::Out, C::In>;

    fn dial(&mut self, _: ConnId, dial: SharedDial) -> Self::Dialling {
        Box::pin(self.dialer.clone().dial(self.with_client(dial)))
    }

    fn poll_dial(
        &mut self,
        dialling: &mut Self::Dialling,
        _: Timestamp,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Dialled<Wire>, Ended>> {
        dialling.as_mut().poll(cx)
    }

    fn greet(&mut self, dial: SharedDial, _: &Arc<Response>) -> Result<Self::Greeting, HookError> {
        let (messages, bytes) = self.greeting_room;
        let room = Room::new(messages, bytes);
        let greeting = Greeting::new(room.clone(), self.with_client(dial), self.client.clone());
        Ok(GreetingRunning { room, hook: self.greeting.as_ref().map(|hook| hook(greeting)) })
    }

    /// The runtime may not know yet of what has arrived; the socket does, where it can be asked.
    fn poll_look(&mut self, connection: Connection<'_, Self::Dialling, Wire>, cx: &mut Context<'_>) -> Poll<()> {
        let readable = match connection {
            Connection::Down => Some(false),
            Connection::Dialling(_) => None,
            Connection::Up(wire) => wire.meter().is_readable(),
        };
        if readable == Some(false) {
            self.looking = None;
            return Poll::Ready(());
        }
        let looking = self.looking.get_or_insert_with(|| Box::pin(tokio::task::yield_now()));
        if looking.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.looking = None;
        if readable.is_none() {
            return Poll::Ready(());
        }
        // There is something that the runtime has not noticed yet.
        let looking = self.looking.insert(Box::pin(tokio::task::yield_now()));
        _ = looking.as_mut().poll(cx);
        Poll::Pending
    }

    fn stop_looking(&mut self) {
        self.looking = None;
    }

    fn poll_sleep(&mut self, at: Option<Timestamp>, cx: &mut Context<'_>) -> Poll<()> {
        self.sleep.reset(at);
        self.sleep.poll(cx)
    }

    fn show(&mut self, status: Status) {
        self.client.show(status);
    }
}

impl EngineWire for Wire {
    fn begin_turn(&mut self, waker: &Waker) {
        self.set_waker(waker);
        self.meter().begin_turn();
    }

    fn failed(&mut self) -> Option<&io::Error> {
        self.meter().failed()
    }

    fn is_exhausted(&mut self) -> bool {
        self.meter().is_exhausted()
    }

    fn take_progress(&mut self) -> bool {
        self.meter().take_progress()
    }

    fn bytes(&mut self) -> (u64, u64) {
        let meter = self.meter();
        (meter.read, meter.written)
    }
}

/// A driver as a future, with the signal that shuts it down.
pub(crate) struct Running<C: Codec> {
    driver: Driver<C, Tokio<C>>,
    client: WeakClient<C::Out>,
    shutdown: Option<HookFuture<()>>,
}

impl<C: Codec> Running<C> {
    pub(crate) fn new(parts: Parts<C, Tokio<C>>, client: WeakClient<C::Out>, shutdown: Option<HookFuture<()>>) -> Self {
        Self { driver: Driver::new(parts), client, shutdown }
    }
}

// Nothing is pinned structurally: what must be pinned is boxed.
impl<C: Codec> Unpin for Running<C> {}

impl<C: Codec> Future for Running<C> {
    type Output = Arc<End>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Arc<End>> {
        if self.shutdown.as_mut().is_some_and(|shutdown| shutdown.as_mut().poll(cx).is_ready()) {
            self.shutdown = None;
            self.client.wind_up();
        }
        self.driver.poll(cx)
    }
}

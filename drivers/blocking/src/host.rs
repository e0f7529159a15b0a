//! What the engine gets from mio: dials, waits, a look at the socket that is not older than the clock, the status.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use heartline::{ConnId, Timestamp};
use heartline_tungstenite::client::{Dial, HookError, Status};
use heartline_tungstenite::clock::{Clock, Sleeper};
use heartline_tungstenite::engine::{Connection, Dialled, Host, Wire as EngineWire};
use heartline_tungstenite::{Codec, Ended, Response};

use crate::board::Board;
use crate::dial::{Dialer, Dialling, Failure};
use crate::greeting::{Running, SharedHook};
use crate::poller::Poller;
use crate::wire::Wire;

/// A wait over this is watched by the clock that counts suspend.
const LONG: Duration = Duration::from_millis(250);

/// What the engine gets from mio.
pub(crate) struct Mio<C: Codec> {
    pub(crate) poller: Poller,
    pub(crate) dialer: Dialer,
    pub(crate) greeting: Option<SharedHook<C::Out, C::In>>,
    /// The bounds of what a greeting passes on.
    pub(crate) greeting_room: (usize, u64),
    pub(crate) board: Arc<Board>,
    pub(crate) clock: Clock,
    /// When the engine wants its next turn.
    pub(crate) due: Option<Timestamp>,
    /// Wakes a long wait after the computer slept.
    pub(crate) sleeper: Option<Sleeper>,
}

/// What there is of a connection.
pub(crate) type Link<'a> = Connection<'a, Box<Dialling>, Wire>;

impl<C: Codec> Mio<C> {
    /// Waits for the sockets, for other threads and for what is due, for no longer than this. `None` waits for as long
    /// as it takes.
    pub(crate) fn wait(&mut self, connection: Link<'_>, timeout: Option<Duration>) {
        let dial = match &connection {
            Connection::Dialling(dialling) => dialling.deadline(),
            Connection::Down | Connection::Up(_) => None,
        };
        let now = self.clock.now();
        let due = [self.due, dial].into_iter().flatten().min().map(|due| due.saturating_since(now));
        let wait = [timeout, due].into_iter().flatten().min();
        self.watch(now, wait);
        self.look(connection, wait);
    }

    /// Asks the operating system what has happened to the sockets. True if that was anything.
    fn look(&mut self, mut connection: Link<'_>, wait: Option<Duration>) -> bool {
        self.poller.wait(wait);
        let mut woken = false;
        for event in self.poller.events() {
            woken |= match &mut connection {
                Connection::Down => false,
                Connection::Dialling(dialling) => {
                    dialling.woken(event);
                    true
                }
                Connection::Up(wire) => wire.meter().woken(event),
            };
        }
        woken
    }

    /// The poller's timer stands still while the computer sleeps.
    fn watch(&mut self, now: Timestamp, wait: Option<Duration>) {
        let Some(wait) = wait.filter(|wait| *wait > LONG) else { return };
        let sleeper = self.sleeper.get_or_insert_with(|| {
            let sleeper = Sleeper::new(&self.clock);
            sleeper.register(&self.poller.bell().into());
            sleeper
        });
        sleeper.set(Some(now.saturating_add(wait)));
    }
}

impl<C: Codec> Host<C> for Mio<C> {
    type Wire = Wire;
    type Dialling = Box<Dialling>;
    type Greeting = Running<C::Out, C::In>;

    fn dial(&mut self, conn: ConnId, dial: Dial) -> Box<Dialling> {
        Box::new(self.dialer.begin(conn, dial))
    }

    /// Wakes nobody: the poller does.
    fn poll_dial(
        &mut self,
        dialling: &mut Box<Dialling>,
        now: Timestamp,
        _: &mut Context<'_>,
    ) -> Poll<Result<Dialled<Wire>, Ended>> {
        match dialling.advance(&self.dialer, &mut self.poller, now) {
            Ok(None) => Poll::Pending,
            Ok(Some(dialled)) => Poll::Ready(Ok(*dialled)),
            Err(Failure::Ended(ended)) => Poll::Ready(Err(*ended)),
            // On the thread of the dial; the engine catches it here.
            Err(Failure::Panicked(message)) => std::panic::resume_unwind(Box::new(message)),
        }
    }

    fn greet(&mut self, dial: Dial, response: &Arc<Response>) -> Result<Self::Greeting, HookError> {
        Running::begin(self.greeting.clone(), dial, response.clone(), self.greeting_room)
    }

    fn poll_look(&mut self, connection: Link<'_>, cx: &mut Context<'_>) -> Poll<()> {
        if self.look(connection, Some(Duration::ZERO)) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Wakes nobody: [`wait`](Mio::wait) ends in time.
    fn poll_sleep(&mut self, at: Option<Timestamp>, _: &mut Context<'_>) -> Poll<()> {
        self.due = at;
        if at.is_some_and(|at| at <= self.clock.now()) { Poll::Ready(()) } else { Poll::Pending }
    }

    fn show(&mut self, status: Status) {
        if status.end.is_some() {
            self.sleeper = None;
        }
        self.board.show(status);
    }
}

/// Its events are edge-triggered, so there is nobody to wake: the poller is asked before each turn.
impl EngineWire for Wire {
    fn begin_turn(&mut self, _: &Waker) {
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

    fn wants_write(&self) -> bool {
        Wire::wants_write(self)
    }
}

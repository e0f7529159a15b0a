//! The tokio driver: one task that owns a session and its socket. Written to be copied, with `link.rs` and
//! `shared/{application,host,translate}.rs`.
//!
//! The task waits in one place, the `select!` of [`run`], and what it waits on there owns nothing: whichever
//! branch comes first, dropping the others loses no frame, no message and no dial. All else is done at
//! once, so that neither a full socket nor a slow dial ever holds up the timer or an `Abort`.
//!
//! The clock is tokio's, which is `std::time::Instant`. On Linux, Android and macOS it stands still while the machine is
//! suspended: after a night's sleep the heartbeat first waits out what was left of its interval, and a time to live
//! has hardly aged.

#[path = "link.rs"] // For tests, which take this file as a module of another name.
mod link;

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use heartline::{Config, Input, State, Timestamp};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until};

use self::link::{Connection, Progress};
use crate::application::{Application, Command, RunningDriver};
use crate::host::Host;

/// At most so many commands, and so many frames, are taken in one turn.
const BURST: usize = 64;

/// How long a drain may take that begins because nobody is left to ask for `Close`.
const DRAIN: Duration = Duration::from_secs(5);

/// Runs a session until it is closed, which it also is when the last sender is dropped.
pub async fn run<A: Application>(config: Config, seed: u64, application: A, mut commands: UnboundedReceiver<Command>) {
    let origin = Instant::now();
    let link = Connection::new(config.connect_timeout);
    let mut driver = Driver { origin, host: Host::new(config, seed, application, link), looked: false };
    let mut timer = pin!(sleep_until(origin));
    let (mut armed, mut listening, mut more) = (None, true, false);
    while driver.host.session.state() != State::Closed || !commands.is_empty() {
        let deadline = driver.host.session.deadline();
        if let (true, Some(at)) = (armed != deadline, deadline) {
            timer.as_mut().reset(origin + at.since_origin());
        }
        armed = deadline;
        let woken = tokio::select! {
            command = commands.recv(), if listening => Woken::Command(command),
            progress = poll_fn(|cx| driver.host.link.poll(cx)) => Woken::Link(progress),
            () = &mut timer, if armed.is_some() => Woken::Timer,
            () = std::future::ready(()), if more => Woken::More,
        };
        driver.look().await;
        match woken {
            Woken::Command(Some(command)) => driver.host.execute(command),
            Woken::Command(None) => {
                listening = false;
                driver.close();
            }
            Woken::Link(progress) => driver.take(progress),
            Woken::Timer => armed = None,
            Woken::More => {}
        }
        more = poll_fn(|cx| Poll::Ready(driver.turn(cx, &mut commands))).await;
    }
}

enum Woken {
    Command(Option<Command>),
    Link(Progress),
    Timer,
    More,
}

struct Driver<A> {
    origin: Instant,
    host: Host<A, Connection>,
    /// The runtime has looked at the socket since this turn began.
    looked: bool,
}

impl<A: Application> Driver<A> {
    /// A turn begins. If something is due or writing has failed, the runtime looks at the socket first: what has arrived
    /// by now is in time, and what the peer said before it went may tell more.
    async fn look(&mut self) {
        self.host.now = Timestamp::after(self.origin.elapsed());
        self.looked = self.host.is_due() || self.host.link.has_failed();
        if self.looked {
            tokio::task::yield_now().await;
        }
    }

    /// What has come in, then the timer, then what may go out. Never waits. True if there may be more to write.
    fn turn(&mut self, cx: &mut Context<'_>, commands: &mut UnboundedReceiver<Command>) -> bool {
        for _ in 0..BURST {
            let Ok(command) = commands.try_recv() else { break };
            self.host.execute(command);
        }
        for _ in 0..BURST {
            match self.host.link.poll(cx) {
                Poll::Ready(Progress::Failed(conn, end)) if self.looked => self.host.end(conn, end),
                Poll::Ready(Progress::Failed(..)) | Poll::Pending => break,
                Poll::Ready(progress) => self.take(progress),
            }
        }
        self.host.timer();
        if self.host.link.is_flushed(cx) {
            self.host.transmit();
        }
        self.host.settle()
    }

    fn take(&mut self, progress: Progress) {
        match progress {
            Progress::Opened(conn) => self.host.handle(Input::Opened { conn }),
            Progress::Frame(conn, frame) => self.host.receive(conn, frame),
            Progress::Part(conn) => self.host.handle(Input::Alive { conn }),
            Progress::Ended(conn, end) => self.host.end(conn, end),
            Progress::Flushed | Progress::Failed(..) => {}
        }
    }

    /// Nobody is left to ask for `Close`.
    fn close(&mut self) {
        let closing = self.host.session.is_draining() || self.host.session.state() == State::Closing;
        if !closing {
            self.host.handle(Input::close_within(DRAIN));
        }
    }
}

/// [`run`] on a thread of its own, for callers that have no runtime.
pub struct Handle {
    pub commands: UnboundedSender<Command>,
    thread: JoinHandle<()>,
}

/// Starts a session. It does nothing until it is given `Connect`.
pub fn spawn<A: Application>(config: Config, seed: u64, application: A) -> io::Result<Handle> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (sender, commands) = unbounded_channel();
    let thread = thread::Builder::new().name("heartline".into()).spawn(move || {
        runtime.block_on(run(config, seed, application, commands));
        runtime.shutdown_background(); // A name that is still being resolved is not waited for.
    })?;
    Ok(Handle { commands: sender, thread })
}

impl RunningDriver for Handle {
    fn command(&self, command: Command) {
        _ = self.commands.send(command); // Fails once the session is closed.
    }

    fn join(self: Box<Self>) {
        drop(self.commands);
        self.thread.join().expect("the driver's thread runs to its end");
    }
}

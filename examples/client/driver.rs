//! A driver for the sockets of the standard library: one thread, one loop, no runtime. Written to be copied, with
//! `link.rs` and `shared/{application,host,translate}.rs`.
//!
//! The loop sleeps in `mio` until a socket, the application, a dial or the session's deadline wakes it. Dials
//! block, so each has a thread of its own, which reports its result through the same channel as the application.
//!
//! The clock is `std::time::Instant`. On Linux, Android and macOS it stands still while the machine is suspended: after
//! a night's sleep the heartbeat first waits out what was left of its interval, and a time to live has hardly aged.

#[path = "link.rs"]
mod link;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use heartline::loss::TransportError;
use heartline::{Config, ConnId, Input, State, Timestamp};
use mio::{Events, Poll, Registry, Token, Waker};
use tungstenite::{Error, Message};

use self::link::{Read, Socket};
use crate::application::{Application, Command, RunningDriver};
use crate::host::{Host, Link, Written};
use crate::translate::{self, End};

/// The token of the waker; a socket's is the number of its connection, and those begin at 1.
const WAKER: Token = Token(0);
/// At most so many reports, and so many frames, are taken in one turn.
const BURST: usize = 64;

/// A running driver. Dropping this does not stop it.
pub struct Handle {
    reports: Reports,
    thread: JoinHandle<()>,
}

/// Starts a session on a thread of its own, which ends when the session is closed. It does nothing until it is
/// given `Connect`.
pub fn spawn<A: Application>(config: Config, seed: u64, application: A) -> io::Result<Handle> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    let (sender, inbox) = channel();
    let reports = Reports { sender, waker };
    let link = Connection {
        socket: None,
        registry: poll.registry().try_clone()?,
        reports: reports.clone(),
        // It is for the session to give a dial up; the thread only must not wait for ever.
        patience: 2 * config.connect_timeout,
    };
    let host = Host::new(config, seed, application, link);
    let driver = Driver { host, inbox, poll, events: Events::with_capacity(16), origin: Instant::now() };
    let thread = thread::Builder::new().name("heartline".into()).spawn(move || driver.run())?;
    Ok(Handle { reports, thread })
}

impl RunningDriver for Handle {
    fn command(&self, command: Command) {
        self.reports.send(Report::Command(command));
    }

    fn join(self: Box<Self>) {
        self.thread.join().expect("the driver's thread does not panic");
    }
}

/// What other threads report to the loop.
enum Report {
    Command(Command),
    Dialled(ConnId, Result<Socket, End>),
}

#[derive(Clone)]
struct Reports {
    sender: Sender<Report>,
    waker: Arc<Waker>,
}

impl Reports {
    /// Does nothing once the loop has ended.
    fn send(&self, report: Report) {
        if self.sender.send(report).is_ok() {
            let _ = self.waker.wake();
        }
    }
}

struct Driver<A> {
    host: Host<A, Connection>,
    inbox: Receiver<Report>,
    poll: Poll,
    events: Events,
    origin: Instant,
}

impl<A: Application> Driver<A> {
    /// The order matters: a deadline is checked only after everything that arrived was read, and before anything is
    /// sent.
    fn run(mut self) {
        let mut more = false;
        while self.host.session.state() != State::Closed {
            self.sleep(more);
            more = self.take_reports();
            more |= self.read();
            self.host.timer();
            more |= self.write();
        }
        // Commands that came meanwhile are answered, if only with a refusal.
        while self.take_reports() {}
    }

    fn sleep(&mut self, more: bool) {
        let deadline = self.host.session.deadline().map(|deadline| deadline.since_origin());
        let left = deadline.map(|deadline| deadline.saturating_sub(self.origin.elapsed()));
        self.poll(if more { Some(Duration::ZERO) } else { left });
        self.host.now = Timestamp::after(self.origin.elapsed());
        if self.host.is_due() {
            // What has arrived by now is in time, so look once more: the process may have been suspended since the
            // last look, and going on interrupts a poll, which then reports nothing.
            self.poll(Some(Duration::ZERO));
        }
    }

    fn poll(&mut self, timeout: Option<Duration>) {
        if let Err(error) = self.poll.poll(&mut self.events, timeout) {
            assert_eq!(error.kind(), io::ErrorKind::Interrupted, "the loop cannot go on without a poll: {error}");
        }
        for event in &self.events {
            let conn = ConnId::from_raw(event.token().0 as u64);
            if let Some(socket) = conn.and_then(|conn| self.host.link.socket(conn)) {
                socket.woken(event);
            }
        }
    }

    /// True if there may be more.
    fn take_reports(&mut self) -> bool {
        for _ in 0..BURST {
            match self.inbox.try_recv() {
                Err(_) => return false,
                Ok(Report::Command(command)) => self.host.execute(command),
                // A dial that was given up meanwhile is dropped.
                Ok(Report::Dialled(conn, _)) if self.host.session.conn() != Some(conn) => {}
                Ok(Report::Dialled(conn, Err(end))) => self.host.end(conn, end),
                Ok(Report::Dialled(conn, Ok(socket))) => {
                    self.host.link.socket = Some(socket);
                    self.host.handle(Input::Opened { conn });
                }
            }
        }
        true
    }

    /// True if there may be more.
    fn read(&mut self) -> bool {
        for _ in 0..BURST {
            let Some(socket) = &mut self.host.link.socket else { return false };
            let conn = socket.conn;
            match socket.read() {
                Ok(Read::Nothing) => return false,
                Ok(Read::Part) => self.host.handle(Input::Alive { conn }),
                Ok(Read::Frame(frame)) => self.host.receive(conn, frame),
                Err(error) => self.fail(conn, &error),
            }
        }
        true
    }

    /// Flushes twice. The first is for pongs and leftovers: behind it, a write that fails has not sent its own
    /// message whole. True if there may be more to write.
    fn write(&mut self) -> bool {
        self.host.link.flush();
        self.host.transmit();
        self.host.link.flush();
        if let Some((conn, error)) = self.host.link.failed() {
            // What the peer said before it went may tell more: a close frame, an acknowledgement.
            while self.read() {}
            self.fail(conn, &error);
        }
        self.host.settle()
    }

    fn fail(&mut self, conn: ConnId, error: &Error) {
        if let Some(socket) = self.host.link.socket(conn) {
            socket.complain(error);
            self.host.end(conn, translate::error(error));
        }
    }
}

/// The current connection, and what a dial needs.
struct Connection {
    socket: Option<Socket>,
    registry: Registry,
    reports: Reports,
    patience: Duration,
}

impl Connection {
    fn socket(&mut self, conn: ConnId) -> Option<&mut Socket> {
        self.socket.as_mut().filter(|socket| socket.conn == conn)
    }

    fn flush(&mut self) {
        if let Some(socket) = &mut self.socket {
            socket.flush();
        }
    }

    /// Why writing failed, if it did.
    fn failed(&mut self) -> Option<(ConnId, Error)> {
        let socket = self.socket.as_mut()?;
        Some((socket.conn, socket.failed.take()?))
    }
}

impl Link for Connection {
    fn dial(&mut self, conn: ConnId, url: String) {
        let (reports, patience) = (self.reports.clone(), self.patience);
        let work = self.registry.try_clone().and_then(|registry| {
            let dial = move || reports.send(Report::Dialled(conn, Socket::dial(conn, &url, patience, &registry)));
            thread::Builder::new().name(conn.to_string()).spawn(dial)
        });
        if work.is_err() {
            self.reports.send(Report::Dialled(conn, Err(TransportError::Connect.into())));
        }
    }

    fn abort(&mut self, conn: ConnId) {
        self.socket.take_if(|socket| socket.conn == conn);
    }

    fn control(&mut self, conn: ConnId, frame: Message) {
        if let Some(socket) = self.socket(conn) {
            socket.put(frame);
            socket.flush();
        }
    }

    fn write(&mut self, message: Message) -> Written {
        self.socket.as_mut().map_or(Written::NotNow, |socket| socket.write(message))
    }
}

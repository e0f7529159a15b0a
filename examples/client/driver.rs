//! A driver for the sockets of the standard library: one thread, one loop, no runtime. Written to be copied,
//! with `link.rs`.
//!
//! The loop sleeps in `mio` until a socket, the application, a dial or the session's deadline wakes it. Dials
//! block, so each has a thread of its own, which reports back like everybody else.

#[path = "link.rs"]
mod link;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use heartline::{Action, Closed, Config, ConnId, Input, Instant, Loss, Session, State, Transport, Unsent};
use mio::{Events, Poll, Token, Waker};
use tungstenite::protocol::CloseFrame;
use tungstenite::{Error, Message};

use self::link::Link;
use crate::app::{App, Running, Say};
use crate::losses;

/// The token of the waker; a socket's is the number of its connection, and those begin at 1.
const WAKER: Token = Token(0);
/// At most so many notes, and so many frames, are taken in one turn.
const BURST: usize = 64;

/// A driver at work. Dropping it leaves the session at work as well.
pub struct Handle {
    post: Post,
    thread: JoinHandle<()>,
}

/// Starts a session in a thread of its own, which ends when the session is closed. It does nothing until
/// `Connect` is said.
pub fn spawn<A: App>(config: Config, seed: u64, app: A) -> io::Result<Handle> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    let (notes, inbox) = channel();
    let post = Post { notes, waker };
    // It is for the session to give a dial up; the thread only must not wait for ever.
    let patience = 2 * config.connect_timeout;
    let origin = std::time::Instant::now();
    let now = Instant::ORIGIN;
    let outside = Outside { origin, now, app, links: HashMap::new(), poll, patience, post: post.clone() };
    let driver = Driver { session: Session::new(config, seed), outside, inbox };
    let thread = thread::Builder::new().name("heartline".into()).spawn(move || driver.run())?;
    Ok(Handle { post, thread })
}

impl Running for Handle {
    fn say(&self, say: Say) {
        self.post.send(Note::Say(say));
    }

    fn join(self: Box<Self>) {
        self.thread.join().expect("the driver's thread does not panic");
    }
}

/// What others tell the loop.
enum Note {
    Say(Say),
    Dialled(ConnId, Result<Link, Closed>),
}

#[derive(Clone)]
struct Post {
    notes: Sender<Note>,
    waker: Arc<Waker>,
}

impl Post {
    /// Once the loop has ended there is nobody to tell, and nothing happens.
    fn send(&self, note: Note) {
        if self.notes.send(note).is_ok() {
            let _ = self.waker.wake();
        }
    }
}

struct Driver<A> {
    session: Session<Message>,
    inbox: Receiver<Note>,
    outside: Outside<A>,
}

/// Everything that actions are carried out on.
struct Outside<A> {
    origin: std::time::Instant,
    /// The time stands still within a turn: however long the application takes over a message, no deadline is
    /// judged before the sockets were looked at again.
    now: Instant,
    app: A,
    /// The current connection, and for a moment one whose dial came too late.
    links: HashMap<ConnId, Link>,
    poll: Poll,
    patience: Duration,
    post: Post,
}

impl<A: App> Driver<A> {
    /// The order matters: what arrived is heard before a deadline is judged, and both before anything is sent.
    fn run(mut self) {
        let mut more = false;
        while self.session.state() != State::Closed || self.session.deadline().is_some() {
            let sleep = if more { Some(Duration::ZERO) } else { self.time_left() };
            self.outside.sleep(sleep);
            more = self.hear();
            more |= self.read();
            if self.session.deadline().is_some_and(|due| due <= self.outside.now) {
                self.handle(Input::Timer);
            }
            self.write();
        }
        // What the application said meanwhile is answered, if only with a refusal.
        while self.hear() {}
    }

    fn time_left(&self) -> Option<Duration> {
        let deadline = self.session.deadline()?;
        Some(deadline.saturating_since(Instant::after(self.outside.origin.elapsed())))
    }

    /// Takes what others have to tell. True if there may be more.
    fn hear(&mut self) -> bool {
        for _ in 0..BURST {
            match self.inbox.try_recv() {
                Err(_) => return false,
                Ok(Note::Say(say)) => self.step(say),
                Ok(Note::Dialled(conn, Err(closed))) => self.handle(Input::Closed { conn, closed }),
                Ok(Note::Dialled(conn, Ok(link))) => {
                    // If the session gave this dial up meanwhile, it answers `Abort`.
                    self.outside.links.insert(conn, link);
                    self.handle(Input::Opened { conn });
                }
            }
        }
        true
    }

    /// Feeds what is readable. True if there may be more.
    fn read(&mut self) -> bool {
        for _ in 0..BURST {
            let Some(conn) = self.session.conn() else { return false };
            let Some(link) = self.outside.links.get_mut(&conn) else { return false };
            match link.read() {
                Ok(None) => return false,
                Ok(Some(Message::Close(frame))) => self.lose(conn, losses::close_frame(frame.as_ref())),
                Ok(Some(frame)) if self.outside.app.is_pong(&frame) => self.handle(Input::Pong { conn }),
                Ok(Some(Message::Ping(_))) => self.handle(Input::Alive { conn }),
                Ok(Some(message)) => self.handle(Input::Message { conn, message }),
                Err(error) => self.fail(conn, &error),
            }
        }
        true
    }

    fn write(&mut self) {
        let Some(conn) = self.session.conn() else { return };
        if let Err(error) = self.transmit(conn) {
            // What the peer said before it went may tell more: a close frame, an acknowledgement.
            while self.read() {}
            self.fail(conn, &error);
        }
    }

    /// Pulls messages while the socket takes them, then flushes them together. The first flush is for pongs and
    /// leftovers: behind it, a write that fails has not sent its own message whole.
    fn transmit(&mut self, conn: ConnId) -> Result<(), Error> {
        let Some(link) = self.outside.links.get_mut(&conn) else { return Ok(()) };
        link.flush()?;
        while link.has_room() {
            let now = self.outside.now;
            let Some(transmit) = self.session.transmit(now) else { return link.flush() };
            match link.write(transmit.message.clone()) {
                Ok(()) => {}
                Err(Error::Capacity(_)) => self.session.unsent(now, transmit, Unsent::Rejected),
                Err(Error::WriteBufferFull(_)) => {
                    self.session.unsent(now, transmit, Unsent::Full);
                    link.flush()?;
                }
                Err(error) => {
                    self.session.unsent(now, transmit, Unsent::Full);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn fail(&mut self, conn: ConnId, error: &Error) {
        if let Some(link) = self.outside.links.remove(&conn) {
            link.complain(error);
            self.handle(Input::Closed { conn, closed: losses::error(error) });
        }
    }

    fn lose(&mut self, conn: ConnId, closed: Closed) {
        self.outside.links.remove(&conn);
        self.handle(Input::Closed { conn, closed });
    }

    fn handle(&mut self, input: Input<Message>) {
        self.step(Say::Input(input));
    }

    /// One step, and those that the application answers with.
    fn step(&mut self, say: Say) {
        let mut says = vec![say];
        while !says.is_empty() {
            for say in std::mem::take(&mut says) {
                let now = self.outside.now;
                match say {
                    Say::Send(outgoing) => {
                        let result = self.session.send(now, outgoing.clone()).map_err(|refused| refused.reason);
                        self.outside.app.sent(outgoing, result);
                    }
                    Say::Input(input) => {
                        for action in self.session.handle(now, input) {
                            self.outside.carry_out(now, action, &mut says);
                        }
                    }
                }
                self.outside.app.watch(now, &self.session);
            }
        }
    }
}

impl<A: App> Outside<A> {
    fn sleep(&mut self, timeout: Option<Duration>) {
        let mut events = Events::with_capacity(16);
        if let Err(error) = self.poll.poll(&mut events, timeout) {
            assert_eq!(error.kind(), io::ErrorKind::Interrupted, "there is no going on without a poll: {error}");
        }
        self.now = Instant::after(self.origin.elapsed());
        for event in &events {
            let conn = ConnId::from_raw(event.token().0 as u64);
            if let Some(link) = conn.and_then(|conn| self.links.get_mut(&conn)) {
                link.woken(event);
            }
        }
    }

    /// Whole and at once, however full the socket is: there is room for frames like these, and a write that
    /// fails here fails again at the next flush.
    fn carry_out(&mut self, now: Instant, action: Action<Message>, answers: &mut Vec<Say>) {
        match action {
            Action::Connect { conn, attempt } => self.dial(conn, attempt),
            Action::Abort { conn } => drop(self.links.remove(&conn)),
            Action::Ping { conn } => {
                let ping = self.app.ping();
                self.put(conn, ping);
            }
            Action::Close { conn, code } => {
                let frame = CloseFrame { code: code.get().into(), reason: Default::default() };
                self.put(conn, Message::Close(Some(frame)));
            }
            told => self.app.tell(now, told, answers),
        }
    }

    fn put(&mut self, conn: ConnId, frame: Message) {
        if let Some(link) = self.links.get_mut(&conn) {
            let _ = link.write(frame);
        }
    }

    fn dial(&mut self, conn: ConnId, attempt: u32) {
        let (url, post, patience) = (self.app.url(attempt), self.post.clone(), self.patience);
        let report = post.clone();
        let work = self.poll.registry().try_clone().and_then(|registry| {
            let dial = move || Link::dial(&url, patience, &registry, Token(conn.as_raw() as usize));
            thread::Builder::new().name(conn.to_string()).spawn(move || post.send(Note::Dialled(conn, dial())))
        });
        if work.is_err() {
            report.send(Note::Dialled(conn, Err(Loss::Transport(Transport::Connect).into())));
        }
    }
}

//! Waiting for sockets, for other threads and for time.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::Wake;
use std::time::Duration;

use mio::event::{Event, Source};
use mio::{Events, Interest, Poll, Token};

/// What other threads ring.
const BELL: Token = Token(0);
/// Events that one look can bring: a few sockets of a dial, and the bell.
const EVENTS: usize = 32;

pub(crate) struct Poller {
    poll: Poll,
    events: Events,
    bell: Arc<Bell>,
    next_token: usize,
}

/// Wakes whoever waits on the poller, or the next one who does. Rung while nobody waits it costs no system call.
pub(crate) struct Bell {
    waker: mio::Waker,
    /// Since the last turn.
    rung: AtomicBool,
    waited_for: AtomicBool,
    /// Somebody wants a poll to return.
    wanted: AtomicBool,
}

impl Bell {
    /// Whoever writes one of `rung` and `waited_for` reads the other afterwards, so either the ringer sees that
    /// somebody waits, or who is about to wait sees that it was rung.
    pub(crate) fn ring(&self) {
        self.rung.store(true, SeqCst);
        if self.waited_for.swap(false, SeqCst) {
            // It cannot fail but for a counter that is full, and then it rings already.
            _ = self.waker.wake();
        }
    }

    /// Ends a poll that waits, or the next one.
    pub(crate) fn end_poll(&self) {
        self.wanted.store(true, SeqCst);
        self.ring();
    }

    /// Whether a poll is to end without waiting. Says so once.
    pub(crate) fn take_wanted(&self) -> bool {
        self.wanted.swap(false, SeqCst)
    }

    /// Whether it was rung since the last time.
    pub(crate) fn take_rung(&self) -> bool {
        self.rung.swap(false, SeqCst)
    }

    fn begin_wait(&self) -> bool {
        self.waited_for.store(true, SeqCst);
        !self.rung.load(SeqCst)
    }

    fn end_wait(&self) {
        self.waited_for.store(false, SeqCst);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let bell = Bell {
            waker: mio::Waker::new(poll.registry(), BELL)?,
            rung: AtomicBool::new(true), // for the first dial
            waited_for: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
        };
        let bell = Arc::new(bell);
        Ok(Self { poll, events: Events::with_capacity(EVENTS), bell, next_token: 1 })
    }

    pub(crate) fn bell(&self) -> Arc<Bell> {
        self.bell.clone()
    }

    /// Watches a source until it is dropped. Tokens are never used again, so the events of an old one are nobody's.
    pub(crate) fn register(&mut self, source: &mut (impl Source + ?Sized)) -> io::Result<Token> {
        let token = Token(self.next_token);
        self.next_token += 1;
        self.poll.registry().register(source, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(token)
    }

    /// Waits for events, not at all if the bell was rung. An interruption by a signal says nothing about the sockets, so they are looked at again, without
    /// waiting: a process that was stopped and goes on is interrupted too, and what has arrived meanwhile must be seen
    /// before anything is judged.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) {
        let waits = timeout != Some(Duration::ZERO) && self.bell.begin_wait();
        self.poll(if waits { timeout } else { Some(Duration::ZERO) });
        self.bell.end_wait();
    }

    fn poll(&mut self, mut timeout: Option<Duration>) {
        loop {
            match self.poll.poll(&mut self.events, timeout) {
                Err(error) if error.kind() == ErrorKind::Interrupted => timeout = Some(Duration::ZERO),
                Ok(()) => return,
                Err(_) => {
                    // No system documents another error for a poll that exists. If there is one, do not run in circles.
                    self.events.clear();
                    return std::thread::sleep(timeout.unwrap_or(Duration::from_millis(100)));
                }
            }
        }
    }

    /// The events of the last wait that are those of a source.
    pub(crate) fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(|event| event.token() != BELL)
    }
}

//! Waiting for sockets, for other threads and for time.

use std::io::{self, ErrorKind};
use std::sync::Arc;
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

/// Wakes whoever waits on the poller, or the next one who does.
pub(crate) struct Bell(mio::Waker);

impl Bell {
    pub(crate) fn ring(&self) {
        // It cannot fail but for a counter that is full, and then it rings already.
        _ = self.0.wake();
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
        let bell = Arc::new(Bell(mio::Waker::new(poll.registry(), BELL)?));
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

    /// Waits for events. An interruption by a signal says nothing about the sockets, so they are looked at again, without
    /// waiting: a process that was stopped and goes on is interrupted too, and what has arrived meanwhile must be seen
    /// before anything is judged.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) {
        let mut timeout = timeout;
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

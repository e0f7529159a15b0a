//! The page of a document: an application on a session. The simulated network and the driver on real sockets run the
//! same one.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use heartline::{Action, Cause, ConnId, Event, Input, Instant, MessageId, Outcome, Outgoing, Refusal, Session, State};
use tungstenite::Message;

use crate::app::{App, Say};

/// How long a real event is waited for before the test counts as failed.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Notes that others can read, and wait for.
#[derive(Debug)]
pub struct Notebook<T>(Arc<(Mutex<Vec<T>>, Condvar)>);

impl<T> Clone for Notebook<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Notebook<T> {
    fn default() -> Self {
        Self(Arc::new((Mutex::new(Vec::new()), Condvar::new())))
    }
}

impl<T: Clone + std::fmt::Debug> Notebook<T> {
    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.0.lock().expect("nobody panics while taking notes")
    }

    pub fn note(&self, note: T) {
        self.lock().push(note);
        self.0.1.notify_all();
    }

    pub fn all(&self) -> Vec<T> {
        self.lock().clone()
    }

    /// Waits until the notes show it.
    pub fn wait(&self, what: &str, shown: impl Fn(&[T]) -> bool) -> Vec<T> {
        let (guard, timeout) =
            self.0.1.wait_timeout_while(self.lock(), PATIENCE, |notes| !shown(notes)).expect("nobody panics here");
        let notes = guard.clone();
        drop(guard);
        let lines = || notes.iter().map(|note| format!("{note:?}\n")).collect::<String>();
        assert!(!timeout.timed_out(), "in vain: {what}\n{}", lines());
        notes
    }
}

/// What a page noticed.
#[derive(Clone, PartialEq, Debug)]
pub enum Seen {
    Dial(String),
    Got(String),
    Event(Event),
    Planned { attempt: u32, at: Instant, cause: Cause },
    Accepted(MessageId, String),
    Refused(Refusal, String),
    Ended(MessageId, Outcome<Message>),
}

type Handler = Box<dyn FnMut(Option<ConnId>, &Action<Message>, &mut Vec<Say>) + Send>;

/// A page: where it dials, what it says at each opening, what its heartbeat is, and what it does besides.
pub struct Page {
    pub book: Notebook<(Instant, Seen)>,
    pub url: Box<dyn FnMut() -> String + Send>,
    /// Said for each connection anew, before all else.
    pub opening: Vec<String>,
    pub ping: Message,
    pub is_pong: fn(&str) -> bool,
    pub on: Handler,
    pub conn: Option<ConnId>,
    pub now: Instant,
}

impl Page {
    /// A page that says nothing and whose heartbeat is the protocol's.
    pub fn at(url: impl Into<String>) -> Self {
        let url = url.into();
        Self {
            book: Notebook::default(),
            url: Box::new(move || url.clone()),
            opening: Vec::new(),
            ping: Message::Ping(Default::default()),
            is_pong: |_| false,
            on: Box::new(|_, _, _| {}),
            conn: None,
            now: Instant::ORIGIN,
        }
    }

    /// What reached the application.
    pub fn got(&self) -> Vec<String> {
        got(&self.book.all())
    }

    /// The changes of state, as (milliseconds, to, cause).
    pub fn changes(&self) -> Vec<(u64, State, Cause)> {
        let change = |(at, seen): &(Instant, Seen)| match seen {
            Seen::Event(Event::StateChanged { to, cause, .. }) => Some((milliseconds(*at), *to, *cause)),
            _ => None,
        };
        self.book.all().iter().filter_map(change).collect()
    }

    /// The retries that were scheduled, as (milliseconds, which, for when).
    pub fn planned(&self) -> Vec<(u64, u32, u64)> {
        let plan = |(now, seen): &(Instant, Seen)| match seen {
            Seen::Planned { attempt, at, .. } => Some((milliseconds(*now), *attempt, milliseconds(*at))),
            _ => None,
        };
        self.book.all().iter().filter_map(plan).collect()
    }

    /// The other events, with their milliseconds.
    pub fn remarks(&self) -> Vec<(u64, Event)> {
        let remark = |(at, seen): &(Instant, Seen)| match seen {
            Seen::Event(event) if !matches!(event, Event::StateChanged { .. }) => Some((milliseconds(*at), *event)),
            _ => None,
        };
        self.book.all().iter().filter_map(remark).collect()
    }

    fn note(&self, seen: Seen) {
        self.book.note((self.now, seen));
    }
}

/// What reached the application, out of its notes.
pub fn got(notes: &[(Instant, Seen)]) -> Vec<String> {
    let text = |(_, seen): &(Instant, Seen)| match seen {
        Seen::Got(text) => Some(text.clone()),
        _ => None,
    };
    notes.iter().filter_map(text).collect()
}

/// How often the session became ready.
pub fn openings(notes: &[(Instant, Seen)]) -> usize {
    let open = |seen: &Seen| matches!(seen, Seen::Event(Event::StateChanged { to: State::Open, .. }));
    notes.iter().filter(|(_, seen)| open(seen)).count()
}

pub fn milliseconds(at: Instant) -> u64 {
    at.as_nanos() / 1_000_000
}

pub fn once(text: impl Into<String>) -> Say {
    let text = text.into();
    let size = text.len();
    Say::Send(Outgoing::once(Message::text(text), size))
}

pub fn at_least_once(text: impl Into<String>) -> Say {
    let text = text.into();
    let size = text.len();
    Say::Send(Outgoing::at_least_once(Message::text(text), size))
}

fn text_of(message: &Message) -> String {
    message.to_text().expect("these documents send text").to_string()
}

impl App for Page {
    fn url(&mut self, _attempt: u32) -> String {
        let url = (self.url)();
        self.note(Seen::Dial(url.clone()));
        url
    }

    fn ping(&mut self) -> Message {
        self.ping.clone()
    }

    fn is_pong(&mut self, frame: &Message) -> bool {
        match frame {
            Message::Text(text) => (self.is_pong)(text),
            frame => frame.is_pong(),
        }
    }

    fn tell(&mut self, now: Instant, action: Action<Message>, answers: &mut Vec<Say>) {
        self.now = now;
        if let Action::Event(Event::StateChanged { cause: Cause::Opened, .. }) = action {
            for text in &self.opening {
                answers.push(Say::Send(Outgoing::connection(Message::text(text), text.len())));
            }
        }
        (self.on)(self.conn, &action, answers);
        match action {
            Action::Deliver(message) if message.is_text() => self.note(Seen::Got(text_of(&message))),
            Action::Event(event) => self.note(Seen::Event(event)),
            Action::ScheduleReconnect { attempt, at, cause } => self.note(Seen::Planned { attempt, at, cause }),
            Action::Outcome { id, outcome } => self.note(Seen::Ended(id, outcome)),
            _ => {}
        }
    }

    fn sent(&mut self, outgoing: Outgoing<Message>, result: Result<MessageId, Refusal>) {
        let text = text_of(outgoing.message());
        match result {
            Ok(id) => self.note(Seen::Accepted(id, text)),
            Err(reason) => self.note(Seen::Refused(reason, text)),
        }
    }

    fn watch(&mut self, now: Instant, session: &Session<Message>) {
        self.now = now;
        self.conn = session.conn();
    }
}

/// What a page says to be connected.
pub const CONNECT: Say = Say::Input(Input::Connect);

/// What a page says when it goes.
pub fn leave() -> Say {
    Say::Input(Input::close_within(Duration::from_secs(5)))
}

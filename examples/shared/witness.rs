//! An application that writes everything down: what it was told, and what became of each message.
#![allow(dead_code)] // The tour and the tests each use their part.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use heartline::{
    Action, Cause, ConnId, Delivery, Event, Input, Instant, Loss, MessageId, Outcome, Outgoing, Refusal, RoundTrip,
    Session, State, Stats, Why,
};
use tungstenite::Message;

use crate::app::{App, Say};
use crate::diary::{Diary, describe};
use crate::faults::PATIENCE;

/// How a message ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    Committed,
    Acked,
    Returned(Why),
    Unconfirmed(Why),
}

/// An accepted message.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub delivery: Delivery,
    /// One, in the end.
    pub fates: Vec<Fate>,
}

/// A scheduled dial.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    pub attempt: u32,
    pub told: Instant,
    pub at: Instant,
    pub cause: Cause,
}

/// What the application knows.
#[derive(Clone, Debug)]
pub struct Book {
    pub state: State,
    pub cause: Cause,
    pub conn: Option<ConnId>,
    pub stats: Stats,
    pub rtt: Option<RoundTrip>,
    pub queued: usize,
    pub accepted: BTreeMap<MessageId, Entry>,
    /// Outcomes of messages that were never accepted.
    pub strays: usize,
    pub refused: Vec<(String, Refusal)>,
    pub received: Vec<String>,
    pub events: Vec<(Instant, Event)>,
    pub retries: Vec<Retry>,
    /// When anything last arrived.
    pub last_sign_of_life: Instant,
    url: String,
    tokens: u32,
}

impl Book {
    /// How connections and dials ended, but for the close that was asked for.
    pub fn losses(&self) -> impl Iterator<Item = Loss> + '_ {
        self.events.iter().filter_map(|(_, event)| match event {
            Event::StateChanged { from: State::Closing, .. } => None,
            Event::StateChanged { cause: Cause::Lost(loss) | Cause::Stopped(loss), .. } => Some(*loss),
            _ => None,
        })
    }

    pub fn fate(&self, key: &str) -> Option<Fate> {
        self.accepted.values().find(|entry| entry.key == key)?.fates.first().copied()
    }

    pub fn settled(&self) -> bool {
        self.accepted.values().all(|entry| !entry.fates.is_empty())
    }
}

struct Shared {
    book: Mutex<Book>,
    changed: Condvar,
}

/// Holds the book, and reads it while the session goes on.
#[derive(Clone)]
pub struct Reader(Arc<Shared>);

impl Reader {
    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().expect("no thread panicked")
    }

    pub fn book(&self) -> Book {
        self.lock().clone()
    }

    /// Where dials go from now on.
    pub fn set_url(&self, url: String) {
        self.lock().url = url;
    }

    /// Waits until the book is as it should be.
    pub fn wait(&self, what: &str, mut reached: impl FnMut(&Book) -> bool) -> Book {
        let waited = self.0.changed.wait_timeout_while(self.lock(), PATIENCE, |book| !reached(book));
        let (book, timeout) = waited.expect("no thread panicked");
        assert!(!timeout.timed_out(), "waited in vain for the client: {what}; it is {} ({})", book.state, book.cause);
        book.clone()
    }

    pub fn wait_state(&self, state: State) -> Book {
        self.wait(&format!("state {state}"), |book| book.state == state)
    }

    /// Waits for a loss after those in `before`.
    pub fn wait_loss(&self, before: &Book, loss: Loss) -> Book {
        let known = before.losses().count();
        self.wait(&format!("a loss: {loss}"), |book| book.losses().skip(known).any(|found| found == loss))
    }
}

/// The application itself. It greets with a token, subscribes, and is ready when that is confirmed.
pub struct Witness {
    shared: Arc<Shared>,
    diary: Diary,
}

impl Witness {
    pub fn new(url: String, diary: Diary) -> (Self, Reader) {
        let book = Book {
            state: State::Idle,
            cause: Cause::Requested,
            conn: None,
            stats: Stats::default(),
            rtt: None,
            queued: 0,
            accepted: BTreeMap::new(),
            strays: 0,
            refused: Vec::new(),
            received: Vec::new(),
            events: Vec::new(),
            retries: Vec::new(),
            last_sign_of_life: Instant::ORIGIN,
            url,
            tokens: 0,
        };
        let shared = Arc::new(Shared { book: Mutex::new(book), changed: Condvar::new() });
        (Self { shared: Arc::clone(&shared), diary }, Reader(shared))
    }

    fn deliver(book: &mut Book, text: &str, answers: &mut Vec<Say>) {
        book.received.push(text.to_owned());
        match (text, book.conn) {
            ("subscribed", Some(conn)) => answers.push(Say::Input(Input::Ready { conn })),
            (ack, _) => {
                let key = ack.strip_prefix("ack ");
                let found = key.and_then(|key| book.accepted.iter().find(|(_, entry)| entry.key == key));
                answers.extend(found.map(|(id, _)| Say::Input(Input::Acked { id: *id })));
            }
        }
    }
}

impl App for Witness {
    fn url(&mut self, _attempt: u32) -> String {
        let mut book = self.shared.book.lock().expect("no thread panicked");
        book.tokens += 1;
        format!("{}?token=t{}", book.url, book.tokens)
    }

    fn tell(&mut self, now: Instant, action: Action<Message>, answers: &mut Vec<Say>) {
        let shared = Arc::clone(&self.shared);
        let mut book = shared.book.lock().expect("no thread panicked");
        match action {
            Action::Deliver(message) => {
                book.last_sign_of_life = now;
                if let Message::Text(text) = message {
                    Self::deliver(&mut book, &text, answers);
                }
            }
            Action::Event(event) => {
                if let Event::StateChanged { cause: Cause::Opened, .. } = event {
                    let hello = format!("hello t{}", book.tokens);
                    answers.push(Say::Send(Outgoing::connection(Message::text(hello), 8)));
                    answers.push(Say::Send(Outgoing::connection(Message::text("subscribe news"), 14)));
                }
                book.events.push((now, event));
                self.diary.line(&describe(event));
            }
            Action::ScheduleReconnect { attempt, at, cause } => {
                book.retries.push(Retry { attempt, told: now, at, cause });
                let delay = at.saturating_since(now);
                self.diary.line(&format!("retry {attempt} in {delay:.0?}: {cause}"));
            }
            Action::Outcome { id, outcome } => {
                let fate = fate(&outcome);
                match book.accepted.get_mut(&id) {
                    Some(entry) => entry.fates.push(fate),
                    None => book.strays += 1,
                }
                self.diary.outcome(id, fate);
            }
            Action::Connect { .. } | Action::Abort { .. } | Action::Ping { .. } | Action::Close { .. } => {}
        }
        shared.changed.notify_all();
    }

    fn sent(&mut self, outgoing: Outgoing<Message>, result: Result<MessageId, Refusal>) {
        let shared = Arc::clone(&self.shared);
        let mut book = shared.book.lock().expect("no thread panicked");
        let text = outgoing.message().to_text().unwrap_or("binary");
        let key = text.split(' ').next().unwrap_or_default().to_owned();
        match result {
            Ok(id) => {
                book.accepted.insert(id, Entry { key, delivery: outgoing.delivery(), fates: Vec::new() });
            }
            Err(refusal) => {
                self.diary.line(&format!("{key} refused: {refusal}"));
                book.refused.push((key, refusal));
            }
        }
        shared.changed.notify_all();
    }

    fn watch(&mut self, now: Instant, session: &Session<Message>) {
        let shared = Arc::clone(&self.shared);
        let mut book = shared.book.lock().expect("no thread panicked");
        let pongs = session.stats().pongs;
        if let (true, Some(rtt)) = (pongs > book.stats.pongs, session.rtt()) {
            book.last_sign_of_life = now;
            self.diary.line(&format!("pong: round trip {:.1?}, smoothed {:.1?}", rtt.latest, rtt.smoothed));
        }
        book.state = session.state();
        book.cause = session.cause();
        book.conn = session.conn();
        book.rtt = session.rtt();
        book.stats = session.stats();
        book.queued = session.queued();
        shared.changed.notify_all();
    }
}

fn fate(outcome: &Outcome<Message>) -> Fate {
    match outcome {
        Outcome::Committed => Fate::Committed,
        Outcome::Acked => Fate::Acked,
        Outcome::Returned(why, _) => Fate::Returned(*why),
        Outcome::Unconfirmed(why, _) => Fate::Unconfirmed(*why),
    }
}

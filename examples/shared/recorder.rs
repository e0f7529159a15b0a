//! An application that records everything: what was reported to it, and what became of each message.
#![allow(dead_code)] // The tour and the tests each use their part.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use heartline::event::Cause;
use heartline::message::{Delivery, Refusal};
use heartline::stats::Stats;
use heartline::{Action, ConnId, Event, Input, Loss, MessageId, Outcome, Outgoing, Session, State, Timestamp};
use tungstenite::Message;

use crate::application::{Application, Command};
use crate::faults::PATIENCE;
use crate::logger::Logger;

/// An accepted message.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub delivery: Delivery,
    /// One, in the end.
    pub outcomes: Vec<Outcome<()>>,
}

/// A scheduled dial.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    pub attempt: u32,
    pub reported: Timestamp,
    pub at: Timestamp,
    pub cause: Cause,
}

impl Retry {
    pub fn delay(&self) -> Duration {
        self.at.saturating_since(self.reported)
    }
}

/// What the application knows.
#[derive(Clone, Debug)]
pub struct Record {
    pub state: State,
    pub cause: Cause,
    pub conn: Option<ConnId>,
    pub stats: Stats,
    pub round_trip: Option<Duration>,
    pub queued: usize,
    pub accepted: BTreeMap<MessageId, Entry>,
    /// Outcomes of messages that were never accepted.
    pub strays: usize,
    pub refused: Vec<(String, Refusal)>,
    pub received: Vec<String>,
    pub events: Vec<(Timestamp, Event)>,
    pub retries: Vec<Retry>,
    /// When anything last arrived.
    pub last_sign_of_life: Timestamp,
    url: String,
    tokens: u32,
}

impl Record {
    /// How connections and dials ended, but for the close that was asked for.
    pub fn losses(&self) -> impl Iterator<Item = Loss> + '_ {
        self.events.iter().filter_map(|(_, event)| match event {
            Event::StateChanged { from: State::Closing, .. } => None,
            Event::StateChanged { cause: Cause::Lost(loss) | Cause::Stopped(loss), .. } => Some(*loss),
            _ => None,
        })
    }

    /// Whether this event was reported, the first `known` ones aside.
    pub fn has_event(&self, event: Event, known: usize) -> bool {
        self.events[known..].iter().any(|(_, reported)| *reported == event)
    }

    pub fn outcome(&self, key: &str) -> Option<Outcome<()>> {
        self.accepted.values().find(|entry| entry.key == key)?.outcomes.first().cloned()
    }

    /// Whether this many messages with a number were accepted or refused, and each of the accepted has its outcome.
    fn settled(&self, count: usize) -> bool {
        let numbered = |key: &str| key.contains(':');
        let accepted = self.accepted.values().filter(|entry| numbered(&entry.key)).count();
        let refused = self.refused.iter().filter(|(key, _)| numbered(key)).count();
        accepted + refused == count && self.accepted.values().all(|entry| !entry.outcomes.is_empty())
    }
}

/// Reads the record while the session goes on.
#[derive(Clone)]
pub struct Monitor(Arc<(Mutex<Record>, Condvar)>);

impl Monitor {
    fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.0.lock().expect("no thread panicked")
    }

    fn change(&self, change: impl FnOnce(&mut Record)) {
        change(&mut self.lock());
        self.0.1.notify_all();
    }

    pub fn record(&self) -> Record {
        self.lock().clone()
    }

    /// Where dials go from now on.
    pub fn set_url(&self, url: String) {
        self.lock().url = url;
    }

    pub fn wait(&self, what: &str, mut reached: impl FnMut(&Record) -> bool) -> Record {
        let waited = self.0.1.wait_timeout_while(self.lock(), PATIENCE, |record| !reached(record));
        let (record, timeout) = waited.expect("no thread panicked");
        assert!(!timeout.timed_out(), "waited in vain for {what}; it is {} ({})", record.state, record.cause);
        record.clone()
    }

    pub fn wait_state(&self, state: State) -> Record {
        self.wait(&format!("state {state}"), |record| record.state == state)
    }

    /// Waits for a loss after those in `before`.
    pub fn wait_loss(&self, before: &Record, loss: Loss) -> Record {
        let known = before.losses().count();
        self.wait(&format!("a loss: {loss}"), |record| record.losses().skip(known).any(|found| found == loss))
    }

    /// Waits until the `count` numbered messages were accepted or refused, and have their outcomes if accepted.
    pub fn wait_settled(&self, count: usize) -> Record {
        self.wait("an outcome for everything", |record| record.settled(count))
    }
}

/// A message with a number, by turns `AtLeastOnce` and `AtMostOnce`.
pub fn numbered(number: usize, size: usize) -> Command {
    let pad = "x".repeat(size);
    Command::Send(if number % 2 == 0 {
        Outgoing::at_most_once(Message::text(format!("amo:{number} {pad}")), size)
    } else {
        Outgoing::at_least_once(Message::text(format!("alo:{number} {pad}")), size)
    })
}

type Hook = Box<dyn FnMut(&Action<Message>) + Send>;

/// The application itself. It greets with a token, subscribes, and is ready when that is confirmed.
pub struct Recorder {
    monitor: Monitor,
    logger: Logger,
    /// Called first with each action, for an application that takes its time.
    pub before_action: Hook,
}

impl Recorder {
    pub fn new(url: String, logger: Logger) -> (Self, Monitor) {
        let record = Record {
            state: State::Idle,
            cause: Cause::Requested,
            conn: None,
            stats: Stats::default(),
            round_trip: None,
            queued: 0,
            accepted: BTreeMap::new(),
            strays: 0,
            refused: Vec::new(),
            received: Vec::new(),
            events: Vec::new(),
            retries: Vec::new(),
            last_sign_of_life: Timestamp::ORIGIN,
            url,
            tokens: 0,
        };
        let monitor = Monitor(Arc::new((Mutex::new(record), Condvar::new())));
        (Self { monitor: monitor.clone(), logger, before_action: Box::new(|_| {}) }, monitor)
    }

    fn greet(record: &Record, commands: &mut VecDeque<Command>) {
        for text in [format!("hello t{}", record.tokens), "subscribe news".into()] {
            let size = text.len();
            commands.push_back(Command::Send(Outgoing::this_connection(Message::text(text), size)));
        }
    }
}

impl Application for Recorder {
    fn url(&mut self, _attempt: u32, _renew: bool) -> String {
        let mut record = self.monitor.lock();
        record.tokens += 1;
        format!("{}?token=t{}", record.url, record.tokens)
    }

    fn on_message(&mut self, now: Timestamp, message: Message, commands: &mut VecDeque<Command>) {
        self.monitor.change(|record| {
            record.last_sign_of_life = now;
            let Message::Text(text) = message else { return };
            if let ("subscribed", Some(conn)) = (text.as_str(), record.conn) {
                commands.push_back(Command::Input(Input::Ready { conn }));
            }
            if let Some(key) = text.strip_prefix("ack ") {
                let found = record.accepted.iter().find(|(_, entry)| entry.key == key);
                commands.extend(found.map(|(id, _)| Command::Input(Input::Acked { id: *id })));
            }
            record.received.push(text.to_string());
        });
    }

    fn on_action(&mut self, now: Timestamp, action: Action<Message>, commands: &mut VecDeque<Command>) {
        (self.before_action)(&action);
        self.monitor.change(|record| match action {
            Action::Event(event) => {
                if let Event::StateChanged { cause: Cause::Opened, .. } = event {
                    Self::greet(record, commands);
                }
                record.events.push((now, event));
                self.logger.line(&event.to_string());
            }
            Action::ScheduleReconnect { attempt, at, cause, .. } => {
                let retry = Retry { attempt, reported: now, at, cause };
                record.retries.push(retry);
                self.logger.line(&format!("retry {attempt} in {:.0?}: {cause}", retry.delay()));
            }
            Action::Outcome { id, outcome, .. } => {
                let outcome = without_message(outcome);
                self.logger.outcome(id, &outcome);
                match record.accepted.get_mut(&id) {
                    Some(entry) => entry.outcomes.push(outcome),
                    None => record.strays += 1,
                }
            }
            _ => {}
        });
    }

    fn on_send(&mut self, outgoing: Outgoing<Message>, result: Result<MessageId, Refusal>) {
        let text = outgoing.message().to_text().unwrap_or("binary");
        let key = text.split(' ').next().unwrap_or_default().to_owned();
        self.monitor.change(|record| match result {
            Ok(id) => {
                let entry = Entry { key, delivery: outgoing.delivery(), outcomes: Vec::new() };
                record.accepted.insert(id, entry);
            }
            Err(refusal) => {
                self.logger.line(&format!("{key} refused: {refusal}"));
                record.refused.push((key, refusal));
            }
        });
    }

    fn after_step(&mut self, now: Timestamp, session: &Session<Message>) {
        self.monitor.change(|record| {
            if let (true, Some(rtt)) = (session.stats().pongs > record.stats.pongs, session.rtt()) {
                record.last_sign_of_life = now;
                self.logger.line(&format!("pong: round trip {:.1?}, smoothed {:.1?}", rtt.latest, rtt.smoothed));
            }
            record.state = session.state();
            record.cause = session.cause();
            record.conn = session.conn();
            record.round_trip = session.rtt().map(|rtt| rtt.latest);
            record.stats = session.stats();
            record.queued = session.queued();
        });
    }
}

fn without_message(outcome: Outcome<Message>) -> Outcome<()> {
    match outcome {
        Outcome::Transmitted => Outcome::Transmitted,
        Outcome::Acked => Outcome::Acked,
        Outcome::Returned(reason, _) => Outcome::Returned(reason, ()),
        Outcome::Unconfirmed(reason, _) => Outcome::Unconfirmed(reason, ()),
    }
}

//! A client on a real socket, and the server it talks to.

use std::io;
use std::time::Duration;

use heartline::{Backoff, Config, Input, Jitter, Limits, Loss, Outgoing, Overflow, Pulse, Rhythm, Settings};
use tungstenite::Message;

use crate::app::{Running, Say};
use crate::diary::Diary;
use crate::faults::{Log, Mode, Server};
use crate::tally::Tally;
use crate::witness::{Book, Reader, Witness};

pub const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// No deadline is near that a test does not wait for: on a busy machine nothing else must come first.
pub fn patient() -> Settings {
    Settings {
        heartbeat: Pulse { rhythm: Rhythm::Off, slow_after: None, late_tolerance: Duration::from_secs(60) },
        connect_timeout: Duration::from_secs(15),
        greeting_timeout: Some(Duration::from_secs(15)),
        close_timeout: Duration::from_secs(15),
        backoff: Backoff { min: millis(30), ..Backoff::exponential(millis(40), millis(80), Jitter::Equal) },
        min_dial_gap: millis(10),
        stable_after: Duration::from_secs(60),
        outbox: Limits {
            max_messages: 1024,
            max_bytes: 16 << 20,
            overflow: Overflow::Refuse,
            ack_window: 64,
            max_deliveries: 20,
        },
        ..Settings::default()
    }
}

/// A client at work, and how many messages it was given.
pub struct Client {
    running: Box<dyn Running>,
    pub reader: Reader,
    sent: usize,
    connects: usize,
}

impl Client {
    /// Starts one that does not dial yet.
    pub fn start<R: Running + 'static>(
        spawn: impl FnOnce(Config, u64, Witness) -> io::Result<R>,
        url: String,
        settings: Settings,
    ) -> Self {
        let (witness, reader) = Witness::new(url, Diary::silent());
        let config = Config::new(settings).expect("a valid config");
        let running = Box::new(spawn(config, 7, witness).expect("a driver"));
        Self { running, reader, sent: 0, connects: 0 }
    }

    pub fn connect(&mut self) {
        self.connects += 1;
        self.input(Input::Connect);
    }

    pub fn input(&self, input: Input<Message>) {
        self.running.say(Say::Input(input));
    }

    /// So many messages of a size, by turns `AtLeastOnce` and `Once`.
    pub fn send(&mut self, count: usize, size: usize) {
        for _ in 0..count {
            self.sent += 1;
            let pad = "x".repeat(size);
            let outgoing = if self.sent % 2 == 0 {
                let text = format!("once:{} {pad}", self.sent);
                Outgoing::once(Message::text(text), size)
            } else {
                let text = format!("alo:{} {pad}", self.sent);
                Outgoing::at_least_once(Message::text(text), size)
            };
            self.running.say(Say::Send(outgoing));
        }
    }

    /// Waits until everything sent so far was accepted or refused, and has its outcome if accepted.
    pub fn settle(&self) -> Book {
        let numbered = |key: &str| key.contains(':');
        self.reader.wait("an outcome for everything", |book| {
            let accepted = book.accepted.values().filter(|entry| numbered(&entry.key)).count();
            let refused = book.refused.iter().filter(|(key, _)| numbered(key)).count();
            accepted + refused == self.sent && book.settled()
        })
    }

    /// Drains, closes, and settles the account with the server: nothing lost, nothing doubled, every dial
    /// scheduled or asked for, every token fresh, every greeting first.
    pub fn finish(self, server: &Server) -> (Book, Log) {
        self.input(Input::close_within(Duration::from_secs(15)));
        self.running.join();
        let (book, log) = (self.reader.book(), server.finish());
        let tally = Tally::new(&book, &log);
        assert!(tally.is_clean(), "\n{tally}");
        assert!(
            book.stats.dials as usize <= book.retries.len() + self.connects,
            "{} dials: {:?}",
            book.stats.dials,
            book.retries
        );
        let mut tokens = log.tokens.clone();
        tokens.sort();
        tokens.dedup();
        assert_eq!(tokens.len(), log.tokens.len(), "a token was used twice");
        for keys in &log.connections {
            let greeting = keys.iter().zip(["hello", "subscribe"]);
            assert!(greeting.clone().all(|(key, first)| key == first), "{keys:?}");
        }
        (book, log)
    }
}

/// A server in this mode, a client that dials it, and one message of each kind on the way.
pub fn meet<R: Running + 'static>(
    spawn: impl FnOnce(Config, u64, Witness) -> io::Result<R>,
    mode: Mode,
    settings: Settings,
) -> (Server, Client) {
    let server = Server::start(mode);
    let mut client = Client::start(spawn, server.url(), settings);
    client.send(2, 20);
    client.connect();
    (server, client)
}

/// A server in this mode costs a loss, again and again but not in a hot loop; when it has come to its senses,
/// everything arrives.
pub fn survives<R: Running + 'static>(
    spawn: impl FnOnce(Config, u64, Witness) -> io::Result<R>,
    mode: Mode,
    loss: Loss,
) {
    let (server, client) = meet(spawn, mode, patient());
    let book = client.reader.wait("three losses", |book| book.losses().count() >= 3);
    assert!(book.losses().all(|found| found == loss), "{loss:?} expected: {:?}", book.losses().collect::<Vec<_>>());
    for retry in &book.retries {
        assert!(retry.at.saturating_since(retry.told) >= patient().backoff.min, "a hot loop: {retry:?}");
    }
    server.set_mode(Mode::ECHO);
    client.settle();
    client.finish(&server);
}

//! The tour: one session, walked through one fault after the other, by whichever driver.

use std::io;
use std::time::{Duration, Instant as Clock};

use heartline::{
    Backoff, Cause, CloseCode, Config, Event, Input, Instant, Jitter, Limits, Loss, Outgoing, Overflow, Pulse, Rhythm,
    Settings, State, Transport, Why,
};
use tungstenite::Message;

use crate::app::{Running, Say};
use crate::diary::Diary;
use crate::faults::{Mode, Server};
use crate::relay::Relay;
use crate::tally::Tally;
use crate::witness::{Book, Fate, Reader, Witness};

const LIMIT: usize = 128 * 1024;
const CHUNK: usize = 60 * 1024;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Everything is short, so that the tour is.
pub fn config() -> Config {
    Config::new(Settings {
        heartbeat: Pulse {
            rhythm: Rhythm::WhenIdle { interval: millis(300), timeout: millis(400) },
            slow_after: Some(millis(150)),
            late_tolerance: Duration::from_secs(5),
        },
        connect_timeout: Duration::from_secs(2),
        greeting_timeout: Some(millis(500)),
        close_timeout: Duration::from_secs(1),
        backoff: Backoff { min: millis(20), ..Backoff::exponential(millis(100), millis(400), Jitter::Equal) },
        min_dial_gap: millis(20),
        stable_after: millis(200),
        outbox: Limits {
            max_messages: 1024,
            max_bytes: 16 << 20,
            overflow: Overflow::Refuse,
            ack_window: 64,
            max_deliveries: 4,
        },
        ..Settings::default()
    })
    .expect("these settings are valid")
}

/// The session and the world around it.
struct Tour {
    began: Clock,
    diary: Diary,
    client: Box<dyn Running>,
    reader: Reader,
    server: Server,
    relay: Relay,
    sent: usize,
}

/// Walks through everything with the driver that `start` starts. True if the account is as it must be.
pub fn run<R: Running + 'static>(start: impl FnOnce(Config, u64, Witness) -> io::Result<R>) -> io::Result<bool> {
    let (began, diary, server) = (Clock::now(), Diary::new(), Server::reserve(Mode::Echo { limit: LIMIT }));
    let (witness, reader) = Witness::new(server.url(), diary.clone());
    let seed = getrandom::u64().map_err(io::Error::other)?;
    let client = Box::new(start(config(), seed, witness)?);
    let relay = Relay::start(server.address());
    let mut tour = Tour { began, diary, client, reader, server, relay, sent: 0 };
    tour.diary.line(&format!("seed {seed}, server at {}", tour.server.address()));
    tour.queued_before_the_first_open();
    tour.server_killed_and_restarted();
    tour.mute_server();
    tour.silent_link();
    tour.accept_then_close();
    tour.refused_with_retry_after();
    tour.message_over_the_limit();
    tour.drain_and_close();
    Ok(tour.account())
}

impl Tour {
    fn chapter(&self, title: &str) {
        self.diary.line(&format!("== {title}"));
    }

    fn note(&self, text: &str) {
        self.diary.line(&format!("   {text}"));
    }

    /// So many messages of a size, by turns `Once` and `AtLeastOnce`.
    fn send(&mut self, count: usize, size: usize) {
        for _ in 0..count {
            self.sent += 1;
            let pad = "x".repeat(size);
            let outgoing = if self.sent % 2 == 0 {
                let text = format!("once:{} {pad}", self.sent);
                Outgoing::once(Message::text(text.clone()), text.len())
            } else {
                let text = format!("alo:{} {pad}", self.sent);
                Outgoing::at_least_once(Message::text(text.clone()), text.len())
            };
            self.client.say(Say::Send(outgoing));
        }
    }

    /// Until everything said so far was accepted and has its outcome.
    fn settle(&self) {
        let count = self.sent;
        let numbered = |key: &str| key.contains(':');
        self.reader.wait("an outcome for everything", |book| {
            let accepted = book.accepted.values().filter(|entry| numbered(&entry.key)).count();
            let refused = book.refused.iter().filter(|(key, _)| numbered(key)).count();
            accepted + refused == count && book.settled()
        });
    }

    fn queued_before_the_first_open(&mut self) {
        self.chapter("messages queued before the first open, to a server that is not up yet");
        self.send(6, 20);
        self.client.say(Say::Input(Input::Connect));
        self.reader.wait("two refused dials", |book| book.retries.len() >= 2);
        self.server.restart();
        self.settle();
        self.chapter("nothing to say for a while: pings");
        let pongs = self.reader.book().stats.pongs;
        self.reader.wait("three pongs", |book| book.stats.pongs >= pongs + 3);
    }

    fn server_killed_and_restarted(&mut self) {
        self.chapter("the server is killed and restarted on the same port, while messages go on being sent");
        let before = self.reader.book();
        self.send(40, 20);
        self.server.wait("some of them", |log| log.times_seen("alo:17") > 0);
        self.server.kill();
        self.note("killed");
        self.send(20, 20);
        let loss = Loss::Transport(Transport::Connect);
        self.reader.wait_loss(&before, loss);
        self.send(20, 20);
        self.server.restart();
        self.note("restarted");
        self.send(20, 20);
        self.settle();
    }

    fn mute_server(&mut self) {
        self.chapter("a server that accepts and then says nothing");
        let before = self.reader.book();
        self.server.set_mode(Mode::AfterHandshake(Vec::new()));
        self.server.reset_connections();
        self.send(4, 20);
        self.reader.wait_loss(&before, Loss::GreetingTimeout);
        self.server.set_mode(Mode::Echo { limit: LIMIT });
        self.settle();
    }

    fn silent_link(&mut self) {
        self.chapter("a link that goes silent without closing, while socket buffers fill up");
        self.reader.set_url(self.relay.url());
        let before = self.reader.book();
        self.server.reset_connections();
        self.reader.wait("to be open again", |book| book.state == State::Open && book.stats.ready > before.stats.ready);
        self.send(4, 20);
        self.settle();
        let told = self.reader.book().events.len();
        self.relay.silence();
        self.note("silent, but only for a moment");
        self.reader.wait("degraded", |book| book.events[told..].iter().any(|(_, event)| *event == Event::Degraded));
        self.relay.resume();
        self.reader.wait("an end of that", |book| {
            let end = |event: &Event| *event == Event::Recovered || is_heartbeat_timeout(*event);
            book.state == State::Open && book.events[told..].iter().any(|(_, event)| end(event))
        });
        let before = self.reader.book();
        self.relay.silence();
        self.note("silent");
        self.send(160, CHUNK);
        let book = self.reader.wait_loss(&before, Loss::HeartbeatTimeout);
        let found = book.events.iter().rev().find(|(_, event)| is_heartbeat_timeout(*event));
        let (found, bound) = (found.map_or(Instant::ORIGIN, |(at, _)| *at), config().detection_time());
        let took = found.saturating_since(book.last_sign_of_life);
        self.note(&format!(
            "found dead {took:.1?} after the last sign of life (bound {:.1?} for a timer on time), with {} messages still waiting for room",
            bound.unwrap_or_default(),
            book.queued
        ));
        self.relay.heal();
        self.settle();
        self.reader.set_url(self.server.url());
    }

    fn accept_then_close(&mut self) {
        self.chapter("a server that accepts and closes at once, several times");
        let before = self.reader.book();
        self.server.set_mode(Mode::CloseAtOnce(Some(1011)));
        self.server.reset_connections();
        self.send(4, 20);
        let thrice = |losses: usize| move |book: &Book| book.losses().count() >= losses + 4;
        let book = self.reader.wait("three more losses", thrice(before.losses().count()));
        self.server.set_mode(Mode::Echo { limit: LIMIT });
        let last = book.retries.last().map_or(0, |retry| retry.attempt);
        self.note(&format!("now at attempt {last}: being accepted does not reset the backoff"));
        self.settle();
    }

    fn refused_with_retry_after(&mut self) {
        self.chapter("a dial refused with 503 and Retry-After: 1");
        let before = self.reader.book();
        self.server.set_mode(Mode::http("503 Service Unavailable\r\nRetry-After: 1"));
        self.server.reset_connections();
        self.send(4, 20);
        self.reader.wait_loss(&before, Loss::Status(503));
        self.server.set_mode(Mode::Echo { limit: LIMIT });
        self.settle();
    }

    fn message_over_the_limit(&mut self) {
        self.chapter("a message over the server's limit: closed with 1009, and it must not come back for ever");
        let key = format!("alo:{}", self.sent + 1);
        self.send(1, LIMIT + 1);
        self.send(3, 20);
        let over = Some(Fate::Unconfirmed(Why::MaxDeliveries));
        self.reader.wait("the end of it", |book| book.fate(&key) == over);
        self.settle();
    }

    fn drain_and_close(&mut self) {
        self.chapter("a drain and a clean close");
        self.reader.wait_state(State::Open);
        self.send(20, 20);
        self.client.say(Say::Input(Input::close_within(Duration::from_secs(3))));
        self.send(1, 20);
        let book = self.reader.wait_state(State::Closed);
        let code = CloseCode::NORMAL.get();
        let clean = book.cause == Cause::Lost(Loss::Close(code));
        self.note(if clean { "the server answered with 1000" } else { "the close was not clean" });
    }

    fn account(self) -> bool {
        self.client.join();
        let (log, book) = (self.server.finish(), self.reader.book());
        let tally = Tally::new(&book, &log);
        let fresh = log.tokens.iter().collect::<std::collections::BTreeSet<_>>().len() == log.tokens.len();
        let greeted = |keys: &Vec<String>| keys.iter().zip(["hello", "subscribe"]).all(|(key, first)| key == first);
        let subscribed = log.connections.iter().all(greeted);
        let closed = log.closes.last() == Some(&1000) && book.cause == Cause::Lost(Loss::Close(1000));
        println!("\n{tally}");
        println!(
            "  {} dials, {} reached the server, each with a fresh token: {fresh}",
            book.stats.dials,
            log.tokens.len()
        );
        println!("  {} openings, the subscription before all else: {subscribed}", log.connections.len());
        println!("  closed cleanly with 1000: {closed}");
        println!("  {:.1?} in all", self.began.elapsed());
        tally.is_clean() && fresh && subscribed && closed
    }
}

fn is_heartbeat_timeout(event: Event) -> bool {
    matches!(event, Event::StateChanged { cause: Cause::Lost(Loss::HeartbeatTimeout), .. })
}

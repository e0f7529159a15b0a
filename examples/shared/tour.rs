//! The tour: one session, walked through one fault after the other, by whichever driver.

use std::io;
use std::time::{Duration, Instant};

use heartline::backoff::{Backoff, Jitter};
use heartline::event::Cause;
use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline::loss::TransportError;
use heartline::message::Reason;
use heartline::outbox::OutboxConfig;
use heartline::{CloseCode, Config, Event, Loss, Outcome, Settings, State, Timestamp};

use crate::application::RunningDriver;
use crate::client::Client;
use crate::faults::{Mode, Server};
use crate::logger::Logger;
use crate::recorder::Recorder;
use crate::relay::Relay;

const LIMIT: usize = 128 * 1024;
const CHUNK: usize = 60 * 1024;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Everything is short, so that the tour is.
pub fn config() -> Config {
    Config::new(Settings {
        heartbeat: HeartbeatConfig {
            mode: HeartbeatMode::WhenIdle { interval: millis(300), timeout: millis(400) },
            slow_after: Some(millis(150)),
            late_tolerance: Duration::from_secs(5),
        },
        connect_timeout: Duration::from_secs(2),
        greeting_timeout: Some(millis(500)),
        close_timeout: Duration::from_secs(1),
        backoff: Backoff { min: millis(20), ..Backoff::exponential(millis(100), millis(400), Jitter::Equal) },
        min_dial_gap: millis(20),
        stable_after: millis(200),
        outbox: OutboxConfig { max_bytes: 16 << 20, max_losses: 4, ..OutboxConfig::default() },
        ..Settings::default()
    })
    .expect("these settings are valid")
}

/// The session and the world around it.
struct Tour {
    began: Instant,
    logger: Logger,
    client: Client,
    server: Server,
    relay: Relay,
}

/// Walks through everything with the driver that `spawn` starts. True if the audit finds nothing.
pub fn run<D: RunningDriver + 'static>(spawn: impl FnOnce(Config, u64, Recorder) -> io::Result<D>) -> io::Result<bool> {
    let (began, logger, server) = (Instant::now(), Logger::new(), Server::reserve(Mode::Echo { limit: LIMIT }));
    let seed = getrandom::u64().map_err(io::Error::other)?;
    let client = Client::start(spawn, server.url(), (config(), seed), logger.clone())?;
    let relay = Relay::start(server.address());
    let mut tour = Tour { began, logger, client, server, relay };
    tour.logger.line(&format!("seed {seed}, server at {}", tour.server.address()));
    tour.queued_before_the_first_open();
    tour.server_killed_and_restarted();
    tour.mute_server();
    tour.silent_link();
    tour.accept_then_close();
    tour.refused_with_retry_after();
    tour.message_over_the_limit();
    tour.drain_and_close();
    Ok(tour.audit())
}

impl Tour {
    fn chapter(&self, title: &str) {
        self.logger.line(&format!("== {title}"));
    }

    fn note(&self, text: &str) {
        self.logger.line(&format!("   {text}"));
    }

    /// The server does this to the connection that there is, and to those that come.
    fn switch(&self, mode: Mode) {
        self.server.set_mode(mode);
        self.server.reset_connections();
    }

    fn recover(&self) {
        self.server.set_mode(Mode::Echo { limit: LIMIT });
        self.client.settle();
    }

    fn queued_before_the_first_open(&mut self) {
        self.chapter("messages queued before the first open, to a server that is not up yet");
        self.client.send(6, 20);
        self.client.connect();
        self.client.monitor.wait("two refused dials", |record| record.retries.len() >= 2);
        self.server.restart();
        self.client.settle();
        self.chapter("nothing to send for a while: pings");
        let pongs = self.client.record().stats.pongs;
        self.client.monitor.wait("three pongs", |record| record.stats.pongs >= pongs + 3);
    }

    fn server_killed_and_restarted(&mut self) {
        self.chapter("the server is killed and restarted on the same port, while messages go on being sent");
        let before = self.client.record();
        self.client.send(40, 20);
        self.server.wait("some of them", |log| log.times_seen("alo:17") > 0);
        self.server.kill();
        self.note("killed");
        self.client.send(20, 20);
        let loss = Loss::Transport(TransportError::Connect);
        self.client.monitor.wait_loss(&before, loss);
        self.client.send(20, 20);
        self.server.restart();
        self.note("restarted");
        self.client.send(20, 20);
        self.client.settle();
    }

    fn mute_server(&mut self) {
        self.chapter("a server that accepts and then sends nothing");
        let before = self.client.record();
        self.switch(Mode::AfterHandshake(Vec::new()));
        self.client.send(4, 20);
        self.client.monitor.wait_loss(&before, Loss::GreetingTimeout);
        self.recover();
    }

    fn silent_link(&mut self) {
        self.chapter("a link that goes silent without closing, while socket buffers fill up");
        self.client.monitor.set_url(self.relay.url());
        let before = self.client.record();
        self.server.reset_connections();
        self.client
            .monitor
            .wait("to be open again", |record| record.state == State::Open && record.stats.ready > before.stats.ready);
        self.client.send(4, 20);
        self.client.settle();
        let known = self.client.record().events.len();
        self.relay.silence();
        self.note("silent, but only for a moment");
        self.client.monitor.wait("degraded", |record| record.has_event(Event::Degraded, known));
        self.relay.resume();
        self.client.monitor.wait("an end of that", |record| {
            let end = |event: &Event| *event == Event::Recovered || is_heartbeat_timeout(*event);
            record.state == State::Open && record.events[known..].iter().any(|(_, event)| end(event))
        });
        let before = self.client.record();
        self.relay.silence();
        self.note("silent");
        self.client.send(160, CHUNK);
        let record = self.client.monitor.wait_loss(&before, Loss::HeartbeatTimeout);
        let found = record.events.iter().rev().find(|(_, event)| is_heartbeat_timeout(*event));
        let (found, bound) = (found.map_or(Timestamp::ORIGIN, |(at, _)| *at), config().detection_time());
        let took = found.saturating_since(record.last_sign_of_life);
        self.note(&format!(
            "found dead {took:.1?} after the last proof of life (bound {:.1?} for a timer on time), with {} messages still waiting for room",
            bound.unwrap_or_default(),
            record.queued
        ));
        self.relay.heal();
        self.client.settle();
        self.client.monitor.set_url(self.server.url());
    }

    fn accept_then_close(&mut self) {
        self.chapter("a server that accepts and closes at once, several times");
        let before = self.client.record();
        self.switch(Mode::CloseAtOnce(Some(1011)));
        self.client.send(4, 20);
        let enough = before.losses().count() + 4;
        let record = self.client.monitor.wait("three more losses", |record| record.losses().count() >= enough);
        self.server.set_mode(Mode::Echo { limit: LIMIT });
        let last = record.retries.last().map_or(0, |retry| retry.attempt);
        self.note(&format!("now at attempt {last}: being accepted does not reset the backoff"));
        self.client.settle();
    }

    fn refused_with_retry_after(&mut self) {
        self.chapter("a dial refused with 503 and Retry-After: 1");
        let before = self.client.record();
        self.switch(Mode::http("503 Service Unavailable\r\nRetry-After: 1"));
        self.client.send(4, 20);
        self.client.monitor.wait_loss(&before, Loss::Status(503));
        self.recover();
    }

    fn message_over_the_limit(&mut self) {
        self.chapter("a message over the server's limit: closed with 1009, and it must not come back for ever");
        let key = format!("alo:{}", self.client.sent + 1);
        self.client.send(1, LIMIT + 1);
        self.client.send(3, 20);
        let over = Some(Outcome::Unconfirmed(Reason::MaxLosses, ()));
        self.client.monitor.wait("the end of it", |record| record.outcome(&key) == over);
        self.client.settle();
    }

    fn drain_and_close(&mut self) {
        self.chapter("a drain and a clean close");
        self.client.monitor.wait_state(State::Open);
        self.client.send(20, 20);
        self.client.close(Duration::from_secs(3));
        self.client.send(1, 20);
        let record = self.client.monitor.wait_state(State::Closed);
        let code = CloseCode::NORMAL.get();
        let clean = record.cause == Cause::Lost(Loss::Close(code));
        self.note(if clean { "the server answered with 1000" } else { "the close was not clean" });
    }

    fn audit(self) -> bool {
        let (record, log, audit) = self.client.join(&self.server);
        let closed = log.closes.last() == Some(&1000) && record.cause == Cause::Lost(Loss::Close(1000));
        println!("\n{audit}");
        println!("  {} dials, of which {} reached the server", record.stats.dials, log.tokens.len());
        println!("  {} connections that were open", log.connections.len());
        println!("  closed cleanly with 1000: {closed}");
        println!("  {:.1?} in all", self.began.elapsed());
        audit.is_clean() && closed
    }
}

fn is_heartbeat_timeout(event: Event) -> bool {
    matches!(event, Event::StateChanged { cause: Cause::Lost(Loss::HeartbeatTimeout), .. })
}

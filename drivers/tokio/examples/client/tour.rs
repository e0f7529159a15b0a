//! The tour: one client, walked through one fault after the other.

use std::collections::BTreeSet;
use std::error::Error;
use std::time::{Duration, Instant};

use heartline_testkit::faults::{Behaviour, Link, Log, Server};
use heartline_tokio::heartline::heartbeat::HeartbeatConfig;
use heartline_tokio::{
    Backoff, Cause, EndReason, Event, HeartbeatMode, Jitter, Loss, OutboxConfig, Outcome, Reason, Settings, State,
    TransportError,
};
use tokio::task::block_in_place;

use crate::logger::Logger;
use crate::record::{Recorded, reply};

const LIMIT: usize = 128 * 1024;
const CHUNK: usize = 60 * 1024;
const PATH: &str = "/session";
/// Within this time a dead link is found, if the timer is on time.
const DETECTION: Duration = INTERVAL.saturating_add(TIMEOUT);
const INTERVAL: Duration = millis(300);
const TIMEOUT: Duration = millis(400);

type Done = Result<(), Box<dyn Error>>;

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Everything is short, so that the tour is.
fn settings() -> Settings {
    Settings {
        heartbeat: HeartbeatConfig {
            mode: HeartbeatMode::WhenIdle { interval: INTERVAL, timeout: TIMEOUT },
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
    }
}

/// The client and the world around it.
struct Tour {
    logger: Logger,
    it: Recorded,
    server: Server,
    link: Link,
}

/// Walks through everything. True if the accounts are in order.
pub async fn run() -> Result<bool, Box<dyn Error>> {
    let (logger, server) = (Logger::new(), Server::reserve(reply)?);
    let it = Recorded::start(server.url(PATH), settings(), logger.clone())?;
    let link = Link::to(server.address())?;
    logger.line(&format!("the server is to be at {}", server.address()));
    let mut tour = Tour { logger, it, server, link };
    tour.queued_before_the_first_open().await?;
    tour.server_killed_and_restarted().await?;
    tour.mute_server().await?;
    tour.link_that_stalls().await?;
    tour.silent_link().await?;
    tour.accept_then_close().await?;
    tour.refused_with_retry_after().await?;
    tour.message_over_the_limit().await?;
    tour.drain_and_close().await
}

impl Tour {
    fn chapter(&self, title: &str) {
        self.logger.line(&format!("== {title}"));
    }

    fn note(&self, text: &str) {
        self.logger.line(&format!("   {text}"));
    }

    fn known_losses(&self) -> usize {
        self.it.look(|record| record.losses.len())
    }

    /// The server does this to the connection that there is, and to those that come.
    fn switch(&self, behaviour: Behaviour) {
        self.server.behave(behaviour);
        self.server.reset_connections();
    }

    async fn recover(&self) -> Done {
        self.server.behave(Behaviour::Serve { limit: LIMIT });
        self.it.settle().await
    }

    async fn queued_before_the_first_open(&mut self) -> Done {
        self.chapter("messages queued before the first open, to a server that is not up yet");
        self.it.send(6, 20);
        self.it.client.resume();
        self.it.wait("two refused dials", |record| record.retries.len() >= 2).await?;
        self.server.restart()?;
        self.it.settle().await?;
        self.chapter("nothing to send for a while: pings");
        self.it.wait_pongs(3).await
    }

    async fn server_killed_and_restarted(&mut self) -> Done {
        self.chapter("the server is killed and restarted on the same port, while messages go on being sent");
        let known = self.known_losses();
        self.it.send(40, 20);
        block_in_place(|| self.server.wait("some of them", |log| log.times_seen("alo:17") > 0));
        block_in_place(|| self.server.kill())?;
        self.note("killed");
        self.it.send(20, 20);
        self.it.wait_loss(known, Loss::Transport(TransportError::Connect)).await?;
        self.it.send(20, 20);
        self.server.restart()?;
        self.note("restarted");
        self.it.send(20, 20);
        self.it.settle().await
    }

    async fn mute_server(&mut self) -> Done {
        self.chapter("a server that accepts and then sends nothing");
        let known = self.known_losses();
        self.switch(Behaviour::AfterHandshake(Vec::new()));
        self.it.send(4, 20);
        self.it.wait_loss(known, Loss::GreetingTimeout).await?;
        self.recover().await
    }

    async fn link_that_stalls(&mut self) -> Done {
        self.chapter("a link that stalls for a moment");
        self.it.dial_to(self.link.url(PATH));
        let ready = self.it.client.stats().session.ready;
        self.server.reset_connections();
        let client = self.it.client.clone();
        let open = move |state| state == State::Open && client.stats().session.ready > ready;
        self.it.wait("to be open again", |record| open(record.state)).await?;
        self.it.send(4, 20);
        self.it.settle().await?;
        let (known, known_losses) = (self.it.look(|record| record.events.len()), self.known_losses());
        self.link.silence();
        self.it.wait("degraded", |record| record.events[known..].contains(&Event::Degraded)).await?;
        self.link.resume();
        // On a busy machine it may be given up before it recovers.
        self.it
            .wait("an end of that", |record| {
                let over = record.events[known..].contains(&Event::Recovered) || record.losses.len() > known_losses;
                over && record.state == State::Open
            })
            .await
    }

    async fn silent_link(&mut self) -> Done {
        self.chapter("a link that goes silent without closing, while socket buffers fill up");
        let (known, silent) = (self.known_losses(), Instant::now());
        self.link.silence();
        self.it.send(160, CHUNK);
        self.it.wait_loss(known, Loss::HeartbeatTimeout).await?;
        let found = self.it.look(|record| record.losses[known..].first().map(|(at, _)| *at));
        self.note(&format!(
            "found dead after {:.1?} (bound {DETECTION:.1?} for a timer on time), with {} messages waiting",
            found.map(|at| at - silent).unwrap_or_default(),
            self.it.client.stats().queued
        ));
        self.link.heal();
        self.it.settle().await?;
        self.it.dial_to(self.server.url(PATH));
        Ok(())
    }

    async fn accept_then_close(&mut self) -> Done {
        self.chapter("a server that accepts and closes at once, several times");
        let enough = self.known_losses() + 4;
        self.switch(Behaviour::CloseAtOnce(Some(1011)));
        self.it.send(4, 20);
        self.it.wait("three more losses", |record| record.losses.len() >= enough).await?;
        self.server.behave(Behaviour::Serve { limit: LIMIT });
        let attempt = self.it.look(|record| record.retries.last().copied().unwrap_or_default());
        self.note(&format!("now at attempt {attempt}: being accepted does not reset the backoff"));
        self.it.settle().await
    }

    async fn refused_with_retry_after(&mut self) -> Done {
        self.chapter("a dial refused with 503 and Retry-After: 1");
        let known = self.known_losses();
        self.switch(Behaviour::http("503 Service Unavailable\r\nRetry-After: 1"));
        self.it.send(4, 20);
        self.it.wait_loss(known, Loss::Status(503)).await?;
        self.recover().await
    }

    async fn message_over_the_limit(&mut self) -> Done {
        self.chapter("a message over the server's limit: closed with 1009, and it must not come back for ever");
        let key = format!("alo:{}", self.it.sent + 1);
        self.it.send(1, LIMIT + 1);
        self.it.send(3, 20);
        let over = Outcome::Unconfirmed(Reason::MaxLosses, ());
        self.it.wait("the end of it", |record| record.ledger.outcome(&key) == Some(&over)).await?;
        self.it.settle().await
    }

    async fn drain_and_close(mut self) -> Result<bool, Box<dyn Error>> {
        self.chapter("a drain and a clean close");
        self.it.wait("to be open", |record| record.state == State::Open).await?;
        self.it.send(20, 20);
        let end = self.it.client.close(Duration::from_secs(3)).await;
        self.it.send(1, 20);
        self.it.settle().await?;
        let clean = end.reason == EndReason::Closed(Cause::Lost(Loss::Close(1000)));
        self.note(&format!("{end}"));
        let log = block_in_place(|| self.server.finish());
        Ok(self.accounts(&log) && clean && log.closes.last() == Some(&1000))
    }

    /// Prints them. True if they are in order.
    fn accounts(&self, log: &Log) -> bool {
        let mut audit = self.it.look(|record| record.ledger.audit(log));
        let greeted = |keys: &&Vec<String>| keys.iter().zip(["hello", "subscribe"]).all(|(key, first)| key == first);
        let ungreeted = log.connections.iter().filter(|keys| !greeted(keys)).count();
        audit.must_be_zero("connections on which something preceded the greeting", ungreeted);
        let (dials, scheduled) = (self.it.client.stats().session.dials, self.it.look(|record| record.retries.len()));
        audit.must_be_zero("dials neither scheduled nor asked for", (dials as usize).saturating_sub(scheduled + 1));
        let tokens: BTreeSet<&String> = log.requests.iter().collect();
        audit.must_be_zero("dials with a token that was used before", log.requests.len() - tokens.len());
        println!("\n{audit}");
        println!("{dials} dials, of which {} reached the server", log.requests.len());
        println!("{} connections that were open, {:.1?} in all", log.connections.len(), self.it.now());
        audit.is_clean()
    }
}

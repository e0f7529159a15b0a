//! What happens to a server while messages go on.

use std::time::{Duration, Instant};

use heartline_tokio::heartline::stats::Stats;
use heartline_tokio::{Cause, Client, Loss, State, Status};

use crate::PATIENCE;
use crate::ledger::Ledger;
use heartline_driver_testing::process::Server;

/// What a busy machine may take longer.
const SLACK: Duration = Duration::from_secs(5);
/// So many messages arrive before the next fault, and up to twice as many in later rounds.
const BETWEEN: usize = 30;

/// Kills the server, stops and continues it, and restarts it; after each, messages arrive again. A server that stands still
/// is found dead within `detection`. `HEARTLINE_ROUNDS` in the environment repeats that, once by default.
pub async fn befall<M>(client: &Client<M>, server: &mut Server, ledger: &Ledger, detection: Duration) {
    let rounds = std::env::var("HEARTLINE_ROUNDS").map_or(1, |rounds| rounds.parse().expect("a number"));
    for round in 0..rounds {
        let between = BETWEEN + 7 * round % BETWEEN;
        ledger.grows_by(between).await;
        crash(client, server).await;
        ledger.grows_by(between).await;
        stand_still(client, server, detection).await;
        ledger.grows_by(between).await;
        restart(client, server).await;
    }
    until(client, "a connection", |status| status.state == State::Open).await;
    ledger.grows_by(BETWEEN).await;
    let stats = client.stats().session;
    assert!(stats.ready >= 4 && stats.lost_to_heartbeat >= 1 && stats.redeliveries >= 1, "{stats:?}");
}

async fn crash<M>(client: &Client<M>, server: &mut Server) {
    until(client, "a connection", |status| status.state == State::Open).await;
    server.kill();
    until(client, "the loss of a dead server", |status| status.state != State::Open).await;
    server.start_again();
}

async fn stand_still<M>(client: &Client<M>, server: &Server, detection: Duration) {
    until(client, "a connection", |status| status.state == State::Open).await;
    server.stop();
    let stopped = Instant::now();
    let lost = until(client, "the loss of a silent server", |status| status.state != State::Open).await;
    assert_eq!(lost.cause, Cause::Lost(Loss::HeartbeatTimeout));
    assert!(stopped.elapsed() < detection + SLACK, "found dead after {:?}", stopped.elapsed());
    server.go_on();
}

async fn restart<M>(client: &Client<M>, server: &mut Server) {
    until(client, "a connection", |status| status.state == State::Open).await;
    server.terminate();
    until(client, "the loss of a server that has ended", |status| status.state != State::Open).await;
    server.start_again();
}

/// Three times what the servers and proxies of the tests put up with, and more.
const QUIET: Duration = Duration::from_millis(3500);

/// Sends nothing for a while, in which the connection has to stay what it is. Returns what was counted.
pub async fn keep_quiet<M>(client: &Client<M>) -> Stats {
    until(client, "a connection", |status| status.state == State::Open).await;
    let dials = client.stats().session.dials;
    tokio::time::sleep(QUIET).await; // The servers' clocks are real ones.
    let stats = client.stats().session;
    assert_eq!((client.status().borrow().state, stats.dials), (State::Open, dials));
    stats
}

/// Waits for a status.
pub async fn until<M>(client: &Client<M>, what: &str, is_meant: impl FnMut(&Status) -> bool) -> Status {
    let mut status = client.status();
    let reached = tokio::time::timeout(PATIENCE, status.wait_for(is_meant)).await;
    match reached {
        Ok(status) => status.expect("a client that lives").clone(),
        Err(_) => panic!("{what} does not come: {:?}", client.status().borrow()),
    }
}

//! Reverse proxies with an idle limit of a second, in front of node's `ws`.

use std::time::Duration;

use heartline_tokio::{HeartbeatMode, Loss, Outcome, Outgoing, State};

use crate::faults::{befall, keep_quiet, until};
use crate::ledger::Ledger;
use crate::traffic::Traffic;
use crate::{HEARTBEAT, lines, program};
use heartline_driver_testing::install;
use heartline_driver_testing::process::Server;

/// After so long the proxies cut what is idle.
const IDLE: Duration = Duration::from_secs(1);

/// A proxy, the server behind it, and what the proxy answers when that one is away.
struct Proxied {
    proxy: Server,
    backend: Server,
    away: u16,
}

fn nginx() -> Option<Proxied> {
    let backend = Server::start(install::node(program("ws.mjs"), "ws")?);
    let proxy = Server::start(install::nginx(backend.place.port, IDLE)?);
    Some(Proxied { proxy, backend, away: 502 })
}

fn haproxy() -> Option<Proxied> {
    let backend = Server::start(install::node(program("ws.mjs"), "ws")?);
    let proxy = Server::start(install::haproxy(backend.place.port, IDLE)?);
    Some(Proxied { proxy, backend, away: 503 })
}

async fn loses_nothing(proxied: Option<Proxied>) {
    let Some(Proxied { mut proxy, mut backend, away }) = proxied else { return };
    let ledger = Ledger::of(&backend);
    let client = lines::client(&proxy.url("/"), HEARTBEAT);
    let traffic = Traffic::begin(&client, lines::line);
    befall(&client, &mut proxy, &ledger, Duration::from_secs(1)).await;
    backend.kill();
    let refused = |loss| loss == Some(Loss::Status(away));
    until(&client, "the proxy's refusal", |status| refused(status.last_ended.as_ref().map(|ended| ended.loss))).await;
    backend.start_again();
    ledger.grows_by(1).await;
    befall(&client, &mut backend, &ledger, Duration::from_secs(1)).await;
    traffic.account(&ledger).await;
}

async fn keeps_what_shows_life(proxied: Option<Proxied>) {
    let Some(Proxied { proxy, backend: _backend, .. }) = proxied else { return };
    let client = lines::client(&proxy.url("/"), HEARTBEAT);
    let stats = keep_quiet(&client).await;
    assert!(stats.pongs >= 3, "{stats:?}");
}

async fn cuts_what_is_quiet(proxied: Option<Proxied>) {
    let Some(Proxied { proxy, backend, .. }) = proxied else { return };
    let ledger = Ledger::of(&backend);
    let rarely = HeartbeatMode::WhenIdle { interval: Duration::from_secs(60), timeout: Duration::from_secs(10) };
    let client = lines::client(&proxy.url("/"), rarely);
    for round in 0..3 {
        until(&client, "a connection", |status| status.state == State::Open).await;
        let receipt = client.send(Outgoing::at_least_once(format!("open-{round}"))).await.expect("accepted");
        assert_eq!(receipt.await, Outcome::Acked);
        until(&client, "the cut", |status| status.state != State::Open).await;
        let receipt = client.send(Outgoing::at_least_once(format!("cut-{round}"))).await.expect("accepted");
        assert_eq!(receipt.await, Outcome::Acked);
    }
    let expected = ["open-0", "cut-0", "open-1", "cut-1", "open-2", "cut-2"];
    assert_eq!(ledger.labels(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn through_nginx_nothing_is_lost_whichever_of_the_two_is_away() {
    loses_nothing(nginx()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn through_haproxy_nothing_is_lost_whichever_of_the_two_is_away() {
    loses_nothing(haproxy()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_heartbeat_shorter_than_the_idle_limit_of_nginx_keeps_the_connection() {
    keeps_what_shows_life(nginx()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_heartbeat_shorter_than_the_idle_limit_of_haproxy_keeps_the_connection() {
    keeps_what_shows_life(haproxy()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_nginx_cuts_for_being_idle_comes_back_and_loses_nothing() {
    cuts_what_is_quiet(nginx()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_haproxy_cuts_for_being_idle_comes_back_and_loses_nothing() {
    cuts_what_is_quiet(haproxy()).await;
}

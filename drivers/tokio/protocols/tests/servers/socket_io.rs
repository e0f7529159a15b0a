//! socket.io, with the codec of this crate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use heartline_protocols::socket_io::{Packet, SocketIo, acknowledged, event, greet, url};
use heartline_tokio::{Client, Delivery, HeartbeatMode, Outgoing, State};
use serde_json::{Value, json};

use crate::faults::{befall, keep_quiet, until};
use crate::install;
use crate::ledger::Ledger;
use crate::process::Server;
use crate::settings;
use crate::traffic::Traffic;

/// What the server dictates: its `pingInterval` and `pingTimeout` together.
const DICTATED: Duration = Duration::from_secs(1);

fn note(label: &str, delivery: Delivery) -> Outgoing<Packet> {
    match delivery {
        Delivery::AtLeastOnce => acknowledged("note", [label.into()]),
        _ => event("note", [label.into()]),
    }
}

fn client(server: &Server) -> Client<Packet> {
    let builder = Client::builder(url(&server.url(""))).session(settings(HeartbeatMode::Off));
    let builder = builder.codec(SocketIo::new("/diary")).greeting(|link| greet(link, Value::Null));
    let (client, _) = builder.spawn().expect("valid");
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn killed_stopped_and_restarted_it_loses_nothing_and_its_own_heartbeat_finds_it_dead() {
    let Some(start) = install::node("socket_io.mjs", "socket.io") else { return };
    let mut server = Server::start(start);
    let ledger = Ledger::of(&server);
    let client = client(&server);
    let traffic = Traffic::begin(&client, note);
    befall(&client, &mut server, &ledger, DICTATED).await;
    traffic.account(&ledger).await;
    // Most are: a connection may end before its answer has arrived.
    let answers = ledger.labels().iter().filter(|label| *label == "answered").count();
    assert!(answers >= 1, "the server's question was not answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn its_pings_are_answered() {
    let Some(start) = install::node("socket_io.mjs", "socket.io") else { return };
    let server = Server::start(start);
    let stats = keep_quiet(&client(&server)).await;
    assert_eq!((stats.lost_to_heartbeat, stats.pings), (0, 0), "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_namespace_that_refuses_the_token_gets_a_new_one() {
    let Some(start) = install::node("socket_io.mjs", "socket.io") else { return };
    let server = Server::start(start);
    let renew = Arc::new(AtomicBool::new(false));
    let asked = renew.clone();
    let builder = Client::builder(url(&server.url(""))).session(settings(HeartbeatMode::Off));
    let builder = builder.codec(SocketIo::new("/secret")).request(move |dial| {
        asked.store(dial.renew(), Ordering::Relaxed);
        async move { dial.request() }
    });
    let builder = builder.greeting(move |link| {
        let token = if renew.load(Ordering::Relaxed) { "second" } else { "first" };
        greet(link, json!({ "token": token }))
    });
    let (client, _incoming) = builder.spawn().expect("valid");
    until(&client, "the second token", |status| status.state == State::Open).await;
    let refusal = client.status().borrow().last_ended.clone().expect("a refusal");
    assert!(refusal.to_string().contains("no first"), "{refusal}");
}

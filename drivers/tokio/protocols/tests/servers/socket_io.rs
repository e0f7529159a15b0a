//! socket.io, with the codec of this crate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use heartline_protocols::socket_io::{Packet, Received, SocketIo, acknowledged, event, greet, url};
use heartline_tokio::{Client, Delivery, HeartbeatMode, Incoming, Outgoing, State};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::PATIENCE;
use crate::faults::{befall, keep_quiet, until};
use crate::ledger::Ledger;
use crate::traffic::Traffic;
use crate::{program, settings};
use heartline_driver_testing::install;
use heartline_driver_testing::process::Server;

/// What the server dictates: its `pingInterval` and `pingTimeout` together.
const DICTATED: Duration = Duration::from_secs(1);

fn note(label: &str, delivery: Delivery) -> Outgoing<Packet> {
    match delivery {
        Delivery::AtLeastOnce => acknowledged("note", [label.into()]),
        _ => event("note", [label.into()]),
    }
}

fn socket(server: &Server, namespace: &str) -> (Client<Packet>, Incoming<Received>) {
    let builder = Client::builder(url(&server.url(""))).session(settings(HeartbeatMode::Off));
    builder.codec(SocketIo::new(namespace)).greeting(|link| greet(link, Value::Null)).spawn().expect("valid")
}

fn client(server: &Server) -> Client<Packet> {
    socket(server, "/diary").0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn killed_stopped_and_restarted_it_loses_nothing_and_its_own_heartbeat_finds_it_dead() {
    let Some(start) = install::node(program("socket_io.mjs"), "socket.io") else { return };
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

/// The events of document 002, by their names: `socket.emit` to the server, and `io.emit` to everybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_event_that_is_emitted_to_all_reaches_all_by_its_name_with_its_data() {
    let Some(start) = install::node(program("socket_io.mjs"), "socket.io") else { return };
    let server = Server::start(start);
    let mut sockets = [(); 3].map(|()| socket(&server, "/"));
    for (client, _) in &sockets {
        until(client, "the namespace", |status| status.state == State::Open).await;
    }
    for data in [json!("点击"), json!({"x": 1, "y": [null]})] {
        sockets[0].0.send(event("自定义事件1", [data.clone()])).await.expect("accepted");
        let expected = Received::Event { name: "自定义事件2".into(), arguments: vec![data] };
        for (_, incoming) in &mut sockets {
            let received = timeout(PATIENCE, incoming.next_message()).await.expect("it comes");
            assert_eq!(received.as_ref(), Some(&expected));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn its_pings_are_answered() {
    let Some(start) = install::node(program("socket_io.mjs"), "socket.io") else { return };
    let server = Server::start(start);
    let stats = keep_quiet(&client(&server)).await;
    assert_eq!((stats.lost_to_heartbeat, stats.pings), (0, 0), "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_namespace_that_refuses_the_token_gets_a_new_one() {
    let Some(start) = install::node(program("socket_io.mjs"), "socket.io") else { return };
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

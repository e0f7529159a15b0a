//! The npm package graphql-ws, with the codec of this crate.

use std::time::Duration;

use heartline_protocols::graphql_ws::{GraphqlWs, Operation, PROTOCOL, Received, Request, execute, greet};
use heartline_tokio::{Client, Delivery, Outgoing};
use serde_json::{Value, json};

use crate::faults::{befall, keep_quiet};
use crate::heard::Heard;
use crate::ledger::Ledger;
use crate::traffic::Traffic;
use crate::{HEARTBEAT, program, settings};
use heartline_driver_testing::install;
use heartline_driver_testing::process::Server;

fn note(label: &str, delivery: Delivery) -> Outgoing<Request> {
    let query = "mutation ($label: String!) { note(label: $label) }".into();
    let operation = Operation { query, variables: json!({ "label": label }) };
    match delivery {
        Delivery::AtLeastOnce => execute(operation),
        _ => Outgoing::at_most_once(Request::Execute(operation)),
    }
}

/// What the subscription says was noted.
fn noted(received: Received) -> Option<String> {
    match received {
        Received::Next { id, result } if id == "diary" => result["data"]["noted"].as_str().map(str::to_owned),
        _ => None,
    }
}

fn client(server: &Server) -> (Client<Request>, Heard<String>) {
    let builder = Client::builder(server.url("/graphql")).session(settings(HEARTBEAT)).codec(GraphqlWs);
    let builder = builder.request(|dial| async move { Ok(dial.request()?.protocol(PROTOCOL)) });
    let builder = builder.greeting(|link| {
        let diary = ("diary".into(), Operation::new("subscription { noted }"));
        greet(link, Value::Null, vec![diary])
    });
    let (client, incoming) = builder.spawn().expect("valid");
    (client, Heard::from(incoming, noted))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn killed_stopped_and_restarted_it_loses_no_mutation_and_its_subscription_goes_on() {
    let Some(start) = install::node(program("graphql_ws.mjs"), "graphql-ws") else { return };
    let mut server = Server::start(start);
    let ledger = Ledger::of(&server);
    let (client, mut heard) = client(&server);
    let traffic = Traffic::begin(&client, note);
    befall(&client, &mut server, &ledger, Duration::from_secs(1)).await;
    heard.forget();
    let label = heard.next().await;
    assert!(ledger.labels().contains(&label));
    traffic.account(&ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_answers_the_pings_of_the_subprotocol() {
    let Some(start) = install::node(program("graphql_ws.mjs"), "graphql-ws") else { return };
    let server = Server::start(start);
    let (client, _heard) = client(&server);
    let stats = keep_quiet(&client).await;
    assert!(stats.pongs >= 3 && stats.lost_to_heartbeat == 0, "{stats:?}");
    assert!(client.status().borrow().round_trip.is_some(), "the token came back");
}

//! A GraphQL client for the command line. Each line typed is executed as a query or mutation; the subscriptions given as
//! arguments are started on every connection.
//!
//! ```text
//! cargo run -p heartline-protocols --bin graphql_ws -- ws://127.0.0.1:4000/graphql ['subscription { news }' …]
//! ```

use std::error::Error;
use std::time::Duration;

use heartline_protocols::command_line::talk;
use heartline_protocols::graphql_ws::{GraphqlWs, Operation, PROTOCOL, execute, greet};
use heartline_tokio::{Client, HeartbeatMode};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("usage: graphql_ws ws://HOST:PORT/PATH [SUBSCRIPTION…]")?;
    let named = |(number, query)| (format!("subscription {number}"), Operation::new(query));
    let subscriptions: Vec<(String, Operation)> = arguments.enumerate().map(named).collect();
    let (client, incoming) = Client::builder(url)
        .request(|dial| async move { Ok(dial.request()?.protocol(PROTOCOL)) })
        .heartbeat(HeartbeatMode::WhenIdle { interval: Duration::from_secs(10), timeout: Duration::from_secs(5) })
        .codec(GraphqlWs)
        .greeting(move |link| greet(link, Value::Null, subscriptions.clone())) // credentials, if the server wants some
        .spawn()?;
    talk(client, incoming, |line| execute(Operation::new(line))).await
}

//! One node of a chat: a process with a name, an address to listen on, and brokers.
//!
//! ```text
//! chat-node NAME ADDRESS:PORT nats://BROKER:PORT…
//! ```
//!
//! The environment variable `DIRECTORY` may hold settings of the directory as JSON. `SIGTERM` ends it in order.

mod chat;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router};
use heartline::directory::{Node, Settings};
use heartline_axum::Shutdown;
use heartline_faults::view::View;
use heartline_nats::async_nats::ConnectOptions;
use heartline_nats::{ConnectError, Nats};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, listen, brokers @ ..] = &arguments[..] else { return Err("NAME ADDRESS:PORT BROKER…".into()) };
    let node: Node = name.parse()?;
    let settings: Settings = match std::env::var("DIRECTORY") {
        Ok(json) => serde_json::from_str(&json)?,
        Err(_) => Settings::default(),
    };
    let mut terminated = signal(SignalKind::terminate())?;
    let nats = Arc::new(connect(&node, brokers, &settings).await?);
    let server = chat::builder().cluster(node.clone(), nats.clone(), settings).build()?;
    let looked_at = server.clone();
    let view = move || async move { Json(View::of(&node, &looked_at)) };
    let app = Router::new().route("/ws", server.route()).route("/view", get(view));
    let listener = TcpListener::bind(listen).await?;
    // Short, as other nodes are there at once.
    let (pace, spread) = (Duration::from_secs(1), Duration::from_secs(1));
    heartline_axum::serve(listener, app)
        .drain(move |within| async move { server.shutdown(Shutdown { within, pace, spread }).await })
        .shutdown(async move { _ = terminated.recv().await })
        .await?;
    Ok(())
}

/// Waits for a broker, if none is there yet.
async fn connect(node: &Node, brokers: &[String], settings: &Settings) -> Result<Nats, ConnectError> {
    loop {
        let nats = Nats::builder(node, brokers.to_vec())
            .options(ConnectOptions::new().retain_servers_order()) // The first is nearest.
            .ping_interval(settings.hello / 2) // So that another broker is reached within the lease.
            .max_payload(settings.max_payload)
            .connect()
            .await;
        match nats {
            Err(ConnectError::Unreachable(error)) => eprintln!("no broker yet: {error}"),
            nats => return nats,
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

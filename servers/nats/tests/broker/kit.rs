//! What the tests share: connecting nodes, publishing, waiting.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use heartline::directory::{Broker, Destination, Input, Node, RoomHash};
use heartline_driver_testing::PATIENCE;
pub use heartline_driver_testing::nats::{broker, start, url};
use heartline_driver_testing::process::Server;
use heartline_nats::{Builder, Nats};

pub fn node(name: &str) -> Node {
    Node::new(name).expect("a name")
}

/// A room of this number.
pub fn room(number: u64) -> Destination {
    Destination::Room(RoomHash::of(&number.to_string().into()))
}

/// A connection of a node of this name. The machine may be busy, so the broker gets time.
pub fn builder(name: &str, broker: &Server) -> Builder {
    Nats::builder(&node(name), [url(broker)]).connect_timeout(PATIENCE)
}

/// A node that is connected. Its timeout for connecting is well below `PATIENCE`, so that after an outage a new attempt comes in time.
pub async fn connected(name: &str, broker: &Server) -> Nats {
    builder(name, broker).connect_timeout(PATIENCE / 4).connect().await.expect("a connection")
}

/// The next packet or interruption.
pub async fn next(nats: &Nats) -> Input {
    within(nats.input()).await
}

/// The output of a future, which has to end within `PATIENCE`.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("in time")
}

/// Waits until this is true, at most for `PATIENCE`.
pub async fn until(mut is_so: impl FnMut() -> bool) {
    within(async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

pub fn received(text: impl Into<String>) -> Input {
    Input::Received { payload: text.into().into_bytes() }
}

pub fn say(nats: &Nats, to: &Destination, text: impl Into<String>) {
    nats.publish(to, text.into().into_bytes());
}

/// Publishes a text to all nodes, and reads until it comes back. Returns what came before.
pub async fn reads_until_back(nats: &Nats, text: &str) -> Vec<Input> {
    say(nats, &Destination::All, text);
    let mut before = Vec::new();
    loop {
        match next(nats).await {
            input if input == received(text) => return before,
            input => before.push(input),
        }
    }
}

/// Publishes to all nodes until `other` has received it: a subscription of one and a publication of another are not in order, and brokers may
/// have to find each other first. Returns what `other` received before.
pub async fn hears(other: &Nats, nats: &Nats) -> Vec<Input> {
    hears_at(&Destination::All, other, nats).await
}

/// As `hears`, at this destination: brokers learn of each other's subscriptions one by one.
pub async fn hears_at(to: &Destination, other: &Nats, nats: &Nats) -> Vec<Input> {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let text = format!("call {}", CALLS.fetch_add(1, Relaxed));
    let mut before = Vec::new();
    within(async {
        loop {
            say(nats, to, &text);
            match tokio::time::timeout(Duration::from_millis(50), other.input()).await {
                Ok(input) if input == received(&text) => return before,
                Ok(input) => before.push(input),
                Err(_) => {}
            }
        }
    })
    .await
}

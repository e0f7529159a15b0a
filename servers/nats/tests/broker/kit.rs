//! Brokers, and nodes on them.

use std::ffi::OsString;
use std::future::Future;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use heartline::directory::{Broker, Destination, Input, Node, RoomHash};
use heartline_driver_testing::PATIENCE;
use heartline_driver_testing::install::{Start, has};
use heartline_driver_testing::process::{Place, Server};
use heartline_nats::{Builder, Nats};

const PROGRAM: &str = "/usr/sbin/nats-server";

/// A broker that listens, with this configuration besides its address. In it `@DIRECTORY@` is where it runs.
pub fn broker(config: &str) -> Option<Server> {
    let server = Server::start(start(config, |_| Vec::new())?);
    server.listens();
    Some(server)
}

/// How to start a broker, with arguments besides.
pub fn start(config: &str, arguments: impl Fn(&Place) -> Vec<OsString> + Send + 'static) -> Option<Start> {
    has("nats-server", Path::new(PROGRAM))?;
    let config = config.to_owned();
    Some(Box::new(move |place| {
        let file = place.directory.join("config");
        std::fs::write(&file, config.replace("@DIRECTORY@", &place.directory.display().to_string())).expect("a file");
        let mut command = Command::new(PROGRAM);
        command.args(["-a", "127.0.0.1", "-p", &place.port.to_string(), "-c"]).arg(file).args(arguments(place));
        command
    }))
}

pub fn url(broker: &Server) -> String {
    format!("nats://127.0.0.1:{}", broker.place.port)
}

pub fn node(name: &str) -> Node {
    Node::new(name).expect("a name")
}

/// A room of this number.
pub fn room(number: u64) -> RoomHash {
    RoomHash::of(&number.to_string().into())
}

/// A connection of a node of this name. The machine may be busy, so the broker gets time.
pub fn builder(name: &str, broker: &Server) -> Builder {
    Nats::builder(&node(name), [url(broker)]).connect_timeout(PATIENCE)
}

/// The same, connected, with a timeout for connections that an outage does not outlast.
pub async fn connected(name: &str, broker: &Server) -> Nats {
    builder(name, broker).connect_timeout(PATIENCE / 4).connect().await.expect("a connection")
}

/// What comes next.
pub async fn next(nats: &Nats) -> Input {
    within(nats.input()).await
}

/// What ends in time, in any case.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("in time")
}

/// Waits until it is so.
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

/// Publishes a text to everybody, and reads until it comes back: what came before.
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

/// Publishes to everybody until `other` has it: what one subscribes to and what another publishes are not in order, and brokers may
/// have to find each other first. What came before it.
pub async fn hears(other: &Nats, nats: &Nats) -> Vec<Input> {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let text = format!("call {}", CALLS.fetch_add(1, Relaxed));
    let mut before = Vec::new();
    within(async {
        loop {
            say(nats, &Destination::All, &text);
            match tokio::time::timeout(Duration::from_millis(50), other.input()).await {
                Ok(input) if input == received(&text) => return before,
                Ok(input) => before.push(input),
                Err(_) => {}
            }
        }
    })
    .await
}

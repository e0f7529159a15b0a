//! Several servers over one broker.

mod build;
mod end;
mod faults;
mod moves;
mod presence;
mod rooms;
mod talk;

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use heartline::directory::{Destination, Input, Node, Settings};
use heartline::hub;
use heartline_axum::cluster::{Broker, LocalBroker, LocalLink};
use heartline_axum::{FrameLimits, SendError};
use tungstenite::protocol::CloseFrame;

use crate::site::{Client, HOUR, MILLI, Site, plain, quiet, soon, until};

/// Nobody is taken for gone, and no message for lost, however busy the machine is.
pub fn patient() -> Settings {
    Settings { lease: HOUR, relay_timeout: HOUR, offline_grace: HOUR, ..Settings::default() }
}

/// Silence is found soon.
pub fn hasty() -> Settings {
    Settings { hello: 100 * MILLI, lease: Duration::from_secs(2), offline_grace: 50 * MILLI, ..patient() }
}

pub fn node(name: &str) -> Node {
    name.parse().expect("a name")
}

/// Nodes a, b and so on, that have heard of each other.
pub struct Cluster {
    pub broker: LocalBroker,
    pub sites: Vec<Site>,
    pub wires: Vec<Arc<Wire>>,
}

impl Cluster {
    pub async fn start(count: usize, settings: Settings) -> Self {
        let mut cluster = Self { broker: LocalBroker::default(), sites: Vec::new(), wires: Vec::new() };
        for name in ["a", "b", "c"].into_iter().take(count) {
            cluster.add(name, settings.clone(), FrameLimits::default()).await;
        }
        cluster.meets().await;
        cluster
    }

    pub async fn add(&mut self, name: &str, settings: Settings, limits: FrameLimits) {
        let wire = Arc::new(Wire::new(self.broker.connect(&node(name))));
        let hub = hub::Settings { slow_timeout: HOUR, ..quiet() };
        let builder = plain(hub).handler_timeout(2 * HOUR).limits(limits).presence(10 * MILLI, 200).cluster(
            node(name),
            wire.clone(),
            settings,
        );
        self.sites.push(Site::start(builder).await);
        self.wires.push(wire);
    }

    /// Until all have heard of all.
    pub async fn meets(&self) {
        let meets = |site: &Site| {
            let nodes = site.server.nodes();
            nodes.len() + 1 == self.sites.len() && nodes.iter().all(|other| other.hears_us && other.in_step)
        };
        until("the others", || self.sites.iter().all(meets)).await;
    }

    /// What became of a message of a node itself.
    pub async fn relay(&self, node: usize, to: &str, text: &str) -> Result<(), SendError> {
        soon("an outcome", self.sites[node].server.relay(&to.to_owned(), &text.to_owned())).await
    }

    /// Until all nodes think that these are online.
    pub async fn knows(&self, users: &[&str]) {
        until("the same users on all nodes", || {
            self.sites.iter().all(|site| {
                site.server.online(10) == (users.iter().map(|user| user.to_string()).collect(), users.len())
            })
        })
        .await;
    }

    /// A user of a node, whom all know.
    pub async fn enter(&self, node: usize, name: &str) -> Client {
        let client = self.sites[node].enter(name).await;
        until("a user on all nodes", || {
            self.sites.iter().all(|site| site.server.online(10).0.iter().any(|user| user == name))
        })
        .await;
        client
    }
}

/// Sends a close frame with this code, or without one, and hangs up when it is answered.
pub async fn close(mut client: Client, code: Option<u16>) {
    let frame = code.map(|code| CloseFrame { code: code.into(), reason: "".into() });
    soon("close", client.socket.close(frame)).await.expect("sent");
    while soon("the end", futures_util::StreamExt::next(&mut client.socket)).await.is_some() {}
}

/// A node's connection to the broker, which can fail.
pub struct Wire {
    link: LocalLink,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    mode: Mode,
    waker: Option<Waker>,
    rooms: HashSet<Destination>,
    /// How much was published since the last flush.
    unflushed: usize,
    flushes: usize,
    max_payload: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Mode {
    #[default]
    Well,
    /// Nothing gets through.
    Cut,
    /// What arrives waits.
    Stalled,
}

impl Wire {
    fn new(link: LocalLink) -> Self {
        Self { link, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    fn set(&self, mode: Mode) {
        let mut state = self.state();
        state.mode = mode;
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// How many rooms the node hears.
    pub fn rooms(&self) -> usize {
        self.state().rooms.len()
    }

    pub fn unflushed_and_flushes(&self) -> (usize, usize) {
        let state = self.state();
        (state.unflushed, state.flushes)
    }

    pub fn takes(&self, max_payload: usize) {
        self.state().max_payload = Some(max_payload);
    }

    pub fn cut(&self) {
        self.set(Mode::Cut);
    }

    pub fn stall(&self) {
        self.set(Mode::Stalled);
    }

    pub fn heal(&self) {
        self.set(Mode::Well);
    }
}

impl Broker for Wire {
    fn publish(&self, to: &Destination, payload: Vec<u8>) {
        let mut state = self.state();
        state.unflushed += 1;
        if state.mode != Mode::Cut {
            drop(state);
            self.link.publish(to, payload);
        }
    }

    fn subscribe(&self, to: &Destination) {
        self.state().rooms.insert(to.clone());
        self.link.subscribe(to);
    }

    fn unsubscribe(&self, to: &Destination) {
        self.state().rooms.remove(to);
        self.link.unsubscribe(to);
    }

    fn poll_input(&self, context: &mut Context<'_>) -> Poll<Input> {
        let mut state = self.state();
        state.waker = Some(context.waker().clone());
        let mode = state.mode;
        drop(state);
        match mode {
            Mode::Well => self.link.poll_input(context),
            Mode::Stalled => Poll::Pending,
            Mode::Cut => {
                while self.link.poll_input(context).is_ready() {}
                Poll::Pending
            }
        }
    }

    fn max_payload(&self) -> Option<usize> {
        self.state().max_payload
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut state = self.state();
        state.unflushed = 0;
        state.flushes += 1;
        Box::pin(std::future::ready(()))
    }
}

//! A cluster member: a node with a directory, and with as much of a hub as these tests need.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use heartline::directory::{
    Action, Broker, Config, Departure, Directory, Input, Node, Outcome, Settings, UnixTime, User,
};
use heartline::{CloseCode, ConnId, Timestamp};
use heartline_driver_testing::PATIENCE;
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinHandle;

use crate::kit::within;

/// What the nodes of a test have in common.
pub fn config() -> Config {
    let (hello, relay_timeout) = (Duration::from_millis(250), PATIENCE);
    Config::new(Settings { hello, relay_timeout, ..Settings::default() }).expect("within range")
}

pub struct Member {
    pub directory: Arc<Mutex<Directory>>,
    hub: Arc<Mutex<Hub>>,
    inputs: Sender<Input>,
    running: JoinHandle<()>,
}

#[derive(Default)]
struct Hub {
    next: u64,
    connections: BTreeMap<ConnId, User>,
    closed: Vec<(User, CloseCode)>,
    delivered: Vec<String>,
    broadcasts: Vec<String>,
    outcomes: Vec<Outcome>,
    entered: Vec<bool>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text(message: Vec<u8>) -> String {
    String::from_utf8(message).expect("a text")
}

impl Member {
    pub fn start(node: &Node, broker: impl Broker + 'static, config: Config) -> Self {
        let origin = Instant::now();
        let clock = move || {
            let wall = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
            (Timestamp::after(origin.elapsed()), UnixTime::from_millis(wall as u64))
        };
        let (now, wall) = clock();
        let incarnation = u64::from(std::process::id());
        let directory = Arc::new(Mutex::new(Directory::new(config, node.clone(), now, wall, incarnation)));
        let hub = Arc::new(Mutex::new(Hub::default()));
        let (inputs, receiver) = channel(10_000);
        let (driven, with) = (directory.clone(), hub.clone());
        let running = tokio::spawn(async move {
            heartline_nats::run(&driven, &broker, clock, receiver, |action| lock(&with).carry_out(action)).await;
        });
        Self { directory, hub, inputs, running }
    }

    pub fn report(&self, input: Input) {
        self.inputs.try_send(input).expect("room");
    }

    /// A login, on a connection of its own.
    pub fn log_in(&self, user: impl Into<User>) -> ConnId {
        let user = user.into();
        let mut hub = lock(&self.hub);
        hub.next += 1;
        let conn = ConnId::from_raw(hub.next).expect("not zero");
        hub.connections.insert(conn, user.clone());
        drop(hub);
        self.report(Input::Login { conn, user });
        conn
    }

    pub fn relay(&self, conn: ConnId, to: impl Into<User>, message: &str) {
        let (from, to, message) = ("sender".into(), to.into(), message.into());
        self.report(Input::Relay { conn, from, to, message, volatile: false, tag: 0 });
    }

    /// The name of the node that a user is on, as this one sees it.
    pub fn sees(&self, user: impl Into<User>) -> Option<String> {
        lock(&self.directory).node_of(&user.into()).map(|node| node.as_str().to_owned())
    }

    pub fn online(&self) -> usize {
        lock(&self.directory).online().len()
    }

    pub fn is_cut_off(&self) -> bool {
        lock(&self.directory).is_cut_off()
    }

    /// How many nodes it hears.
    pub fn peers(&self) -> usize {
        lock(&self.directory).nodes().count()
    }

    /// How many connections a user has here.
    pub fn connections(&self, user: impl Into<User>) -> usize {
        let user = user.into();
        lock(&self.hub).connections.values().filter(|one| **one == user).count()
    }

    pub fn closed(&self) -> Vec<(User, CloseCode)> {
        lock(&self.hub).closed.clone()
    }

    pub fn delivered(&self) -> Vec<String> {
        lock(&self.hub).delivered.clone()
    }

    pub fn broadcasts(&self) -> Vec<String> {
        lock(&self.hub).broadcasts.clone()
    }

    pub fn outcomes(&self) -> Vec<Outcome> {
        lock(&self.hub).outcomes.clone()
    }

    /// For each room that was entered, whether it is confirmed.
    pub fn entered(&self) -> Vec<bool> {
        lock(&self.hub).entered.clone()
    }

    /// Its end in order: with a goodbye.
    pub async fn leave(self) {
        drop(self.inputs);
        within(self.running).await.expect("no panic");
    }

    /// Its end without a word.
    pub async fn kill(self) {
        self.running.abort();
        assert!(self.running.await.is_err());
    }
}

impl Hub {
    fn carry_out(&mut self, action: Action) -> Option<Input> {
        match action {
            Action::Close { conn, code } => {
                let user = self.connections.remove(&conn)?;
                self.closed.push((user.clone(), code));
                return Some(Input::Ended { conn, user, departure: Departure::by_close(code) });
            }
            Action::Deliver { relay, to, message, .. } => {
                let is_here = self.connections.values().any(|user| *user == to);
                let outcome = if is_here { Outcome::Routed } else { Outcome::Offline };
                if is_here {
                    self.delivered.push(text(message));
                }
                return Some(Input::Delivered { relay, outcome });
            }
            Action::Broadcast { message, .. } => self.broadcasts.push(text(message)),
            Action::Outcome { outcome, .. } => self.outcomes.push(outcome),
            Action::Entered { confirmed, .. } => self.entered.push(confirmed),
            _ => {}
        }
        None
    }
}

//! The clients that are compared: each connects and serves one load, as its users would write it.

mod bare;
mod bare_blocking;
mod ezsockets;
mod heartline_blocking;
mod heartline_tokio;
mod select;

use std::future::Future;
use std::pin::Pin;

use crate::Outcome;
use crate::load::Load;
use crate::work::{Kind, Work};

/// What a row of the tables is.
#[derive(Clone, Copy)]
pub struct Contender {
    pub name: &'static str,
    pub title: &'static str,
    /// What it is compared with, by name.
    pub base: &'static str,
    pub client: Client,
}

#[derive(Clone, Copy)]
pub enum Client {
    Rust(Connect),
    /// A script for node.
    Node(&'static str),
}

/// Connects to a URL and serves a load there until it is done.
pub type Connect = fn(String, Load) -> Pin<Box<dyn Future<Output = Outcome> + Send>>;

macro_rules! rust {
    ($run:path) => {
        Client::Rust(|url, load| Box::pin($run(url, load)))
    };
}

pub const BARE: &str = "bare";
pub const BARE_BLOCKING: &str = "bare-blocking";
pub const SELECT: &str = "select";

const fn contender(name: &'static str, title: &'static str, base: &'static str, client: Client) -> Contender {
    Contender { name, title, base, client }
}

pub const ALL: [Contender; 8] = [
    contender(BARE, "tokio-tungstenite, bare", BARE, rust!(bare::run)),
    contender("task", "heartline-tokio, `run_with`", BARE, rust!(heartline_tokio::task)),
    contender("client", "heartline-tokio, `Client` and `Incoming`", BARE, rust!(heartline_tokio::client)),
    contender(SELECT, "a select loop with channels", BARE, rust!(select::run)),
    contender("ezsockets", "ezsockets 0.7.2", BARE, rust!(ezsockets::run)),
    contender("ws", "node `ws`", BARE, Client::Node(concat!(env!("CARGO_MANIFEST_DIR"), "/src/contenders/ws.mjs"))),
    contender(BARE_BLOCKING, "tungstenite, bare", BARE_BLOCKING, rust!(bare_blocking::run)),
    contender("blocking", "heartline-blocking, `poll`", BARE_BLOCKING, rust!(heartline_blocking::run)),
];

impl Contender {
    pub fn find(name: &str) -> Option<Self> {
        ALL.into_iter().find(|contender| contender.name == name)
    }

    /// Idle connections of a blocking client take a thread and three descriptors each: half as many are enough.
    pub fn fit(&self, work: Work) -> Work {
        let is_large = self.base == BARE_BLOCKING && work.kind == Kind::Idle;
        if is_large { work.of(work.count / 2) } else { work }
    }
}

/// The buffers of all clients that let them be chosen: heartline's defaults.
fn buffers() -> tungstenite::protocol::WebSocketConfig {
    ::heartline_tokio::Limits::default().config().expect("the defaults are valid")
}

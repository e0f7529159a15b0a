//! What the tests of heartline's drivers share. It panics where something is not as a test wants it.
#![forbid(unsafe_code)]

mod authority;
pub mod cases;
pub mod conformance;
#[cfg(unix)]
pub mod host;
#[cfg(unix)]
pub mod install;
#[cfg(unix)]
pub mod nats;
#[cfg(unix)]
pub mod process;
pub mod real;
pub mod server;
#[cfg(unix)]
pub mod stopped;
pub mod tally;
pub mod telemetry;

use std::time::Duration;

use heartline::Loss;
use heartline::event::Cause;
pub use heartline_tungstenite::Tls;
use heartline_tungstenite::{Ended, Proxies};

pub use authority::{Authority, Identity};

/// So long a test waits for what must come; nothing is measured by it.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What a case asks of the driver under test: to dial, to send a text, and to tell the answer.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Where to.
    pub url: String,
    /// What to send.
    pub message: String,
    /// The proxies to ask.
    pub proxies: Asked,
    /// How to shake hands; none for the default.
    pub tls: Option<Tls>,
    /// How long a dial may take.
    pub connect_timeout: Duration,
}

/// Which proxies to ask.
#[derive(Clone, Debug)]
pub enum Asked {
    /// The driver's default.
    Default,
    /// These.
    Own(Proxies),
    /// Those of the environment.
    Environment,
}

impl Attempt {
    /// Without a proxy, within [`PATIENCE`].
    pub fn to(url: impl Into<String>) -> Self {
        Self { url: url.into(), message: "hello".into(), proxies: Asked::Default, tls: None, connect_timeout: PATIENCE }
    }

    /// Through the proxy of this URL.
    pub fn through(url: impl Into<String>, proxy: &str) -> Self {
        let proxy = heartline_tungstenite::Proxy::new(proxy).expect("a proxy");
        Self { proxies: Asked::Own(proxy.into()), ..Self::to(url) }
    }

    /// By this TLS.
    pub fn by(self, tls: Option<Tls>) -> Self {
        Self { tls, ..self }
    }
}

/// How a dial failed.
#[derive(Debug)]
pub struct Failed {
    /// What the session was told.
    pub loss: Loss,
    /// What is told to people.
    pub text: String,
    /// Whether the client ended; otherwise it is about to dial again.
    pub stopped: bool,
}

impl Failed {
    /// From what a client shows of itself when it waits for the next dial, or has ended.
    pub fn new(cause: Cause, ended: Option<&Ended>) -> Self {
        let (Cause::Lost(loss) | Cause::Stopped(loss)) = cause else { panic!("{cause}") };
        Self { loss, text: ended.map(ToString::to_string).unwrap_or_default(), stopped: cause == Cause::Stopped(loss) }
    }
}

/// A driver under test: what was answered, or how the first dial failed.
pub type Driver<'a> = &'a dyn Fn(Attempt) -> Result<String, Failed>;

//! The settings of a connection, and why it cannot be made.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use async_nats::{ConnectErrorKind, ConnectOptions, ServerAddr, rustls};
use heartline::ConfigError;
use heartline::directory::{Destination, Node};

use crate::OVERHEAD;
use crate::link::Link;
use crate::nats::Nats;
use crate::subjects::Subjects;

/// The settings of a connection that is to be made: see [`Nats::builder`].
#[must_use = "nothing is connected until `connect`"]
#[derive(Debug)]
pub struct Builder {
    node: Node,
    servers: Vec<String>,
    options: ConnectOptions,
    prefix: String,
    max_payload: u32,
    outgoing: usize,
    incoming: usize,
    ping_interval: Duration,
    connect_timeout: Duration,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A setting lies outside of its range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// [`Builder::prefix`] cannot begin a subject.
    #[error("a prefix of subjects has 1 to 128 letters (a to z, A to Z), digits, -, _, and single dots between them")]
    Prefix,
    /// The URL of the server with this index in the list is not one.
    #[error(
        "server {0} is not a URL such as nats://host:4222 or tls://host:4222, without user and password: those are options"
    )]
    Server(usize),
    /// No server was given.
    #[error("no server was given")]
    NoServer,
    /// The broker did not accept the credentials, or async-nats could not use them.
    #[error("the broker did not accept the credentials")]
    Credentials(#[source] async_nats::ConnectError),
    /// No TLS connection: a certificate cannot be read or is not trusted, the broker asks for one and there is none, or it speaks no TLS.
    #[error("no TLS connection to the broker")]
    Tls(#[source] async_nats::ConnectError),
    /// No server answered within [`Builder::connect_timeout`], or at all.
    #[error("no broker was reached")]
    Unreachable(#[source] async_nats::ConnectError),
    /// The broker takes shorter messages than [`Builder::max_payload`].
    #[error("the broker takes up to {broker} bytes in a message (its max_payload), and {needed} are needed")]
    MaxPayload {
        /// How many bytes the broker takes.
        broker: usize,
        /// How many bytes are needed: [`Builder::max_payload`].
        needed: u32,
    },
    /// What was published did not come back within [`Builder::connect_timeout`]. Usually the broker does not permit the subjects; its answer, if
    /// it gave one, is in the text. Also if the option `no_echo` is set.
    #[error("what is published does not come back from the broker{}", answer(.0))]
    NoEcho(Option<String>),
}

fn answer(error: &Option<String>) -> String {
    error.as_ref().map(|error| format!(": {error}")).unwrap_or_default()
}

impl Builder {
    pub(crate) fn new(node: &Node, servers: Vec<String>) -> Self {
        Self {
            node: node.clone(),
            servers,
            options: ConnectOptions::new(),
            prefix: "heartline".into(),
            max_payload: 1024 * 1024,
            outgoing: 16 << 20,
            incoming: 64 << 20,
            ping_interval: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(1),
        }
    }

    /// Credentials, TLS and whatever else async-nats offers. Default none. [Options](crate#options) says which of them are replaced.
    ///
    /// ```no_run
    /// use heartline_nats::async_nats::ConnectOptions;
    /// use heartline_nats::Nats;
    ///
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let options = ConnectOptions::with_credentials_file("/etc/chat/node.creds")
    ///     .await?
    ///     .add_root_certificates("/etc/chat/brokers.pem".into())
    ///     .add_client_certificate("/etc/chat/node.pem".into(), "/etc/chat/node.key".into());
    /// let nats = Nats::builder(&"eu-1".parse()?, ["tls://nats-1.internal:4222"]).options(options).connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn options(mut self, options: ConnectOptions) -> Self {
        self.options = options;
        self
    }

    /// What subjects begin with, the same on all nodes: 1 to 128 letters (a to z, A to Z), digits, `-` and `_`, with single dots between them.
    /// Default `heartline`. Several applications on one broker need a prefix each.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How many bytes a packet may have: the directory's [`max_payload`](heartline::directory::Settings::max_payload), with the
    /// same range, 65 KiB to 64 MiB. Default 1 MiB, as there and in NATS.
    pub fn max_payload(mut self, bytes: u32) -> Self {
        self.max_payload = bytes;
        self
    }

    /// How many bytes may wait to be sent, 256 for each packet besides its payload included: from `max_payload` + 256 to 4 GiB. Default 16 MiB,
    /// as many as the relays of a directory may have. What is published beyond it is lost.
    pub fn outgoing(mut self, bytes: usize) -> Self {
        self.outgoing = bytes;
        self
    }

    /// How many bytes may wait to be [taken](heartline::directory::Broker::poll_input), counted in the same way: from `max_payload` + 256 to
    /// 4 GiB. Default 64 MiB: what 16 nodes answer in a second, at the default of
    /// [`answer_rate`](heartline::directory::Settings::answer_rate). What arrives beyond it is lost.
    pub fn incoming(mut self, bytes: usize) -> Self {
        self.incoming = bytes;
        self
    }

    /// How often a silent broker is pinged: 10 ms to a minute. After three intervals without a sign of life the connection is given up. Default
    /// 1 s, so that a dead broker is known before a lease of 4 s is over.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval;
        self
    }

    /// How long connecting to one address may take, TLS and log-in included: 10 ms to a minute. Default 1 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Connects, and waits until a message that is published comes back. To be called within a tokio runtime, on which the connection lives.
    ///
    /// Each server is tried once, in a random order. A connection that was made is made anew whenever it is lost, without a limit on attempts.
    ///
    /// # Errors
    /// A setting is outside of its range, or no server takes this client with these options. The source of the error has the details.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn connect(self) -> Result<Nats, ConnectError> {
        let servers = self.check()?;
        let link = Arc::new(Link::new(self.incoming, self.outgoing));
        let events = link.clone();
        let client = self
            .options
            .name(&self.node)
            .ping_interval(self.ping_interval)
            .connection_timeout(self.connect_timeout)
            .max_reconnects(None)
            .reconnect_delay_callback(|_| jitter())
            .client_capacity(self.outgoing / OVERHEAD)
            .event_callback(move |event| {
                events.on_event(&event);
                std::future::ready(())
            })
            .connect(servers)
            .await
            .map_err(classified)?;
        let broker = client.max_payload();
        if broker < self.max_payload as usize {
            return Err(ConnectError::MaxPayload { broker, needed: self.max_payload });
        }
        link.connected(client.statistics());
        let subjects = Subjects::new(self.prefix);
        let own = [Destination::All, Destination::Node(self.node)];
        Nats::start(client, subjects, link, own, self.connect_timeout).await
    }

    fn check(&self) -> Result<Vec<ServerAddr>, ConnectError> {
        let minute = Duration::from_secs(60);
        let least = Duration::from_millis(10);
        ConfigError::within("ping_interval", self.ping_interval, least..=minute)?;
        ConfigError::within("connect_timeout", self.connect_timeout, least..=minute)?;
        ConfigError::within("max_payload", self.max_payload, 65 << 10..=64 << 20)?;
        let most = u32::MAX as usize;
        ConfigError::within("outgoing", self.outgoing, self.max_payload as usize + OVERHEAD..=most)?;
        ConfigError::within("incoming", self.incoming, self.max_payload as usize + OVERHEAD..=most)?;
        if !Subjects::allow(&self.prefix) {
            return Err(ConnectError::Prefix);
        }
        if self.servers.is_empty() {
            return Err(ConnectError::NoServer);
        }
        let is_usable = |server: &ServerAddr| {
            matches!(server.scheme(), "nats" | "tls") && !server.has_user_pass() && server.password().is_none()
        };
        let server =
            |(index, url): (usize, &String)| url.parse().ok().filter(is_usable).ok_or(ConnectError::Server(index));
        self.servers.iter().enumerate().map(server).collect()
    }
}

/// Before each attempt, so that the nodes of a broker that was restarted do not come back at one moment.
fn jitter() -> Duration {
    Duration::from_millis(RandomState::new().hash_one(()) % 251)
}

/// The kind of an error of async-nats.
fn classified(error: async_nats::ConnectError) -> ConnectError {
    match error.kind() {
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => ConnectError::Credentials(error),
        ConnectErrorKind::Tls => ConnectError::Tls(error),
        _ if is_of_tls(&error) => ConnectError::Tls(error),
        _ => ConnectError::Unreachable(error),
    }
}

/// The error of a TLS handshake comes as an IO error.
fn is_of_tls(error: &async_nats::ConnectError) -> bool {
    let source = std::error::Error::source(error);
    let inner = source.and_then(|source| source.downcast_ref::<std::io::Error>()).and_then(std::io::Error::get_ref);
    inner.is_some_and(|inner| inner.is::<rustls::Error>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_to_connect_are_spread_over_a_quarter_of_a_second() {
        let delays: Vec<u128> = (0..1000).map(|_| jitter().as_millis()).collect();
        assert!(delays.iter().all(|delay| *delay <= 250));
        assert!((0..5).all(|fifth| delays.iter().any(|delay| delay / 50 == fifth)), "{delays:?}");
    }
}

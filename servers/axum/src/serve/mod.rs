//! The server: builder, run, shutdown.

mod accept;
mod body;
mod connection;
mod gate;
mod limits;
mod monitor;
mod socket;
mod tls;
mod watch;

use std::fmt;
use std::future::IntoFuture;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use heartline::ConfigError;
use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch as channel;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::codec::Codec;
use crate::hosts::Hosts;
use crate::proxies::Proxies;
use crate::server::{Server, Shutdown};

use accept::Connections;
use connection::Service;
use gate::Gate;
use monitor::Counts;
use tls::Tls;

pub use limits::Limits;
pub use monitor::{Monitor, SocketStats};
pub use socket::Socket;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;
type Drain = Box<dyn FnOnce(Duration) -> Task + Send>;

/// So long sockets may take to close after the last deadline of a shutdown.
const LAST: Duration = Duration::from_secs(1);

/// Serves HTTP/1.1, with upgrades, on the sockets of a listener.
///
/// Nothing happens before it is awaited. Handlers get the address of the socket's other end by
/// [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo), that of the client by [`ClientIp`](crate::ClientIp), and the
/// requested [`Host`](crate::Host).
///
/// A backlog of 1,024, which tokio's `TcpListener::bind` asks for, holds what a burst brings between two calls of accept.
pub fn serve(listener: TcpListener, app: Router) -> Serve {
    Serve {
        listener,
        app,
        limits: Limits::default(),
        proxies: Proxies::none(),
        hosts: Hosts::any(),
        tls: None,
        signal: Box::pin(std::future::pending()),
        drain: Box::new(|_| Box::pin(std::future::ready(()))),
        counts: Arc::default(),
    }
}

/// A server that is about to be awaited: see [`serve`].
///
/// Cancel safe in that nothing leaks: dropped, it closes the listener and each connection that was not upgraded.
#[must_use = "a server does nothing unless awaited"]
pub struct Serve {
    listener: TcpListener,
    app: Router,
    limits: Limits,
    proxies: Proxies,
    hosts: Hosts,
    tls: Option<Tls>,
    signal: Task,
    drain: Drain,
    counts: Arc<Counts>,
}

/// A shutdown took longer than its limit, and what was left has been closed or left to its owners.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the shutdown took longer than its limit; {open} sockets were still open")]
#[non_exhaustive]
pub struct Unfinished {
    /// How many sockets were open then. Those in HTTP have been closed; upgraded ones end with who holds them.
    pub open: u32,
}

impl Serve {
    /// Limits other than the [default](Limits::default).
    ///
    /// # Errors
    /// The first limit that lies outside of its range, by its name.
    pub fn limits(self, limits: Limits) -> Result<Self, ConfigError> {
        limits.check()?;
        Ok(Self { limits, ..self })
    }

    /// The proxies whose word about the client is taken. None by default.
    pub fn proxies(self, proxies: Proxies) -> Self {
        Self { proxies, ..self }
    }

    /// The hosts that are served; requests for others are answered with 421 before the application sees them. Any by
    /// default, which still refuses what is not one well-formed host.
    pub fn hosts(self, hosts: Hosts) -> Self {
        Self { hosts, ..self }
    }

    /// Shakes hands on each socket before HTTP, within [`Limits::handshake_timeout`]. With tokio-rustls:
    /// `.tls(move |tcp| acceptor.accept(tcp))`, whose configuration should offer no ALPN protocol but `http/1.1`.
    pub fn tls<A, F, S>(self, accept: A) -> Self
    where
        A: Fn(TcpStream) -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Self { tls: Some(tls::boxed(accept)), ..self }
    }

    /// Shuts the server down when `signal` resolves: it accepts no more, closes idle connections, lets requests that are
    /// under way finish, [drains](Self::drain), and returns when the last socket is closed, upgraded ones included, at the
    /// latest a second after [`Limits::shutdown_timeout`].
    pub fn shutdown(self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { signal: Box::pin(signal), ..self }
    }

    /// What to do at the shutdown about sockets that were upgraded, within the given time, which is
    /// [`Limits::shutdown_timeout`]. It is called when the listener is closed, and awaited besides requests under way.
    pub fn drain<D, F>(self, drain: D) -> Self
    where
        D: FnOnce(Duration) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self { drain: Box::new(|within| Box::pin(drain(within))), ..self }
    }

    /// At the shutdown the connections of this server are closed and drained, as [`Shutdown::default`] paces it and within
    /// the limit: what its [`drain`](Self::drain) is for.
    pub fn websockets<C: Codec>(self, server: &Server<C>) -> Self {
        let server = server.clone();
        self.drain(move |within| async move {
            server.shutdown(Shutdown { within, ..Shutdown::default() }).await;
        })
    }

    /// Counts what happens to sockets, to be read while the server runs.
    pub fn monitor(&self) -> Monitor {
        Monitor(self.counts.clone())
    }

    async fn run(self) -> Result<(), Unfinished> {
        let Self { listener, app, limits, proxies, hosts, tls, mut signal, drain, counts } = self;
        let within = limits.shutdown_timeout;
        let gate = Arc::new(Gate::new(limits.clone(), proxies.clone(), counts.clone()));
        let http = http(&limits);
        let service = Arc::new(Service { app: app.with_state(()), http, limits, proxies, hosts, tls, counts });
        let mut connections = Connections { service, gate, tasks: JoinSet::new(), stop: channel::Sender::new(false) };
        connections.accept(&listener, &mut signal).await;
        drop(listener);
        connections.shut(drain, within).await
    }
}

impl Connections {
    async fn shut(mut self, drain: Drain, within: Duration) -> Result<(), Unfinished> {
        let deadline = Instant::now() + within + LAST;
        self.stop.send_replace(true);
        let tasks = async {
            while let Some(joined) = self.tasks.join_next().await {
                self.service.counts.joined(joined);
            }
        };
        let all = async {
            tokio::join!(tasks, drain(within));
            self.gate.empty().await;
        };
        timeout_at(deadline, all).await.map_err(|_| Unfinished { open: self.gate.open() })
    }
}

/// Deadlines are not hyper's, whose only one makes an idle connection late with its next head.
fn http(limits: &Limits) -> http1::Builder {
    /// The least that hyper takes.
    const LEAST_BUFFER: usize = 8192;
    let head = limits.max_head as usize;
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(None);
    http.max_headers(limits.max_headers.into()).max_header_size(head).max_buf_size(head.max(LEAST_BUFFER));
    http
}

impl IntoFuture for Serve {
    type Output = Result<(), Unfinished>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for Serve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("listener", &self.listener)
            .field("limits", &self.limits)
            .field("proxies", &self.proxies)
            .field("hosts", &self.hosts)
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

//! A chat server on heartline-axum, to be run by a program or by a test, and to be copied.

mod chat;
mod events;
mod tokens;
mod web;

use std::error::Error;
use std::future::{IntoFuture as _, pending};
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use heartline_axum::heartline::hub::Settings;
use heartline_axum::serve::{Limits, Serve, Unfinished};
use heartline_axum::{Hosts, Origins, Proxies, Server, serve};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

pub use events::{Chat, Event, Request, SendError};
pub use tokens::{ShortSecret, Tokens};

/// Everything that can be set.
pub struct Options {
    /// Where clients come in. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Who users are.
    pub tokens: Tokens,
    /// Whether everybody gets the page, and a token for any name. On loopback only.
    pub demo: bool,
    /// The names of the server; none for those of loopback if it listens there, and for any if not.
    pub hosts: Vec<String>,
    /// The pages that may connect.
    pub origins: Origins,
    /// The proxies that clients come through.
    pub proxies: Proxies,
    /// What the hub allows.
    pub hub: Settings,
    /// What sockets and requests may take.
    pub http: Limits,
    /// Where `/metrics` is served, and from what; not where clients come in.
    pub metrics: Option<(SocketAddr, PrometheusHandle)>,
}

/// A server that listens, and answers when it is [run](Self::run).
pub struct Bound {
    /// Where clients come in.
    pub address: SocketAddr,
    /// Where `/metrics` is.
    pub metrics: Option<SocketAddr>,
    /// Who is connected.
    pub server: Server<Chat>,
    public: Serve,
    internal: Option<Serve>,
}

impl Options {
    /// The demo on a free port of loopback, without metrics.
    pub fn demo(tokens: Tokens) -> Self {
        Self {
            listen: ([127, 0, 0, 1], 0).into(),
            tokens,
            demo: true,
            hosts: Vec::new(),
            origins: Origins::same(),
            proxies: Proxies::none(),
            hub: Settings::default(),
            http: Limits::default(),
            metrics: None,
        }
    }

    fn served(&self, address: SocketAddr) -> Result<Hosts, impl Error + use<>> {
        let own = [address.to_string(), format!("localhost:{}", address.port())];
        match &self.hosts[..] {
            [] if address.ip().is_loopback() => Hosts::list(own),
            [] => Ok(Hosts::any()),
            hosts => Hosts::list(hosts),
        }
    }
}

impl Bound {
    /// Listens.
    ///
    /// # Errors
    /// An address cannot be had, a setting is not valid, or the demo is not on loopback.
    pub async fn new(options: Options) -> Result<Self, Box<dyn Error + Send + Sync>> {
        if options.demo && !options.listen.ip().is_loopback() {
            return Err("the demo gives anybody any name: it is for loopback only".into());
        }
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let hosts = options.served(address)?;
        let tokens = Arc::new(options.tokens);
        let server = chat::server(tokens.clone(), options.hub, options.origins)?;
        let demo = if options.demo { web::demo(tokens) } else { Router::new() };
        let app = demo.route("/ws", server.route());
        let public = serve(listener, app).limits(options.http)?.proxies(options.proxies).hosts(hosts);
        let (mut metrics, mut internal) = (None, None);
        if let Some((listen, recorder)) = options.metrics {
            let listener = TcpListener::bind(listen).await?;
            metrics = Some(listener.local_addr()?);
            internal = Some(serve(listener, web::metrics(recorder)));
        }
        Ok(Self { address, metrics, public: public.websockets(&server), internal, server })
    }

    /// Serves until `stop`, and then until every connection has been asked to come back later, and is closed.
    ///
    /// # Errors
    /// That took too long.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), Unfinished> {
        let internal = async {
            match self.internal {
                Some(internal) => internal.into_future().await,
                None => pending().await,
            }
        };
        tokio::select! {
            ended = self.public.shutdown(stop).into_future() => ended,
            ended = internal => ended,
        }
    }
}

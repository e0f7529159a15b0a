//! One connection: handshake, requests, end.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::ConnectInfo;
use axum::response::IntoResponse;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, sleep_until, timeout};
use tower::ServiceExt as _;

use crate::hosts::{Hosts, Scheme};
use crate::proxies::Proxies;
use crate::serve::Limits;

use super::body::{Answer, Noted, Whose};
use super::gate::Permit;
use super::monitor::Counts;
use super::socket::{Io, Socket};
use super::tls::Tls;
use super::watch::{Late, Watch};

/// What all connections of a server share.
pub(super) struct Service {
    pub(super) app: Router,
    pub(super) http: http1::Builder,
    pub(super) limits: Limits,
    pub(super) proxies: Proxies,
    pub(super) hosts: Hosts,
    pub(super) tls: Option<Tls>,
    pub(super) counts: Arc<Counts>,
}

/// How HTTP ended on a connection.
enum End {
    /// Closed, or upgraded.
    Done,
    Broken,
    Late(Late),
}

impl Service {
    /// Serves a connection until it is closed or upgraded; with `stop` it takes no further request. Dropped, it closes
    /// the connection.
    pub(super) async fn connection(
        self: Arc<Self>,
        tcp: TcpStream,
        peer: SocketAddr,
        permit: Permit,
        mut stop: Receiver<bool>,
    ) {
        let io = tokio::select! {
            io = self.handshake(tcp) => io,
            _ = stop.wait_for(|stop| *stop) => None,
        };
        let Some(io) = io else { return };
        let watch = Arc::new(Watch::new(self.limits.clone()));
        match self.http(Socket::new(io, &watch, permit), peer, &watch, stop).await {
            End::Done => {}
            End::Broken => self.counts.broken.add(),
            End::Late(what) => self.counts.late(what),
        }
    }

    async fn handshake(&self, tcp: TcpStream) -> Option<Io> {
        let Some(tls) = &self.tls else { return Some(Io::Tcp(tcp)) };
        match timeout(self.limits.handshake_timeout, tls(tcp)).await {
            Ok(Ok(stream)) => return Some(Io::Tls(stream)),
            Ok(Err(_)) => self.counts.failed_handshakes.add(),
            Err(_) => self.counts.late_handshakes.add(),
        }
        None
    }

    async fn http(self: &Arc<Self>, socket: Socket, peer: SocketAddr, watch: &Arc<Watch>, stop: Receiver<bool>) -> End {
        let service = hyper::service::service_fn(|request| self.clone().answer(request, peer, watch.clone()));
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(socket), service).with_upgrades());
        let mut stop = pin!(stopped(stop));
        let mut stopping = false;
        let mut sleep = pin!(sleep_until(Instant::now()));
        std::future::poll_fn(|cx| {
            if !stopping && stop.as_mut().poll(cx).is_ready() {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            if let Poll::Ready(done) = connection.as_mut().poll(cx) {
                return Poll::Ready(if done.is_ok() { End::Done } else { End::Broken });
            }
            // All that moves the deadline happens while the connection is polled, but for ends of bodies: they put it off.
            let Some((deadline, late)) = watch.deadline() else { return Poll::Pending };
            if sleep.deadline() != deadline {
                sleep.as_mut().reset(deadline);
            }
            ready!(sleep.as_mut().poll(cx));
            Poll::Ready(End::Late(late))
        })
        .await
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
        watch: Arc<Watch>,
    ) -> Result<Response<Answer>, std::convert::Infallible> {
        let turn = watch.request(!request.body().is_end_stream());
        let mut request = request.map(|body| Body::new(Noted::new(body, Whose::Request, watch.clone(), turn)));
        let scheme = if self.tls.is_some() { Scheme::Https } else { Scheme::Http };
        let extensions = request.extensions_mut();
        extensions.insert(ConnectInfo(peer));
        extensions.insert(self.proxies.clone());
        extensions.insert(scheme);
        let response = match self.hosts.admit(request) {
            Ok(request) => self.app.clone().oneshot(request).await?,
            Err(error) => error.into_response(),
        };
        Ok(response.map(|body| Noted::new(body, Whose::Response, watch, turn)))
    }
}

async fn stopped(mut stop: Receiver<bool>) {
    // An error says that the server is gone, which drops this connection, too.
    _ = stop.wait_for(|stop| *stop).await;
}

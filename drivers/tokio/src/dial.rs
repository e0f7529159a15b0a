//! From a request to an open connection.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use heartline::Loss;
use heartline::loss::TransportError;
use heartline_tungstenite::ended::EndError;
use heartline_tungstenite::{Address, Ended, Request, RequestError, Response, Tls};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tungstenite::handshake::client::{Request as HttpRequest, Response as HttpResponse};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{HandshakeError, WebSocket, client};

use crate::hooks::{ConnectHook, Dial, HookError, RequestHook};
use crate::wire::{Layer, Meter, Wire};

/// What every dial of a client needs.
pub(crate) struct Dialer {
    pub(crate) request: Request,
    pub(crate) request_hook: Option<RequestHook>,
    pub(crate) connect_hook: Option<ConnectHook>,
    pub(crate) tls: Tls,
    pub(crate) codec: WebSocketConfig,
    pub(crate) connect_timeout: Duration,
    pub(crate) max_redirects: u32,
    pub(crate) socket: SocketOptions,
}

/// What is asked of the operating system for each TCP connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SocketOptions {
    pub(crate) keepalive: Option<Duration>,
    pub(crate) user_timeout: Option<Duration>,
    pub(crate) unsent_low_water: Option<u32>,
}

/// A connection that is open.
pub(crate) struct Dialled {
    pub(crate) socket: WebSocket<Wire>,
    pub(crate) response: Response,
}

impl Dialer {
    /// Dials once, and follows redirects if that was asked for. Dropping the future ends the dial.
    pub(crate) async fn dial(self: Arc<Self>, dial: Dial) -> Result<Dialled, Ended> {
        let mut request = match &self.request_hook {
            Some(hook) => hook(dial).await.map_err(HookError::into_ended)?,
            None => dial.request,
        };
        for _ in 0..self.max_redirects {
            match self.open(request.clone()).await {
                Err(ended) => request = redirected(&request, ended)?,
                dialled => return dialled,
            }
        }
        self.open(request).await
    }

    /// One connection and its handshake.
    async fn open(&self, request: Request) -> Result<Dialled, Ended> {
        let address = request.address().clone();
        let http = request.into_http().map_err(|error: RequestError| Ended::from(error))?;
        let meter = match &self.connect_hook {
            Some(hook) => Meter::other(hook(address.clone()).await.map_err(|error| not_connected(&error))?),
            None => Meter::tcp(self.connect(&address).await?),
        };
        let layer = if address.tls { self.shake_hands(&address, meter).await? } else { Layer::Plain(meter) };
        let shaken = handshake(http, Wire::new(layer), self.codec).await;
        let (mut socket, response) = shaken.map_err(|error| Ended::from(&error))?;
        socket.get_mut().meter().open();
        Ok(Dialled { socket, response: response.into() })
    }

    async fn connect(&self, address: &Address) -> Result<TcpStream, Ended> {
        let found = lookup_host((address.host.as_str(), address.port)).await;
        let found: Vec<_> = found.map_err(|error| explained(TransportError::Resolve, &error))?.collect();
        // A share for each, or an address that swallows everything would keep the others from ever being tried.
        let share = self.connect_timeout / u32::try_from(found.len()).unwrap_or(u32::MAX).max(1);
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in found {
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    self.socket.apply(&stream).map_err(|error| explained(TransportError::Io, &error))?;
                    return Ok(stream);
                }
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(not_connected(&last))
    }

    #[cfg(any(feature = "rustls-tls", feature = "native-tls"))]
    async fn shake_hands(&self, address: &Address, meter: Meter) -> Result<Layer, Ended> {
        use heartline_tungstenite::tls::{Connector, TlsError};

        // The platform's roots are files.
        let tls = self.tls.clone();
        let connector = tokio::task::spawn_blocking(move || tls.connector()).await;
        let connector = connector.map_err(|_| Ended::from(TransportError::Tls))?.map_err(Ended::from)?;
        match connector {
            #[cfg(feature = "rustls-tls")]
            Connector::Rustls(config) => {
                let name = address.server_name().map_err(Ended::from)?;
                let stream = tokio_rustls::TlsConnector::from(config).connect(name, meter).await;
                let failed = |error: io::Error| Ended::from(&tungstenite::Error::Io(error));
                stream.map(|stream| Layer::Rustls(Box::new(stream))).map_err(failed)
            }
            #[cfg(feature = "native-tls")]
            Connector::Native(connector) => {
                let stream = tokio_native_tls::TlsConnector::from(connector).connect(&address.host, meter).await;
                let failed = |error: tokio_native_tls::native_tls::Error| {
                    Ended::from(TlsError::Handshake { reason: error.to_string() })
                };
                stream.map(|stream| Layer::Native(Box::new(stream))).map_err(failed)
            }
            _ => Err(TlsError::NotBuilt.into()),
        }
    }

    #[cfg(not(any(feature = "rustls-tls", feature = "native-tls")))]
    async fn shake_hands(&self, _: &Address, _: Meter) -> Result<Layer, Ended> {
        Err(self.tls.connector().map_or_else(Ended::from, |_| TransportError::Tls.into()))
    }
}

impl SocketOptions {
    fn apply(self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let socket = socket2::SockRef::from(stream);
        if let Some(idle) = self.keepalive {
            let keepalive = socket2::TcpKeepalive::new().with_time(idle).with_interval(idle);
            socket.set_tcp_keepalive(&keepalive)?;
        }
        // What the system does not know it cannot refuse: these are improvements, not conditions.
        #[cfg(any(target_os = "android", target_os = "linux"))]
        {
            if self.user_timeout.is_some() {
                _ = socket.set_tcp_user_timeout(self.user_timeout);
            }
            if let Some(bytes) = self.unsent_low_water {
                _ = socket.set_tcp_notsent_lowat(bytes);
            }
        }
        Ok(())
    }
}

/// The opening handshake of RFC 6455 §4.1.
async fn handshake(
    request: HttpRequest,
    mut wire: Wire,
    config: WebSocketConfig,
) -> Result<(WebSocket<Wire>, HttpResponse), tungstenite::Error> {
    let mut begin = {
        poll_fn(|cx| {
            wire.set_waker(cx.waker());
            Poll::Ready(())
        })
        .await;
        Some(client::client_with_config(request, wire, Some(config)))
    };
    poll_fn(|cx| {
        let result = match begin.take() {
            Some(Err(HandshakeError::Interrupted(mut waiting))) => {
                waiting.get_mut().get_mut().set_waker(cx.waker());
                waiting.handshake()
            }
            Some(result) => result,
            None => return Poll::Pending,
        };
        match result {
            Ok(open) => Poll::Ready(Ok(open)),
            Err(HandshakeError::Failure(error)) => Poll::Ready(Err(error)),
            waiting => {
                begin = Some(waiting);
                Poll::Pending
            }
        }
    })
    .await
}

/// The request that follows a redirect.
///
/// # Errors
/// The end as it was, if it is no redirect; with the reason, if it is one that must not be followed.
fn redirected(request: &Request, mut ended: Ended) -> Result<Request, Ended> {
    let response = ended.response.as_ref().filter(|response| response.is_redirect());
    let Some(location) = response.and_then(|response| response.location()) else { return Err(ended) };
    let next = request.redirected(location);
    next.map_err(|error| {
        ended.error = Some(EndError::Request(error));
        ended
    })
}

fn not_connected(error: &io::Error) -> Ended {
    explained(TransportError::Connect, error)
}

fn explained(loss: TransportError, error: &io::Error) -> Ended {
    let mut ended = Ended::from(Loss::Transport(loss));
    ended.error = Some(EndError::Io { kind: error.kind(), reason: error.to_string() });
    ended
}

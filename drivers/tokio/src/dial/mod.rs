//! From a request to an open connection.

mod secure;
mod tcp;

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;

use heartline::loss::TransportError;
use heartline_tungstenite::engine::{Buffered, Dialled, SockRef, SocketOptions, redirected};
use heartline_tungstenite::{Address, Ended, Proxies, Request, RequestError, Tls};
use tokio::net::{TcpStream, lookup_host};
use tungstenite::handshake::client::{Request as HttpRequest, Response as HttpResponse};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{HandshakeError, WebSocket, client};

use crate::hooks::{ConnectHook, Dial, RequestHook};
use crate::wire::{Layer, Meter, Polled, Wire};

/// What every dial of a client needs.
pub(crate) struct Dialer {
    pub(crate) request: Request,
    pub(crate) request_hook: Option<RequestHook>,
    pub(crate) connect_hook: Option<ConnectHook>,
    pub(crate) proxies: Proxies,
    pub(crate) tls: Tls,
    pub(crate) codec: WebSocketConfig,
    pub(crate) max_redirects: u32,
    pub(crate) socket: SocketOptions,
}

impl Dialer {
    /// Dials once, and follows redirects if that was asked for. Dropping the future ends the dial.
    pub(crate) async fn dial(self: Arc<Self>, dial: Dial) -> Result<Dialled<Wire>, Ended> {
        let mut request = match &self.request_hook {
            Some(hook) => hook(dial).await.map_err(Ended::from)?,
            None => self.request.clone(),
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
    async fn open(&self, request: Request) -> Result<Dialled<Wire>, Ended> {
        let address = request.address().clone();
        let http = request.into_http().map_err(|error: RequestError| Ended::from(error))?;
        let meter = self.connect(&address).await?;
        let layer = match address.tls {
            true => secure::shake_hands(&self.tls, &address, meter).await?,
            false => Layer::Plain(meter),
        };
        let shaken = handshake(http, Buffered::new(Wire::new(layer), self.codec)).await;
        let (mut socket, response) = shaken.map_err(|error| Ended::from(&error))?;
        socket.get_mut().get_mut().meter().open();
        Ok(Dialled { socket, response: response.into() })
    }

    /// The stream to the server, through the proxy that is to be asked for it.
    async fn connect(&self, address: &Address) -> Result<Meter, Ended> {
        let Some(proxy) = self.proxies.for_address(address) else { return self.reach(address).await };
        let mut handshake = proxy.handshake(address)?;
        let mut meter = self.reach(proxy.address()).await?;
        if proxy.address().tls {
            let layer = secure::shake_hands(&self.tls, proxy.address(), meter).await?;
            meter = Meter::other(layer.into_transport());
        }
        let asked = poll_fn(|cx| match handshake.advance(&mut Polled::new(&mut meter, cx.waker())) {
            Ok(false) => Poll::Pending,
            Ok(true) => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(Ended::from(error))),
        });
        asked.await?;
        Ok(meter)
    }

    /// The stream to this address.
    async fn reach(&self, address: &Address) -> Result<Meter, Ended> {
        if let Some(hook) = &self.connect_hook {
            return hook(address.clone()).await.map(Meter::other).map_err(|error| not_connected(&error));
        }
        let found = lookup_host((address.host.as_str(), address.port)).await;
        let found = found.map_err(|error| Ended::by_io(TransportError::Resolve, &error))?.collect();
        let stream = tcp::first(found, TcpStream::connect).await.map_err(|error| not_connected(&error))?;
        self.socket.apply(&SockRef::from(&stream)).map_err(|error| Ended::by_io(TransportError::Io, &error))?;
        Ok(Meter::tcp(stream))
    }
}

/// The opening handshake of RFC 6455 §4.1.
async fn handshake(
    request: HttpRequest,
    (mut wire, config): (Buffered<Wire>, WebSocketConfig),
) -> Result<(WebSocket<Buffered<Wire>>, HttpResponse), tungstenite::Error> {
    let mut begin = {
        poll_fn(|cx| {
            wire.get_mut().set_waker(cx.waker());
            Poll::Ready(())
        })
        .await;
        Some(client::client_with_config(request, wire, Some(config)))
    };
    poll_fn(|cx| {
        let result = match begin.take() {
            Some(Err(HandshakeError::Interrupted(mut waiting))) => {
                waiting.get_mut().get_mut().get_mut().set_waker(cx.waker());
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

fn not_connected(error: &io::Error) -> Ended {
    Ended::by_io(TransportError::Connect, error)
}

//! Real sockets: a document's server on tokio, and its page on the blocking driver.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use heartline::{Config, ConnId, Event, Instant, Settings, State};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};
use tungstenite::Message;

use crate::app::{Running, Say};
use crate::driver::{Handle, spawn};
use crate::page::{CONNECT, Notebook, Page, Seen};
use crate::serving::{Desk, Out, Rules, Served, Upgrade};

/// What a page uses: its driver, closed and joined in the end.
pub struct Client {
    handle: Handle,
    book: Notebook<(Instant, Seen)>,
}

impl Client {
    pub fn connect(settings: Settings, page: Page) -> Self {
        let config = Config::new(settings).expect("a valid config");
        let book = page.book.clone();
        let handle = spawn(config, 7, page).expect("a thread and a poll");
        handle.say(CONNECT);
        Self { handle, book }
    }

    pub fn say(&self, say: Say) {
        self.handle.say(say);
    }

    /// Says that it goes, and waits until everything was told.
    pub fn leave(self) {
        self.say(crate::page::leave());
        let closed = |seen: &Seen| matches!(seen, Seen::Event(Event::StateChanged { to: State::Closed, .. }));
        self.book.wait("the end", |notes| notes.iter().any(|(_, seen)| closed(seen)));
        Box::new(self.handle).join();
    }
}

struct Inside<R: Rules> {
    served: Served<R>,
    links: HashMap<ConnId, UnboundedSender<Out>>,
    /// Connections stay, and nothing is read or written any more.
    hung: bool,
}

struct Shared<R: Rules> {
    inside: Mutex<Inside<R>>,
    /// The deadline may have moved.
    moved: Notify,
    origin: std::time::Instant,
}

impl<R: Rules> Shared<R> {
    fn with<T>(&self, act: impl FnOnce(&mut Served<R>, Instant) -> T) -> T {
        let mut inside = self.inside.lock().expect("nobody panics in here");
        let result = act(&mut inside.served, Instant::after(self.origin.elapsed()));
        for (conn, out) in inside.served.out() {
            // A connection whose task has ended reports its end itself.
            let _ = inside.links.get(&conn).filter(|_| !inside.hung).map(|link| link.send(out));
        }
        self.moved.notify_one();
        result
    }

    fn hung(&self) -> bool {
        self.inside.lock().expect("nobody panics in here").hung
    }

    async fn tick(self: Arc<Self>) {
        loop {
            let deadline = self.inside.lock().expect("nobody panics in here").served.deadline();
            let left = deadline.map(|due| due.saturating_since(Instant::after(self.origin.elapsed())));
            tokio::select! {
                () = tokio::time::sleep(left.unwrap_or(Duration::MAX / 4)), if left.is_some() => {
                    self.with(|served, now| served.timer(now));
                }
                () = self.moved.notified() => {}
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        let mut admitted = None;
        #[expect(clippy::result_large_err, reason = "the signature that tungstenite asks for")]
        let hear = |request: &Request, response: Response| self.shake_hands(request, response, &mut admitted);
        let shaken = accept_hdr_async(stream, hear).await;
        let Some((conn, upgrade, mut post)) = admitted else { return };
        if let Ok(mut socket) = shaken {
            self.with(|served, now| served.opened(now, conn, &upgrade));
            while let Some(more) = self.turn(conn, &mut socket, &mut post).await {
                if !more {
                    break;
                }
            }
        }
        self.with(|served, now| served.closed(now, conn));
    }

    /// `None` or false when the connection is over.
    async fn turn(
        &self,
        conn: ConnId,
        socket: &mut tokio_tungstenite::WebSocketStream<TcpStream>,
        post: &mut UnboundedReceiver<Out>,
    ) -> Option<bool> {
        tokio::select! {
            frame = socket.next() => match frame?.ok()? {
                _ if self.hung() => Some(true),
                // The codec answers it when it is asked for the next frame.
                Message::Close(_) => Some(true),
                frame => {
                    self.with(|served, now| served.frame(now, conn, &frame));
                    Some(true)
                }
            },
            out = post.recv() => match out? {
                Out::Frame(frame) => Some(socket.send(frame).await.is_ok()),
                Out::Drop => None,
            },
        }
    }

    #[expect(clippy::result_large_err, reason = "the signature that tungstenite asks for")]
    fn shake_hands(
        &self,
        request: &Request,
        mut response: Response,
        admitted: &mut Option<(ConnId, Upgrade, UnboundedReceiver<Out>)>,
    ) -> Result<Response, ErrorResponse> {
        let head = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_string);
        let protocols = head(header::SEC_WEBSOCKET_PROTOCOL).unwrap_or_default();
        let upgrade = Upgrade {
            path: request.uri().to_string(),
            host: head(header::HOST).unwrap_or_default(),
            origin: head(header::ORIGIN),
            protocols: protocols.split(',').map(|name| name.trim().to_string()).collect(),
        };
        match self.with(|served, now| served.admit(now, &upgrade)) {
            Ok((conn, protocol)) => {
                if let Some(protocol) = protocol.and_then(|name| HeaderValue::from_str(&name).ok()) {
                    response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
                }
                let (sender, receiver) = unbounded_channel();
                self.inside.lock().expect("nobody panics in here").links.insert(conn, sender);
                *admitted = Some((conn, upgrade, receiver));
                Ok(response)
            }
            Err((status, _)) => {
                let mut refusal = ErrorResponse::new(None);
                *refusal.status_mut() = StatusCode::from_u16(status).expect("a status");
                Err(refusal)
            }
        }
    }
}

/// A server on loopback.
pub struct Host<R: Rules> {
    shared: Arc<Shared<R>>,
    runtime: Runtime,
    address: SocketAddr,
    listening: Option<JoinHandle<()>>,
}

impl<R: Rules> Host<R> {
    pub fn start(served: Served<R>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let inside = Mutex::new(Inside { served, links: HashMap::new(), hung: false });
        let shared = Arc::new(Shared { inside, moved: Notify::new(), origin: std::time::Instant::now() });
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut host = Self { shared, runtime: runtime.expect("a runtime"), address, listening: None };
        host.runtime.spawn(Arc::clone(&host.shared).tick());
        host.listen();
        host
    }

    /// Accepts connections, again on the same port after `stop`.
    pub fn listen(&mut self) {
        let listener = self.runtime.block_on(TcpListener::bind(self.address)).expect("a port");
        self.address = listener.local_addr().expect("an address");
        let shared = Arc::clone(&self.shared);
        self.listening = Some(self.runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&shared).connection(stream));
            }
        }));
    }

    /// Breaks every connection and refuses dials.
    pub fn stop(&mut self) {
        if let Some(listening) = self.listening.take() {
            listening.abort();
            // Its socket is gone once it has ended.
            let _ = self.runtime.block_on(listening);
        }
        self.kill();
    }

    /// Breaks every connection.
    pub fn kill(&self) {
        self.shared.inside.lock().expect("nobody panics in here").links.clear();
    }

    /// Connections stay, and the server says no more.
    pub fn hang(&self, hung: bool) {
        self.shared.inside.lock().expect("nobody panics in here").hung = hung;
    }

    pub fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    pub fn serve<T>(&self, act: impl FnOnce(&mut R, &mut Desk<R::Key>) -> T) -> T {
        let mut result = None;
        self.shared.with(|served, now| served.act(now, |rules, desk| result = Some(act(rules, desk))));
        result.expect("it was called")
    }
}

//! A server that runs, and a client that may do what it likes.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use axum::routing::{any, get, post};
use heartline_axum::serve::{Limits, Monitor, Serve, Socket, SocketStats, Unfinished};
use heartline_axum::{ClientIp, Host, serve};
use heartline_driver_testing::PATIENCE;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longer than any test.
pub const EVER: Duration = Duration::from_secs(3600);
/// Short, where a limit is to be reached.
pub const SOON: Duration = Duration::from_millis(150);

pub const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

/// No limit on time is reached.
pub fn patient() -> Limits {
    Limits {
        handshake_timeout: EVER,
        header_timeout: EVER,
        body_timeout: EVER,
        keep_alive_timeout: EVER,
        write_timeout: EVER,
        shutdown_timeout: EVER,
        ..Limits::default()
    }
}

pub struct Server {
    pub address: SocketAddr,
    pub monitor: Monitor,
    /// Sockets that `/upgrade` upgraded.
    pub upgraded: mpsc::UnboundedReceiver<(TokioIo<Socket>, Bytes)>,
    /// One message lets one `/wait` answer.
    pub answer: mpsc::UnboundedSender<()>,
    /// One message from each `/wait` that was asked.
    pub asked: mpsc::UnboundedReceiver<()>,
    stop: Option<oneshot::Sender<()>>,
    done: JoinHandle<Result<(), Unfinished>>,
}

impl Server {
    pub async fn start(limits: Limits) -> Self {
        Self::with(limits, |serve| serve).await
    }

    pub async fn with(limits: Limits, more: impl FnOnce(Serve) -> Serve) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (upgrades, upgraded) = mpsc::unbounded_channel();
        let (answer, answers) = mpsc::unbounded_channel();
        let (asks, asked) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = more(serve(listener, app(upgrades, asks, answers)).limits(limits).expect("limits"));
        let monitor = server.monitor();
        let server = server.shutdown(async { _ = stopped.await });
        let done = tokio::spawn(server.into_future());
        Self { address, monitor, upgraded, answer, asked, stop: Some(stop), done }
    }

    pub async fn client(&self) -> Client {
        Client(TcpStream::connect(self.address).await.expect("a connection"))
    }

    /// `None` if the server resets the connection before this client has noticed that it has one.
    pub async fn client_if_let(&self) -> Option<Client> {
        TcpStream::connect(self.address).await.ok().map(Client)
    }

    /// From another address of this machine.
    pub async fn client_from(&self, source: [u8; 4]) -> Client {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((source, 0).into()).expect("an address of the loopback");
        Client(socket.connect(self.address).await.expect("a connection"))
    }

    pub fn stop(&mut self) {
        self.stop.take().expect("stopped once").send(()).expect("a server that runs");
    }

    /// Returns when it accepts no more.
    pub async fn refuses(&self) {
        let refused = async { while TcpStream::connect(self.address).await.is_ok() {} };
        timeout(PATIENCE, refused).await.expect("the listener to close");
    }

    /// Drops it.
    pub fn abort(&self) {
        self.done.abort();
    }

    /// How the server ended.
    pub async fn ended(self) -> Result<(), Unfinished> {
        drop(self.stop);
        timeout(PATIENCE, self.done).await.expect("the end of the server").expect("no panic")
    }

    /// Returns when the counts are as wanted.
    pub async fn counts(&self, wanted: impl Fn(SocketStats) -> bool) {
        let counted = timeout(PATIENCE, async {
            while !wanted(self.monitor.stats()) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        assert!(counted.await.is_ok(), "{:?}", self.monitor.stats());
    }
}

pub struct Client(pub TcpStream);

impl Client {
    pub async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("an open connection");
    }

    /// What comes until this does.
    pub async fn read_until(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            let byte = timeout(PATIENCE, self.0.read_u8()).await.expect("more").expect(&text);
            text.push(byte.into());
        }
        text
    }

    /// What comes until the server closes.
    pub async fn read_all(&mut self) -> String {
        let mut bytes = Vec::new();
        // Closed with a reset is closed, too.
        _ = timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await.expect("the server to close");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// A request on a connection that stays open, and its answer, which ends in `!`, as nothing before it does.
    pub async fn get(&mut self, path: &str) -> String {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n").as_bytes()).await;
        self.read_until("!").await
    }
}

fn app(
    upgrades: mpsc::UnboundedSender<(TokioIo<Socket>, Bytes)>,
    asks: mpsc::UnboundedSender<()>,
    answers: mpsc::UnboundedReceiver<()>,
) -> Router {
    let answers = std::sync::Arc::new(tokio::sync::Mutex::new(answers));
    let wait = move || async move {
        asks.send(()).expect("a test that listens");
        answers.lock().await.recv().await.expect("an answer");
        "waited!"
    };
    let held = {
        let wait = wait.clone();
        move |mut body: Body| async move {
            while poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.is_some() {}
            let waited = wait().await;
            drop(body);
            waited
        }
    };
    Router::new()
        .route("/", get(|| async { "hello!" }))
        .route("/peer", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { format!("{}!", peer.port()) }))
        .route("/client", get(|ClientIp(client): ClientIp| async move { format!("{client}!") }))
        .route(
            "/host",
            get(|host: Host| async move { format!("{:?} {} {}!", host.scheme(), host.name(), host.port()) }),
        )
        .route("/body", post(|body: Bytes| async move { format!("{}!", body.len()) }))
        .route("/ignored", post(|| async { "ignored!" }))
        .route("/wait", any(wait))
        .route("/held", post(held))
        .route(
            "/panic",
            get(|| async {
                if true {
                    panic!("as the test wants")
                }
            }),
        )
        .route("/endless", get(|| async { Body::new(Endless) }))
        .route("/upgrade", get(move |request| upgrade(request, upgrades.clone())))
}

async fn upgrade(mut request: Request, upgrades: mpsc::UnboundedSender<(TokioIo<Socket>, Bytes)>) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let parts = upgrade.await.expect("an upgrade").downcast().expect("the socket of the server");
        upgrades.send((parts.io, parts.read_buf)).expect("a test that listens");
    });
    let response = Response::builder().status(101).header("Connection", "upgrade").header("Upgrade", "test");
    response.body(Body::empty()).expect("a response")
}

/// A body without end.
struct Endless;

impl HttpBody for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from_static(&[0; 4096])))))
    }
}

//! A server with a bystander that must not notice anything, and clients for it.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use heartline_axum::Server;
use heartline_axum::heartline::hub::{Settings, Stats};
use heartline_axum::tungstenite::{Error, Message};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};

use heartline_example_server::{Bound, Chat, Options, Tokens};

use crate::HOUR;

/// How long to wait for what must come. Nothing is concluded from how long it takes.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what}: nothing for {PATIENCE:?}"))
}

/// What signs the tests' tokens.
pub const SECRET: &[u8] = b"a secret of the tests, which everybody may know";

/// A token that is good for an hour.
pub fn token(name: &str) -> String {
    Tokens::signed_by(SECRET).expect("it is long enough").mint(name, HOUR).expect("a name")
}

/// A server, and a bystander that sends one thing after the other, gets every answer, and nothing else.
pub struct Site {
    pub address: SocketAddr,
    server: Server<Chat>,
    running: JoinHandle<()>,
    bystander: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Site {
    pub async fn start(hub: Settings) -> Self {
        let site = Self::alone(hub).await;
        let (stop, stopped) = oneshot::channel();
        let bystander = tokio::spawn(stand_by(site.login("bystander").await, stopped));
        Self { bystander: Some((stop, bystander)), ..site }
    }

    /// Without a bystander.
    pub async fn alone(hub: Settings) -> Self {
        let tokens = Tokens::signed_by(SECRET).expect("it is long enough");
        let bound = Bound::new(Options { hub, ..Options::demo(tokens) }).await.expect("a server");
        let (address, server) = (bound.address, bound.server.clone());
        let running = tokio::spawn(async move { bound.run(std::future::pending()).await.expect("no end") });
        Self { address, server, running, bystander: None }
    }

    /// The bystander noticed nothing. What the hub has counted.
    pub async fn end(self) -> Stats {
        if let Some((stop, bystander)) = self.bystander {
            stop.send(()).expect("still there");
            bystander.await.expect("unharmed");
        }
        self.running.abort();
        self.server.stats().hub
    }

    pub async fn dial(&self) -> Client {
        self.try_dial(&[]).await.expect("the handshake")
    }

    pub async fn try_dial(&self, headers: &[(&'static str, &str)]) -> Result<Client, Error> {
        Client::dial(self.address, "/ws", headers).await
    }

    pub async fn login(&self, name: &str) -> Client {
        Client::login(self.address, name).await
    }

    /// By a path with a query.
    pub async fn dial_at(&self, path: &str) -> Result<Client, Error> {
        Client::dial(self.address, path, &[]).await
    }

    /// Sends bytes before any handshake.
    pub async fn connect(&self, request: &str) -> TcpStream {
        let mut tcp = TcpStream::connect(self.address).await.expect("a connection");
        tcp.write_all(request.as_bytes()).await.expect("written");
        tcp
    }

    /// What a plain HTTP request is answered with. `HOST` in it is the server's.
    pub async fn request(&self, request: &str) -> String {
        let request = &request.replace("HOST", &self.address.to_string());
        let mut answer = String::new();
        soon("answer", self.connect(request).await.read_to_string(&mut answer)).await.expect("an answer");
        answer
    }

    /// An upgrade request as text.
    pub fn upgrade(&self, path: &str, headers: &str) -> String {
        format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n",
            self.address
        )
    }
}

async fn stand_by(mut client: Client, mut stopped: oneshot::Receiver<()>) {
    while stopped.try_recv().is_err() {
        client.heart().await;
    }
    for id in 0..3 {
        client.heart().await;
        let message = client.ask(json!({"event": "send", "to": "bystander", "text": "to myself", "id": id})).await;
        assert_eq!((&message["event"], &message["id"]), (&json!("text"), &json!(id)));
        assert_eq!(client.receive().await, json!({"event": "sent", "id": id, "reached": 1}));
    }
}

pub struct Client {
    pub socket: WebSocketStream<TcpStream>,
}

impl Client {
    async fn dial(address: SocketAddr, path: &str, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        let mut request = format!("ws://{address}{path}").into_client_request().expect("a request");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header"));
        }
        let tcp = TcpStream::connect(address).await.expect("a connection");
        let (socket, _) = soon("handshake", client_async(request, tcp)).await?;
        Ok(Self { socket })
    }

    async fn login(address: SocketAddr, name: &str) -> Self {
        let mut client = Self::dial(address, "/ws", &[]).await.expect("the handshake");
        let greeting = client.ask(json!({"event": "login", "token": token(name)})).await;
        assert_eq!(greeting, json!({"event": "open", "msg": "ok", "user": name}));
        client
    }

    pub async fn send(&mut self, event: Value) {
        self.text(&event.to_string()).await;
    }

    pub async fn text(&mut self, text: &str) {
        soon("send", self.socket.send(text.into())).await.expect("sent");
    }

    /// Bytes that no codec would write.
    pub async fn bytes(&mut self, bytes: &[u8]) {
        soon("write", self.socket.get_mut().write_all(bytes)).await.expect("written");
    }

    /// The next event. Only pings may come in between.
    pub async fn receive(&mut self) -> Value {
        loop {
            match soon("event", self.socket.next()).await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).expect("JSON"),
                Some(Ok(Message::Ping(_))) => {}
                other => panic!("{other:?} instead of an event"),
            }
        }
    }

    /// What comes next after this was sent.
    pub async fn ask(&mut self, event: Value) -> Value {
        self.send(event).await;
        self.receive().await
    }

    /// It is there, and nothing came before the answer.
    pub async fn heart(&mut self) {
        assert_eq!(self.ask(json!({"event": "heart"})).await, json!({"event": "heart"}));
    }

    /// The close frame that comes, whatever comes before.
    pub async fn closed(mut self) -> (u16, String) {
        loop {
            match soon("close", self.socket.next()).await {
                Some(Ok(Message::Close(frame))) => {
                    let frame = frame.expect("a code");
                    // The end is an orderly one: a reset might have taken the close frame away.
                    while let Some(last) = soon("end", self.socket.next()).await {
                        last.expect("no reset");
                    }
                    return (frame.code.into(), frame.reason.to_string());
                }
                Some(Ok(_)) => {}
                other => panic!("{other:?} instead of a close frame"),
            }
        }
    }
}

/// The status and the `Retry-After` of a dial that was refused.
pub fn refused(dialled: Result<Client, Error>) -> (u16, Option<u64>) {
    match dialled {
        Err(Error::Http(response)) => {
            let wait = response.headers().get("Retry-After").map(|wait| wait.to_str().expect("text").parse());
            (response.status().as_u16(), wait.map(|wait| wait.expect("seconds")))
        }
        Err(error) => panic!("{error} instead of a refusal"),
        Ok(_) => panic!("it was admitted"),
    }
}

//! A server on a real socket, and clients for it.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use futures_util::{SinkExt as _, StreamExt as _};
use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline::hub::Settings;
use heartline_axum::{Access, Builder, Deny, Server, User};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::{WebSocketStream, client_async};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::handshake::client::Response;
use tungstenite::{Error, Message};

use crate::words::{Say, Words};

pub const MILLI: Duration = Duration::from_millis(1);
pub const HOUR: Duration = Duration::from_secs(3600);
/// How long to wait for what must come. Nothing is concluded from how long it takes.
const PATIENCE: Duration = Duration::from_secs(20);

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what}: nothing for {PATIENCE:?}"))
}

/// Until it is so.
pub async fn until(what: &str, mut so: impl FnMut() -> bool) {
    soon(what, async {
        while !so() {
            tokio::time::sleep(MILLI).await;
        }
    })
    .await;
}

/// Nothing happens by itself, unless a test asks for it.
pub fn quiet() -> Settings {
    Settings {
        heartbeat: HeartbeatConfig { mode: HeartbeatMode::Off, slow_after: None, late_tolerance: HOUR },
        login_timeout: HOUR,
        reply_gap: HOUR,
        messages: None,
        bytes: None,
        ..Settings::default()
    }
}

/// A server that does what the words say, and takes `Authorization: Bearer NAME` for the login of that name.
pub fn plain(settings: Settings) -> Builder<Words> {
    Server::builder(Words, settings)
        .authenticate(|request| async move {
            match request.bearer() {
                Some("mallory") => Err(Deny::unauthorized("no valid token").retry_after(Duration::from_millis(1500))),
                Some(name) => Ok(Access::user(name.to_owned())),
                None => Ok(Access::Later),
            }
        })
        .on_login(|_, name: String| async move {
            if name == "mallory" { Err(Deny::unauthorized("no valid name")) } else { Ok(User::new(name)) }
        })
        .on_message(|cx, say| async move { say.carry_out(&cx).await })
}

pub struct Site {
    pub server: Server<Words>,
    pub address: SocketAddr,
}

impl Site {
    pub async fn start(builder: Builder<Words>) -> Self {
        let server = builder.build().expect("a server");
        let app = Router::new().route("/ws", server.route());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { server, address }
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    pub async fn try_dial(&self, headers: &[(&'static str, &str)]) -> Result<Client, Error> {
        let mut request = format!("ws://{}/ws", self.address).into_client_request().expect("a request");
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().expect("a header"));
        }
        let (socket, response) = soon("handshake", client_async(request, self.connect().await)).await?;
        Ok(Client { socket, response })
    }

    /// Not logged in.
    pub async fn dial(&self) -> Client {
        self.try_dial(&[]).await.expect("the handshake")
    }

    /// Logged in by its request.
    pub async fn enter(&self, name: &str) -> Client {
        let token = format!("Bearer {name}");
        let mut client = self.try_dial(&[("Authorization", &token)]).await.expect("the handshake");
        assert_eq!(client.receive().await, format!("hello {name}"));
        client
    }

    /// An upgrade request as text.
    pub fn request(&self, headers: &str) -> String {
        format!(
            "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n",
            self.address
        )
    }

    /// It is there for everybody else.
    pub async fn is_unharmed(&self) {
        let (mut one, mut two) = (self.enter("bystander one").await, self.enter("bystander two").await);
        one.say("to bystander two|still there?").await;
        assert_eq!(two.receive().await, "bystander one: still there?");
        two.ping().await;
    }
}

pub struct Client<S = TcpStream> {
    pub socket: WebSocketStream<S>,
    pub response: Response,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub async fn say(&mut self, text: &str) {
        soon("send", self.socket.send(text.into())).await.expect("sent");
    }

    pub async fn frame(&mut self) -> Message {
        soon("frame", self.socket.next()).await.expect("a frame").expect("a frame")
    }

    /// The next text. Only pings may come in between.
    pub async fn receive(&mut self) -> String {
        loop {
            match self.frame().await {
                Message::Text(text) => return text.to_string(),
                Message::Ping(_) => {}
                other => panic!("{other:?} instead of a text"),
            }
        }
    }

    pub async fn ask(&mut self, text: &str) -> String {
        self.say(text).await;
        self.receive().await
    }

    /// It is there, and nothing came before the answer.
    pub async fn ping(&mut self) {
        assert_eq!(self.ask("ping").await, "pong");
    }

    /// The close frame that comes, whatever comes before, and then an orderly end: a reset might have taken it away.
    pub async fn closed(mut self) -> (u16, String) {
        loop {
            match soon("close", self.socket.next()).await {
                Some(Ok(Message::Close(frame))) => {
                    let frame = frame.expect("a code");
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

impl Client {
    /// Bytes that no codec would write.
    pub async fn bytes(&mut self, bytes: &[u8]) {
        soon("write", self.socket.get_mut().write_all(bytes)).await.expect("written");
    }
}

/// The status, the `Retry-After` and the text of a dial that was refused.
pub fn refused(dialled: Result<Client, Error>) -> (u16, Option<u64>, String) {
    match dialled {
        Err(Error::Http(response)) => {
            let wait = response.headers().get("Retry-After").map(|wait| wait.to_str().expect("text").parse());
            let text = String::from_utf8(response.body().clone().unwrap_or_default()).expect("text");
            (response.status().as_u16(), wait.map(|wait| wait.expect("seconds")), text)
        }
        Err(error) => panic!("{error} instead of a refusal"),
        Ok(_) => panic!("it was admitted"),
    }
}

impl Say {
    async fn carry_out(self, cx: &heartline_axum::Cx<Words>) -> Result<(), axum::BoxError> {
        let me = cx.user().cloned().unwrap_or_default();
        match self {
            Self::To(to, text) => match cx.relay(&to, &format!("{me}: {text}")).await {
                Ok(()) => {}
                Err(undelivered) => cx.reply(&format!("{to}: {undelivered}"))?,
            },
            Self::All(text) => {
                let reached = cx.broadcast(heartline_axum::Audience::All, &format!("{me} to all: {text}"))?;
                cx.reply(&format!("reached {}", reached.reached))?;
            }
            Self::Room(room, text) => _ = cx.broadcast(room.as_str(), &format!("{me} in {room}: {text}"))?,
            Self::Join(room) => cx.reply(&format!("{} in {room}", cx.join(room.as_str())?))?,
            Self::Watch => cx.watch_presence(),
            Self::Close(code, reason) => cx.close(heartline::CloseCode::new(code)?, reason),
            Self::Panic => panic!("as the test wants it"),
            Self::Fail => return Err("as the test wants it".into()),
            Self::Forever => std::future::pending().await,
            Self::Echo(text) => cx.reply(&text)?,
        }
        Ok(())
    }
}

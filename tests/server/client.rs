//! A client that does as it is told, and a bystander that must not notice.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::{WebSocketStream, client_async};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::handshake::client::Response;
use tungstenite::{Error, Message};

/// How long to wait for what must come. Nothing is concluded from how long it takes.
const PATIENCE: Duration = Duration::from_secs(20);

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what}: nothing for {PATIENCE:?}"))
}

pub struct Client {
    pub socket: WebSocketStream<TcpStream>,
    pub response: Response,
}

impl Client {
    pub async fn dial(address: SocketAddr) -> Self {
        Self::dial_as(address, "/ws", &[]).await.expect("the handshake")
    }

    pub async fn dial_as(address: SocketAddr, path: &str, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        let mut request = format!("ws://{address}{path}").into_client_request().expect("a request");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header"));
        }
        let tcp = TcpStream::connect(address).await.expect("a connection");
        let (socket, response) = soon("handshake", client_async(request, tcp)).await?;
        Ok(Self { socket, response })
    }

    pub async fn login(address: SocketAddr, name: &str) -> Self {
        let mut client = Self::dial(address).await;
        client.say(json!({"event": "login", "user": name})).await;
        assert_eq!(client.hear().await, json!({"event": "open", "msg": "ok", "user": name}));
        client
    }

    /// Logged in by its path.
    pub async fn enter(address: SocketAddr, path: &str) -> Self {
        let mut client = Self::dial_as(address, path, &[]).await.expect("the handshake");
        let greeting = client.hear().await;
        assert_eq!((&greeting["event"], &greeting["msg"]), (&json!("open"), &json!("ok")));
        client
    }

    pub async fn say(&mut self, event: Value) {
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
    pub async fn hear(&mut self) -> Value {
        loop {
            match soon("event", self.socket.next()).await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).expect("JSON"),
                Some(Ok(Message::Ping(_))) => {}
                other => panic!("{other:?} instead of an event"),
            }
        }
    }

    /// A heartbeat comes back, and nothing before it.
    pub async fn heart(&mut self) {
        self.say(json!({"event": "heart"})).await;
        assert_eq!(self.hear().await, json!({"event": "heart"}));
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

/// What a plain HTTP request is answered with.
pub async fn request(address: SocketAddr, request: &str) -> String {
    let mut tcp = TcpStream::connect(address).await.expect("a connection");
    tcp.write_all(request.as_bytes()).await.expect("written");
    let mut answer = String::new();
    soon("answer", tcp.read_to_string(&mut answer)).await.expect("an answer");
    answer
}

/// Somebody else, who says one thing after the other and gets every answer, and nothing besides.
pub struct Bystander {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Bystander {
    pub async fn enter(address: SocketAddr) -> Self {
        let mut client = Client::login(address, "bystander").await;
        client.heart().await;
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            while stopped.try_recv().is_err() {
                client.heart().await;
            }
            for id in 0..3 {
                client.heart().await;
                client.say(json!({"event": "send", "to": "bystander", "text": "to myself", "id": id})).await;
                let heard = client.hear().await;
                assert_eq!((&heard["event"], &heard["id"]), (&json!("message"), &json!(id)));
                assert_eq!(client.hear().await, json!({"event": "sent", "id": id, "reached": 1}));
            }
        });
        Self { stop, task }
    }

    /// It is there still, and noticed nothing.
    pub async fn unharmed(self) {
        self.stop.send(()).expect("still there");
        self.task.await.expect("unharmed");
    }
}

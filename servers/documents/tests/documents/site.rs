//! What a document's server runs on, and a client that may do what it likes.

use std::net::SocketAddr;

use axum::Router;
use futures_util::{SinkExt as _, StreamExt as _};
use heartline_axum::tungstenite::client::IntoClientRequest as _;
use heartline_axum::tungstenite::handshake::client::Response;
use heartline_axum::tungstenite::protocol::CloseFrame;
use heartline_axum::tungstenite::{Error, Message};
use heartline_documents::log::Log;
use heartline_driver_testing::PATIENCE;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::{WebSocketStream, client_async};

/// Serves these routes for as long as the test runs.
pub async fn listen(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(heartline_axum::serve(listener, app).into_future());
    address
}

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what}: nothing for {PATIENCE:?}"))
}

/// Waiting for a log.
pub trait Patient {
    /// Waits until there is a line that begins with this.
    async fn wait(&self, start: &str);
}

impl Patient for Log {
    async fn wait(&self, start: &str) {
        let found = timeout(PATIENCE, self.until(start)).await;
        found.unwrap_or_else(|_| panic!("no line {start:?} for {PATIENCE:?}: {:#?}", self.lines("")));
    }
}

/// A client without a session.
pub struct Raw {
    pub socket: WebSocketStream<TcpStream>,
    pub response: Response,
}

impl Raw {
    pub async fn try_dial(url: &str, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        let mut request = url.into_client_request().expect("a URL");
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().expect("a header"));
        }
        let tcp =
            TcpStream::connect(request.uri().authority().expect("an address").as_str()).await.expect("it listens");
        let (socket, response) = soon("a handshake", client_async(request, tcp)).await?;
        Ok(Self { socket, response })
    }

    pub async fn dial(url: &str, headers: &[(&'static str, &str)]) -> Self {
        Self::try_dial(url, headers).await.expect("a handshake")
    }

    pub async fn send(&mut self, message: impl Into<Message>) {
        soon("send", self.socket.send(message.into())).await.expect("sent");
    }

    /// Bytes that no codec would write.
    pub async fn bytes(&mut self, bytes: &[u8]) {
        soon("write", self.socket.get_mut().write_all(bytes)).await.expect("written");
    }

    /// The next frame.
    pub async fn frame(&mut self) -> Message {
        soon("a frame", self.socket.next()).await.expect("a frame").expect("a frame")
    }

    /// The next text; nothing else may come before it.
    pub async fn text(&mut self) -> String {
        match self.frame().await {
            Message::Text(text) => text.to_string(),
            other => panic!("{other:?} instead of a text"),
        }
    }

    /// The code and the reason of the close frame that comes next, and the end of the connection.
    pub async fn closed(mut self) -> (u16, String) {
        match self.frame().await {
            Message::Close(Some(frame)) => {
                self.ended().await;
                (frame.code.into(), frame.reason.to_string())
            }
            other => panic!("{other:?} instead of a close frame with a code"),
        }
    }

    /// Closes it, and waits for its end.
    pub async fn close(mut self, frame: Option<CloseFrame>) {
        self.send(Message::Close(frame)).await;
        self.ended().await;
    }

    async fn ended(&mut self) {
        while let Some(frame) = soon("the end", self.socket.next()).await {
            frame.expect("an orderly end");
        }
    }
}

/// The status of a dial that was refused, and the text of the answer.
pub fn refused(dialled: Result<Raw, Error>) -> (u16, String) {
    match dialled {
        Err(Error::Http(response)) => {
            let text = String::from_utf8(response.body().clone().unwrap_or_default()).expect("text");
            (response.status().as_u16(), text)
        }
        Err(error) => panic!("{error} instead of a refusal"),
        Ok(_) => panic!("it was admitted"),
    }
}

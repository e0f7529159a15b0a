//! Servers of the tests: in memory on a paused clock, or on loopback.
#![allow(dead_code)] // Each test file uses some of it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use heartline_tokio::codec::Frames;
use heartline_tokio::heartline::Settings;
use heartline_tokio::heartline::backoff::Backoff;
use heartline_tokio::tungstenite::protocol::CloseFrame;
use heartline_tokio::{Address, Builder, Client, Clock, Incoming, Message, Received, State};
use tokio::io::DuplexStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_tungstenite::{WebSocketStream, accept_async};

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(2000);

pub const SECOND: Duration = Duration::from_secs(1);

/// Connections that clients have dialled, without a network.
pub struct Network(UnboundedReceiver<DuplexStream>);

/// The server's side of a connection.
pub type Peer = WebSocketStream<DuplexStream>;

impl Network {
    /// The next connection, before its handshake.
    pub async fn raw(&mut self) -> DuplexStream {
        self.0.recv().await.expect("a client that dials")
    }

    pub async fn accept(&mut self) -> Peer {
        accept_async(self.raw().await).await.expect("a handshake")
    }

    /// Whether nobody has dialled since.
    pub fn is_quiet(&mut self) -> bool {
        self.0.try_recv().is_err()
    }
}

/// A client that dials into memory, with buffers of this size, and retries a second after each loss.
pub fn client(buffer: usize) -> (Builder, Network) {
    let (dials, network) = unbounded_channel();
    let dials: UnboundedSender<DuplexStream> = dials;
    let dials = Arc::new(dials);
    let builder = Client::builder("ws://server.test/").connector(move |_: Address| {
        let dials = dials.clone();
        async move {
            let (ours, theirs) = tokio::io::duplex(buffer);
            dials.send(theirs).map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
            Ok(ours)
        }
    });
    let settings = Settings { backoff: Backoff::constant(SECOND), ..Settings::default() };
    (builder.session(settings).clock(Clock::tokio()), Network(network))
}

pub fn text(text: impl ToString) -> Message {
    Message::text(text.to_string())
}

pub fn close(code: u16) -> Message {
    Message::Close(Some(CloseFrame { code: code.into(), reason: "".into() }))
}

/// The next data message that the client sent, past pings and pongs.
pub async fn heard(peer: &mut Peer) -> Option<String> {
    loop {
        match peer.next().await? {
            Ok(Message::Text(text)) => return Some(text.to_string()),
            Ok(Message::Close(_)) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

pub async fn say(peer: &mut Peer, what: impl ToString) {
    peer.send(text(what)).await.expect("a client that reads");
}

/// The next text that the client received, past events.
pub async fn next_text(incoming: &mut Incoming<Message>) -> Option<String> {
    let next = tokio::time::timeout(PATIENCE, incoming.next_message()).await.expect("a message, or the end");
    next.map(|message| message.to_string())
}

pub async fn until<C>(client: &Client<C>, state: State) {
    let mut status = client.status();
    let reached = tokio::time::timeout(PATIENCE, status.wait_for(|status| status.state == state)).await;
    reached.expect("the state is reached").expect("a client that lives");
}

/// Everything that is in the stream now.
pub async fn ready<R>(incoming: &mut Incoming<R>) -> Vec<Received<R>> {
    let mut ready = Vec::new();
    while let Ok(Some(received)) = tokio::time::timeout(Duration::from_millis(1), incoming.next()).await {
        ready.push(received);
    }
    ready
}

/// The default codec's types.
pub type Plain = Builder<Frames>;

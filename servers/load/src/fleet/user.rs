//! One user: a connection with a writer and a reader that do not wait for each other.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at, timeout};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use tungstenite::Message;
use tungstenite::protocol::WebSocketConfig;

use super::post::Post;
use crate::tally::NO_CLOSE_FRAME;
use crate::target::{Source, Target};

/// So long a login may take.
const LOGIN: Duration = Duration::from_secs(20);
/// So many messages may wait for a connection that does not take them.
const WAITING: usize = 64;
const HEART: &str = r#"{"event":"heart"}"#;

type Socket = WebSocketStream<TcpStream>;

/// The name of the user of this number.
pub fn name(number: usize) -> String {
    format!("canary{number}")
}

/// A user that is logged in.
#[derive(Debug)]
pub struct User {
    outbox: Sender<Message>,
    /// Ended with this.
    _tasks: JoinSet<()>,
}

impl User {
    pub async fn log_in(target: &Target, number: usize, heartbeat: Duration, post: Arc<Post>) -> io::Result<Self> {
        let dialled = timeout(LOGIN, dial(target, number)).await.map_err(|_| io::ErrorKind::TimedOut)?;
        let (sink, stream) = dialled.map_err(|error| io::Error::other(format!("{}: {error}", name(number))))?.split();
        let (outbox, queue) = channel(WAITING);
        let mut tasks = JoinSet::new();
        // Not all of them at once.
        let first = Instant::now() + heartbeat.mul_f64((number % 997) as f64 / 997.0);
        tasks.spawn(write(sink, queue, first, heartbeat));
        tasks.spawn(read(stream, post));
        Ok(Self { outbox, _tasks: tasks })
    }

    /// Whether the connection takes it.
    pub fn send(&self, text: String) -> bool {
        self.outbox.try_send(Message::text(text)).is_ok()
    }
}

async fn dial(target: &Target, number: usize) -> Result<Socket, tungstenite::Error> {
    let tcp = target.connect(Source::canary(number), None).await?;
    let codec = WebSocketConfig::default().read_buffer_size(1024).write_buffer_size(0);
    let (mut socket, _) = client_async_with_config(format!("ws://{}/ws", target.address), tcp, Some(codec)).await?;
    socket.send(target.credentials.login(&name(number)).into()).await?;
    loop {
        match socket.next().await.ok_or(tungstenite::Error::ConnectionClosed)?? {
            Message::Text(text) if text.contains(r#""event":"open""#) => return Ok(socket),
            Message::Text(text) => return Err(io::Error::other(format!("no greeting: {text}")).into()),
            Message::Close(frame) => return Err(io::Error::other(format!("closed: {frame:?}")).into()),
            _ => {}
        }
    }
}

async fn write(mut sink: SplitSink<Socket, Message>, mut queue: Receiver<Message>, first: Instant, every: Duration) {
    let mut heartbeat = interval_at(first, every);
    loop {
        let message = tokio::select! {
            message = queue.recv() => message,
            _ = heartbeat.tick() => Some(HEART.into()),
        };
        let Some(message) = message else { return };
        if sink.send(message).await.is_err() {
            return; // The reader sees why.
        }
    }
}

async fn read(mut stream: SplitStream<Socket>, post: Arc<Post>) {
    let mut code = NO_CLOSE_FRAME;
    while let Some(Ok(message)) = stream.next().await {
        match message {
            Message::Text(text) => post.receive(&text),
            Message::Close(frame) => code = frame.map_or(1005, |frame| frame.code.into()),
            _ => {}
        }
    }
    post.count_closed(code);
}

//! Users of a server, and for how long their messages are under way.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use heartline_axum::tungstenite::client::IntoClientRequest;
use heartline_axum::tungstenite::{Error, Message};
use heartline_driver_testing::PATIENCE;
use heartline_load::figures::Durations;
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::Anything;

/// Of all messages of a run.
#[derive(Debug)]
pub struct Times {
    origin: Instant,
    lasted: Mutex<Lasted>,
}

#[derive(Clone, Default, Debug)]
pub struct Lasted {
    /// From sending to the recipient's client.
    pub delivery: Durations,
    /// From sending to knowing what became of it.
    pub outcome: Durations,
}

/// A message begins with the time when it was sent, in so many digits.
const DIGITS: usize = 20;

impl Times {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { origin: Instant::now(), lasted: Mutex::default() })
    }

    pub fn take(&self) -> Lasted {
        std::mem::take(&mut *self.lasted())
    }

    fn lasted(&self) -> MutexGuard<'_, Lasted> {
        self.lasted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message of so many bytes, sent now.
    pub fn message(&self, size: usize) -> (Duration, String) {
        let now = self.origin.elapsed();
        (now, format!("{:0DIGITS$}{:x>1$}", now.as_nanos(), size - DIGITS))
    }

    fn delivered(&self, message: &str) {
        let sent = message.get(..DIGITS).and_then(|digits| digits.parse().ok()).expect("a message of ours");
        let lasted = self.origin.elapsed().saturating_sub(Duration::from_nanos(sent));
        self.lasted().delivery.record(lasted);
    }

    /// What was queued for a recipient may be known before it arrives.
    pub async fn all_delivered(&self) {
        while self.are_under_way() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn are_under_way(&self) -> bool {
        let lasted = self.lasted();
        lasted.delivery.count() < lasted.outcome.count()
    }

    pub fn ended(&self, sent: Duration) {
        let lasted = self.origin.elapsed().saturating_sub(sent);
        self.lasted().outcome.record(lasted);
    }
}

/// What is over in time, in any case.
pub async fn in_time<T>(future: impl Future<Output = T>) -> Result<T, Anything> {
    tokio::time::timeout(PATIENCE, future).await.map_err(|_| "nothing came in time".into())
}

/// A user who is logged in.
pub struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    pub async fn log_in(server: SocketAddr, user: &str) -> Result<Self, Anything> {
        let mut request = format!("ws://{server}/ws").into_client_request()?;
        request.headers_mut().insert("Authorization", format!("Bearer {user}").parse()?);
        let (socket, _) = in_time(connect_async_with_config(request, None, true)).await??;
        Ok(Self(socket))
    }

    /// Sends a message, and says what became of it.
    pub async fn send(&mut self, to: &str, message: &str) -> Result<String, Anything> {
        self.0.send(Message::text(format!("{to} {message}"))).await?;
        in_time(self.hear()).await?
    }

    /// Reads what others send, until the end.
    pub async fn read(mut self, times: Arc<Times>) -> Result<(), Anything> {
        loop {
            times.delivered(&self.hear().await?);
        }
    }

    async fn hear(&mut self) -> Result<String, Anything> {
        loop {
            match self.0.next().await.ok_or(Error::ConnectionClosed)?? {
                Message::Text(text) => return Ok(text.as_str().to_owned()),
                Message::Close(frame) => return Err(format!("closed: {frame:?}").into()),
                _ => {}
            }
        }
    }
}

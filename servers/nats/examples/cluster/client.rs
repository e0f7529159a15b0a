//! A user's client: it stays connected, to another node when its own is gone.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use heartline_tokio::codec::Text;
use heartline_tokio::tungstenite::Utf8Bytes;
use heartline_tokio::{
    Backoff, Client, End, Event, Jitter, Outgoing, Pattern, Received, Request, Settings, State, Verdict,
};

use crate::Failure;
use heartline_driver_testing::tally::Tally;

/// Where the nodes are, or were.
pub type Addresses = Arc<Mutex<Vec<SocketAddr>>>;

/// A user with one client.
#[derive(Clone)]
pub struct User {
    pub name: String,
    client: Client<Utf8Bytes>,
    tally: Arc<Tally>,
    /// The number of the latest connection in the tally.
    connection: Arc<AtomicUsize>,
}

/// Short waits, for people who watch.
fn settings() -> Settings {
    const MILLI: Duration = Duration::from_millis(1);
    Settings {
        backoff: Backoff { min: 50 * MILLI, ..Backoff::exponential(200 * MILLI, 1000 * MILLI, Jitter::Equal) },
        min_dial_gap: 50 * MILLI,
        ..Settings::default()
    }
}

impl User {
    /// Logs in on the node with the index `first`, and after each loss on the one `stride` further.
    pub fn enter(
        name: String,
        first: usize,
        stride: usize,
        nodes: &Addresses,
        tally: &Arc<Tally>,
    ) -> Result<Self, Failure> {
        let (place, nodes) = (AtomicUsize::new(first), nodes.clone());
        let connection = Arc::new(AtomicUsize::new(usize::MAX));
        let (user, dialled, dials) = (name.clone(), connection.clone(), tally.clone());
        let request = move |lost: bool| {
            if lost {
                place.fetch_add(stride, Relaxed);
            }
            let nodes = nodes.lock().unwrap_or_else(PoisonError::into_inner);
            let node = nodes[place.load(Relaxed) % nodes.len()];
            dialled.store(dials.dialled(&user), Relaxed);
            Request::new(&format!("ws://{node}/ws"))?.header("Authorization", format!("Bearer {user}"))
        };
        let (current, heard) = (connection.clone(), tally.clone());
        let handler = move |received: Received<Utf8Bytes>| match received {
            Received::Message(line) => hear(&heard, current.load(Relaxed), &line),
            Received::Event(Event::StateChanged { to: State::Closed, .. }) => {
                heard.ended(current.load(Relaxed), "logged out");
            }
            Received::Event(Event::StateChanged { to: State::Idle | State::Waiting, cause, .. }) => {
                heard.ended(current.load(Relaxed), &cause.to_string());
            }
            _ => {}
        };
        // The URL is another one for each dial.
        let (client, run) = Client::builder("ws://127.0.0.1/ws")
            .codec(Text)
            .session(settings())
            // By default it would stay away for 5 s at least; but another node is there.
            .retry(Pattern::Close(1012, 1012), Verdict::Retry)
            .request(move |dial| {
                let request = request(dial.last_loss().is_some());
                async move { Ok(request?) }
            })
            .run_with(handler)?;
        tokio::spawn(run);
        Ok(Self { name, client, tally: tally.clone(), connection })
    }

    /// Sends the next message of the tally to this user, if there is a connection.
    pub fn write_to(&self, user: &str) {
        self.tally.send(self.connection.load(Relaxed), user, |number| {
            self.client.try_send(Outgoing::this_connection(format!("{user} {number}"))).is_ok()
        });
    }

    /// Waits for the end of the client; a login elsewhere is one.
    pub async fn ended(&self) -> Arc<End> {
        self.client.closed().await
    }

    pub async fn log_out(&self) {
        self.client.close(Duration::from_secs(5)).await;
    }
}

/// Enters into the tally what a line from the server says.
fn hear(tally: &Tally, connection: usize, line: &str) {
    match line.split(' ').collect::<Vec<_>>()[..] {
        ["from", _, number] => tally.arrived(connection, number),
        ["sent", number, outcome] => tally.answered(number, outcome),
        _ => {}
    }
}

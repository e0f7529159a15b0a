//! A user's client, which stays connected.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use heartline_driver_testing::tally::Tally;
use heartline_tokio::codec::Text;
use heartline_tokio::tungstenite::Utf8Bytes;
use heartline_tokio::{
    Backoff, BuildError, Cause, Client, Event, HeartbeatMode, Jitter, Loss, Outgoing, Pattern, Received, Request,
    Settings, State, Verdict,
};

use crate::presence::Presence;
use crate::rooms::Rooms;

/// What all clients write down.
#[derive(Default)]
pub struct Book {
    /// Messages from user to user.
    pub tally: Tally,
    /// Who is online.
    pub presence: Presence,
    /// Messages in rooms.
    pub rooms: Rooms,
}

/// A user with one client.
pub struct User {
    /// Their name, which others of them may have too.
    pub name: String,
    client: Client<Utf8Bytes>,
    book: Arc<Book>,
    /// The number of the latest connection in the tally.
    connection: Arc<AtomicUsize>,
    has_ended: Arc<AtomicBool>,
}

/// Short waits: other nodes are there at once. A node that stands still is found out in 3 s.
fn settings() -> Settings {
    const MILLI: Duration = Duration::from_millis(1);
    Settings {
        backoff: Backoff { min: 50 * MILLI, ..Backoff::exponential(200 * MILLI, 1000 * MILLI, Jitter::Equal) },
        min_dial_gap: 50 * MILLI,
        connect_timeout: 2000 * MILLI,
        ..Settings::default()
    }
}

impl User {
    /// Logs in at the door of the place `first`, and after each loss at the next one; and joins a room.
    ///
    /// # Errors
    /// There is no runtime.
    pub fn enter(
        name: String,
        room: &str,
        doors: &[SocketAddrV4],
        first: usize,
        book: &Arc<Book>,
    ) -> Result<Self, BuildError> {
        let connection = Arc::new(AtomicUsize::new(usize::MAX));
        let has_ended = Arc::new(AtomicBool::new(false));
        let scribe = Scribe {
            user: name.clone(),
            book: book.clone(),
            connection: connection.clone(),
            has_ended: has_ended.clone(),
        };
        let heartbeat = HeartbeatMode::WhenIdle { interval: Duration::from_secs(1), timeout: Duration::from_secs(2) };
        let join = Utf8Bytes::from(format!("join {room}"));
        let (client, run) = Client::builder("ws://127.0.0.1/ws") // Each dial has a URL of its own.
            .codec(Text)
            .session(settings())
            .heartbeat(heartbeat)
            // By default it would stay away for 5 s at least.
            .retry(Pattern::Close(1012, 1012), Verdict::Retry)
            .request(dials(name.clone(), doors.to_vec(), first, book.clone(), connection.clone()))
            .greeting(move |mut greeting| {
                let join = join.clone();
                async move { Ok(greeting.send(join).await?) }
            })
            .run_with(move |received| scribe.write_down(received))?;
        tokio::spawn(run);
        Ok(Self { name, client, book: book.clone(), connection, has_ended })
    }

    /// Sends the next message to this user, if there is a connection. False if there is none.
    pub fn write_to(&self, user: &str, verb: &str) -> bool {
        self.book.tally.send(self.connection.load(Relaxed), user, |number| self.send(format!("{verb} {user} {number}")))
    }

    /// Says something in a room, if there is a connection.
    pub fn say_in(&self, room: &str) {
        let by = self.connection.load(Relaxed);
        self.book.rooms.say(by, &self.name, |number| self.send(format!("room {room} {number}")));
    }

    fn send(&self, line: String) -> bool {
        self.client.try_send(Outgoing::this_connection(line)).is_ok()
    }

    /// Whether the client is at its end, and will not come back.
    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Relaxed)
    }
}

type Dialled = std::pin::Pin<Box<dyn Future<Output = Result<Request, heartline_tokio::HookError>> + Send>>;

fn dials(
    user: String,
    doors: Vec<SocketAddrV4>,
    first: usize,
    book: Arc<Book>,
    connection: Arc<AtomicUsize>,
) -> impl Fn(heartline_tokio::Dial) -> Dialled + Send + Sync {
    let place = AtomicUsize::new(first);
    move |dial| {
        if dial.last_loss().is_some() {
            place.fetch_add(1, Relaxed);
        }
        let door = doors[place.load(Relaxed) % doors.len()];
        connection.store(book.tally.dialled(&user), Relaxed);
        let request = Request::new(&format!("ws://{door}/ws"))
            .and_then(|request| request.header("Authorization", format!("Bearer {user}")));
        Box::pin(async move { Ok(request?) })
    }
}

/// Writes down what a client receives.
struct Scribe {
    user: String,
    book: Arc<Book>,
    connection: Arc<AtomicUsize>,
    has_ended: Arc<AtomicBool>,
}

impl Scribe {
    fn write_down(&self, received: Received<Utf8Bytes>) {
        let connection = self.connection.load(Relaxed);
        match received {
            Received::Message(line) => self.line(connection, &line),
            Received::Event(Event::StateChanged {
                to: State::Idle | State::Waiting | State::Closed, cause, ..
            }) => {
                self.ended(connection, cause);
            }
            _ => {}
        }
    }

    fn line(&self, connection: usize, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["from", _, number] => self.book.tally.arrived(connection, number),
            ["sent", number, outcome] => self.book.tally.answered(number, outcome),
            ["room", from, number] => self.book.rooms.hear(connection, &self.user, from, number),
            ["online", ref online @ ..] => self.book.presence.state(connection, &self.user, online),
            ["change", ref changes @ ..] => self.book.presence.change(connection, changes),
            _ => {}
        }
    }

    fn ended(&self, connection: usize, cause: Cause) {
        self.book.presence.ended(connection);
        match cause {
            Cause::Lost(Loss::Close(code)) => self.book.tally.ended(connection, &code.to_string()),
            Cause::Stopped(Loss::Close(code)) => {
                self.book.tally.ended(connection, &code.to_string());
                self.has_ended.store(true, Relaxed);
            }
            Cause::Lost(loss) if loss.is_timeout() => self.book.tally.given_up(connection, &loss.to_string()),
            cause => {
                self.book.tally.ended(connection, &cause.to_string());
                self.has_ended.fetch_or(matches!(cause, Cause::Stopped(_)), Relaxed);
            }
        }
    }
}

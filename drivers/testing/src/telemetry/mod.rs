//! What a client tells `tracing` and `metrics`: a story that every driver has to live through, and what must be told of it.
//! The story's process has no other: the subscriber is that of all its threads.

pub mod capture;
mod expected;

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use heartline::backoff::Backoff;
use heartline::heartbeat::HeartbeatMode;
use heartline_tungstenite::Codec;
use heartline_tungstenite::client::Options;
use heartline_tungstenite::codec::{CodecError, Items, Text, Transmission};
use metrics_util::debugging::DebuggingRecorder;
use tracing_subscriber::layer::SubscriberExt as _;
use tungstenite::protocol::CloseFrame;
use tungstenite::{Message, Utf8Bytes};

pub use expected::are_documented;

use crate::PATIENCE;
use crate::server::listen;

/// What the message says that is sent first and comes back.
pub const SECRET: &str = "hush-1";
/// At this the server closes the connection.
pub const LEAVE: &str = "hush-leave";
/// What the message says that is sent on the next connection and the one after it, and is never acknowledged.
pub const UNCONFIRMED: &str = "hush-2";
/// What the request hook logs.
pub const IN_THE_HOOK: &str = "in the request hook";
/// What the codec logs.
pub const IN_THE_CODEC: &str = "in the codec";

/// Texts, of which it logs that they come.
pub struct Logging(Text);

impl Default for Logging {
    fn default() -> Self {
        Self(Text)
    }
}

impl Codec for Logging {
    type Out = Utf8Bytes;
    type In = Utf8Bytes;

    fn size(message: &Utf8Bytes) -> Result<usize, CodecError> {
        Text::size(message)
    }

    fn encode(&mut self, message: &Utf8Bytes, transmission: Transmission) -> Result<Message, CodecError> {
        self.0.encode(message, transmission)
    }

    fn decode(&mut self, frame: Message, items: &mut Items<Utf8Bytes>) -> Result<(), CodecError> {
        info(IN_THE_CODEC);
        self.0.decode(frame, items)
    }
}

/// Logs, as an application does.
pub fn info(message: &str) {
    tracing::info!("{message}");
}

/// The settings of the story: impatient, but for the verdict on a link.
pub fn configure(options: &mut Options) {
    options.session.backoff = Backoff::constant(Duration::from_millis(1));
    options.session.min_dial_gap = Duration::from_millis(1);
    options.set_heartbeat(HeartbeatMode::WhenIdle { interval: Duration::from_millis(10), timeout: PATIENCE });
}

/// Lets a driver live through the story and checks what was told. It gets the URL and has to
///
/// 1. build a client with [`Logging`], [`configure`] and a request hook that logs [`IN_THE_HOOK`],
/// 2. send [`SECRET`] at most once, and wait until it comes back,
/// 3. send [`LEAVE`] at most once, and wait for its receipt,
/// 4. send [`UNCONFIRMED`] at least once, and wait until it comes back,
/// 5. wait for a round trip, replace the connection, and wait until [`UNCONFIRMED`] comes back again,
/// 6. close within no time, and drop everything.
pub fn is_told(driver: impl FnOnce(&str)) {
    let capture = capture::Capture::default();
    let subscriber = tracing_subscriber::registry().with(capture.clone());
    tracing::subscriber::set_global_default(subscriber).expect("the only one");
    let recorder = DebuggingRecorder::new();
    let server = server();
    let url = format!("ws://user:hush-password@{server}/hush-path?token=hush-token");
    metrics::with_local_recorder(&recorder, || driver(&url));
    let numbers = capture::numbers(&recorder.snapshotter());
    expected::log(&capture.log(), server);
    expected::numbers(&numbers, server);
}

/// Refuses the first dial, closes the second connection at [`LEAVE`], and says what it hears.
fn server() -> SocketAddr {
    let connections = Mutex::new(0..);
    listen(move |mut stream| {
        let number = connections.lock().expect("a count").next();
        if number == Some(0) {
            _ = stream.read(&mut [0; 4096]);
            _ = stream.write_all(b"HTTP/1.1 503 Not Yet\r\nContent-Length: 0\r\n\r\n");
            return;
        }
        let Ok(mut socket) = tungstenite::accept(stream) else { return };
        while let Ok(message) = socket.read() {
            if message == Message::text(LEAVE) {
                _ = socket.close(Some(CloseFrame { code: 4500.into(), reason: "busy\n".into() }));
            } else if message.is_text() {
                _ = socket.send(message);
            }
        }
    })
}

//! One connection: a request, then a reader and a writer that do not wait for each other.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use heartline::{CloseCode, ConnId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::select;
use tokio::sync::mpsc::{Sender, UnboundedReceiver};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tungstenite::error::ProtocolError;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message};

use super::events::ClientEvent;
use super::http::{self, Upgrade};
use super::reports::{NewConnection, Pace, Report};

/// The most that a frame of the server's adds to its payload (RFC 6455 §5.2).
const HEADER: usize = 10;
/// So many messages are written at once, and then reported.
const BURST: usize = 32;

type Socket = WebSocketStream<TcpStream>;

/// What all connections share.
pub struct Shared {
    pub reports: Sender<Report>,
    /// Whether the server plays dead.
    pub paused: watch::Sender<bool>,
    /// Requests that were not answered yet.
    pub requests: Semaphore,
    pub request_timeout: Duration,
    /// How long a connection that is over may take to end.
    pub linger: Duration,
    pub max_message: usize,
    pub admin: bool,
}

impl Shared {
    pub fn gate(&self) -> Gate {
        Gate(self.paused.subscribe())
    }
}

/// Waits while the server is paused, and for that moment.
pub struct Gate(watch::Receiver<bool>);

impl Gate {
    pub async fn open(&mut self) {
        _ = self.0.wait_for(|paused| !paused).await;
    }

    async fn shut(&mut self) {
        if self.0.wait_for(|paused| *paused).await.is_err() {
            std::future::pending().await
        }
    }
}

pub fn wire_size(message: &Message) -> u32 {
    u32::try_from(message.len() + HEADER).unwrap_or(u32::MAX)
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// How the reader came to its end.
enum End {
    /// There is nothing more to read.
    Gone,
    /// A rule was broken; the rest makes no sense.
    Broken(CloseCode),
}

/// Everything about one connection, from its request to its end.
pub async fn serve(mut tcp: TcpStream, shared: Arc<Shared>) {
    _ = tcp.set_nodelay(true);
    let mut gate = shared.gate();
    select! {
        biased;
        () = gate.open() => {}
        true = http::is_order(&tcp), if shared.admin => {} // Or nothing could resume it.
    }
    let Ok(permit) = shared.requests.try_acquire() else {
        return http::refuse(&mut tcp, 503, Some(Duration::from_secs(1))).await;
    };
    let Ok(upgrade) = timeout(shared.request_timeout, http::request(&mut tcp, &shared)).await else { return };
    let Some(Upgrade { connection, user, rest }) = upgrade else { return };
    drop(permit);

    let codec = WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(4 * 1024)
        .max_write_buffer_size(4 * 1024 * 1024)
        .max_frame_size(Some(shared.max_message))
        .max_message_size(Some(shared.max_message));
    let socket = WebSocketStream::from_partially_read(tcp, rest, Role::Server, Some(codec)).await;
    let NewConnection { conn, queue, pace, abort, .. } = connection;
    if let Some(user) = user {
        _ = shared.reports.send(Report::Login { conn, user }).await;
    }
    let aborted = async {
        if abort.await.is_err() {
            std::future::pending().await // Not aborted, only forgotten.
        }
    };
    select! {
        () = talk(socket, conn, queue, pace, &shared) => {}
        () = aborted => {}
    }
    _ = shared.reports.send(Report::Gone { conn }).await;
}

async fn talk(socket: Socket, conn: ConnId, queue: UnboundedReceiver<Message>, pace: Pace, shared: &Shared) {
    let (mut sink, mut stream) = socket.split();
    let end = {
        let mut reading = std::pin::pin!(read(&mut stream, conn, pace, shared));
        let mut writing = std::pin::pin!(write(&mut sink, queue, conn, shared));
        select! {
            end = &mut reading => {
                if let End::Broken(code) = end {
                    // The hub decides about the close frame, as about every other.
                    _ = shared.reports.send(Report::Broken { conn, code }).await;
                    _ = timeout(shared.linger, writing).await;
                }
                end
            }
            _ = &mut writing => timeout(shared.linger, reading).await.unwrap_or(End::Gone),
        }
    };
    if let (End::Broken(_), Ok(socket)) = (end, sink.reunite(stream)) {
        // What the peer still sends is thrown away until it hangs up: unread, it would make the operating
        // system reset the connection, and the close frame would be lost.
        let mut tcp = socket.into_inner();
        _ = timeout(shared.linger, discard(&mut tcp)).await;
    }
}

/// Says that there is no more to come, and reads to the end.
pub async fn discard(tcp: &mut TcpStream) {
    _ = tcp.shutdown().await;
    let mut scratch = [0; 4096];
    while tcp.read(&mut scratch).await.is_ok_and(|count| count > 0) {}
}

async fn read(stream: &mut SplitStream<Socket>, conn: ConnId, pace: Pace, shared: &Shared) -> End {
    let mut gate = shared.gate();
    loop {
        if let Ok(frame) = pace.frames.acquire().await {
            frame.forget();
        }
        let paused = *pace.paused.borrow();
        if paused > Instant::now() {
            sleep_until(paused).await;
        }
        gate.open().await;
        let frame = select! {
            biased;
            () = gate.shut() => {
                pace.frames.add_permits(1);
                continue;
            }
            frame = stream.next() => frame,
        };
        let report = match frame {
            Some(Ok(Message::Text(text))) => {
                Report::Event { conn, event: ClientEvent::parse(&text), bytes: length(text.len()) }
            }
            Some(Ok(Message::Binary(_))) => return End::Broken(code(1003)),
            Some(Ok(Message::Close(_))) => {
                _ = shared.reports.send(Report::Gone { conn }).await;
                _ = timeout(shared.linger, async { while let Some(Ok(_)) = stream.next().await {} }).await;
                return End::Gone;
            }
            Some(Ok(other)) => Report::Alive { conn, bytes: length(other.len()) }, // The codec answers pings.
            Some(Err(error)) => return complaint(&error).map_or(End::Gone, End::Broken),
            None => return End::Gone,
        };
        if shared.reports.send(report).await.is_err() {
            return End::Gone;
        }
    }
}

/// Which rule was broken, if the error means that one was.
fn complaint(error: &Error) -> Option<CloseCode> {
    match error {
        Error::Capacity(_) => Some(code(1009)),
        Error::Utf8(_) => Some(code(1007)),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) | Error::AttackAttempt => Some(code(1002)),
        _ => None,
    }
}

fn code(code: u16) -> CloseCode {
    CloseCode::new(code).unwrap_or(CloseCode::NORMAL)
}

/// Writes what is queued until a close frame was written or there can be nothing more.
async fn write(
    sink: &mut SplitSink<Socket, Message>,
    mut queue: UnboundedReceiver<Message>,
    conn: ConnId,
    shared: &Shared,
) -> Result<(), Error> {
    let mut gate = shared.gate();
    let mut burst = Vec::new();
    while queue.recv_many(&mut burst, BURST).await > 0 {
        gate.open().await;
        let bytes = burst.iter().map(wire_size).fold(0, u32::saturating_add);
        let last = burst.iter().any(Message::is_close);
        for message in burst.drain(..) {
            sink.feed(message).await?;
        }
        sink.flush().await?;
        if last {
            break;
        }
        _ = shared.reports.send(Report::Written { conn, bytes }).await;
    }
    Ok(())
}

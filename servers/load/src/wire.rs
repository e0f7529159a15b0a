//! An attacker's connection: bytes that no codec would write, and replies that are counted, or not even read.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use crate::frames::{PING, PONG, Scanner, Seen, frame, text};
use crate::tally::{NO_CLOSE_FRAME, Tally, add};
use crate::target::{Source, Target};

/// So long an attacker waits for a connection and for each answer.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// A receive buffer that is soon full, in bytes.
pub const SMALL_BUFFER: u32 = 4096;
const LONGEST_HEAD: usize = 16 * 1024;

/// Why there is no connection, or no login.
#[derive(Debug)]
pub enum Refusal {
    /// None was made, or it ended.
    Io(io::Error),
    /// Nothing came in time.
    Silence,
    /// Another status than 101.
    Status(u16),
    /// The login was refused.
    Login,
    /// Closed with this code.
    Closed(u16),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What has come in.
#[derive(Debug, Default)]
struct Incoming {
    scanner: Scanner,
    frames: u64,
    /// Answers to pings, not written yet.
    pongs: Vec<u8>,
    /// The server's close code.
    code: Option<u16>,
}

impl Incoming {
    fn take(&mut self, bytes: &[u8], mut on_frame: impl FnMut(&Seen<'_>)) {
        let Self { scanner, frames, pongs, code } = self;
        scanner.feed(bytes, |seen| {
            *frames += 1;
            *code = code.or(seen.close_code());
            if seen.opcode == PING {
                pongs.extend(frame(true, PONG, seen.start));
            }
            on_frame(&seen);
        });
    }
}

/// A connection that has been upgraded.
#[derive(Debug)]
pub struct Wire {
    tcp: TcpStream,
    incoming: Incoming,
}

impl Wire {
    /// Connects and upgrades.
    ///
    /// # Errors
    /// It is not let in within [`PATIENCE`] for each of both.
    pub async fn open(target: &Target, from: Source, receive_buffer: Option<u32>) -> Result<Self, Refusal> {
        let mut tcp = timely(async { Ok(target.connect(from, receive_buffer).await?) }).await?;
        let rest = timely(async {
            tcp.write_all(target.upgrade().as_bytes()).await?;
            match status(&mut tcp).await? {
                (101, rest) => Ok(rest),
                (status, _) => Err(Refusal::Status(status)),
            }
        })
        .await?;
        let mut incoming = Incoming::default();
        incoming.take(&rest, |_| {});
        Ok(Self { tcp, incoming })
    }

    /// Logs in.
    ///
    /// # Errors
    /// It is refused, or not answered within [`PATIENCE`].
    pub async fn login(&mut self, target: &Target, user: &str) -> Result<(), Refusal> {
        timely(async {
            self.tcp.write_all(&text(&target.credentials.login(user))).await?;
            self.greeting().await
        })
        .await
    }

    async fn greeting(&mut self) -> Result<(), Refusal> {
        let mut answer = None;
        let mut bytes = [0; 4096];
        loop {
            match (answer.take(), self.incoming.code) {
                (Some(answer), _) => return answer,
                (None, Some(code)) => return Err(Refusal::Closed(code)),
                (None, None) => {}
            }
            let count = self.tcp.read(&mut bytes).await?;
            if count == 0 {
                return Err(Refusal::Closed(NO_CLOSE_FRAME));
            }
            self.incoming.take(&bytes[..count], |seen| {
                if answer.is_none() && seen.is_event("open") {
                    answer = Some(Ok(()));
                } else if answer.is_none() && seen.is_event("refused") {
                    answer = Some(Err(Refusal::Login));
                }
            });
        }
    }

    /// Its two directions.
    pub fn split(self) -> (Reader, OwnedWriteHalf) {
        let (read, write) = self.tcp.into_split();
        (Reader { read, incoming: self.incoming }, write)
    }
}

/// What comes from the server.
#[derive(Debug)]
pub struct Reader {
    read: OwnedReadHalf,
    incoming: Incoming,
}

impl Reader {
    /// Reads and counts until the connection ends; its close code. Pings are not answered.
    pub async fn drain(&mut self, tally: &Tally) -> u16 {
        self.drain_by(tally, None).await
    }

    /// The same, with an answer to each ping, as a user's client does.
    pub async fn drain_and_answer(&mut self, tally: &Tally, write: &mut OwnedWriteHalf) -> u16 {
        self.drain_by(tally, Some(write)).await
    }

    async fn drain_by(&mut self, tally: &Tally, mut write: Option<&mut OwnedWriteHalf>) -> u16 {
        let mut bytes = vec![0; 16 * 1024];
        loop {
            let pongs = std::mem::take(&mut self.incoming.pongs);
            if let Some(write) = write.as_mut().filter(|_| !pongs.is_empty()) {
                _ = write.write_all(&pongs).await; // The next read shows why it failed.
            }
            tally.count().frames_received += std::mem::take(&mut self.incoming.frames);
            if let Some(code) = self.incoming.code {
                return code;
            }
            let Ok(count @ 1..) = self.read.read(&mut bytes).await else { return NO_CLOSE_FRAME };
            self.incoming.take(&bytes[..count], |_| {});
            tally.count().bytes_received += count as u64;
        }
    }
}

impl Tally {
    /// A connection with a user, if the server lets it in. What happens is counted.
    pub async fn enter(&self, target: &Target, from: Source, user: &str, receive_buffer: Option<u32>) -> Option<Wire> {
        let mut wire = self.open(target, from, receive_buffer).await?;
        let login = wire.login(target, user).await;
        self.note(login.as_ref().err());
        if login.is_ok() {
            self.count().logged_in += 1;
        }
        login.ok().map(|()| wire)
    }

    /// A connection without a user, if the server lets it in. What happens is counted.
    pub async fn open(&self, target: &Target, from: Source, receive_buffer: Option<u32>) -> Option<Wire> {
        let wire = Wire::open(target, from, receive_buffer).await;
        self.note(wire.as_ref().err());
        if wire.is_ok() {
            self.count().connected += 1;
        }
        wire.ok()
    }

    fn note(&self, refusal: Option<&Refusal>) {
        let mut counts = self.count();
        match refusal {
            None => {}
            Some(Refusal::Io(_) | Refusal::Silence) => counts.failed += 1,
            Some(Refusal::Status(status)) => add(&mut counts.denied, *status),
            Some(Refusal::Login) => counts.login_refused += 1,
            Some(Refusal::Closed(code)) => add(&mut counts.closed, *code),
        }
    }

    /// Writes the same bytes, which are so many frames, over and over; a reader sees why that is over.
    pub async fn pour(&self, write: &mut OwnedWriteHalf, bytes: &[u8], frames: u64) -> u16 {
        self.pour_until_it_fails(write, bytes, frames).await;
        std::future::pending().await
    }

    /// Writes the same bytes, which are so many frames, until that fails.
    pub async fn pour_until_it_fails(&self, write: &mut OwnedWriteHalf, bytes: &[u8], frames: u64) {
        while write.write_all(bytes).await.is_ok() {
            let mut counts = self.count();
            counts.frames_sent += frames;
            counts.bytes_sent += bytes.len() as u64;
        }
    }
}

async fn timely<T>(future: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    timeout(PATIENCE, future).await.unwrap_or(Err(Refusal::Silence))
}

/// The status of a response, once its head is complete, and what came behind it.
///
/// # Errors
/// The connection ended before, or this is no HTTP.
pub async fn status(tcp: &mut TcpStream) -> io::Result<(u16, Vec<u8>)> {
    let mut head = Vec::new();
    let end = loop {
        if tcp.read_buf(&mut head).await? == 0 || head.len() > LONGEST_HEAD {
            return Err(io::Error::other("no HTTP"));
        }
        if let Some(at) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let status = head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    let rest = head.split_off(end);
    status.map(|status| (status, rest)).ok_or_else(|| io::Error::other("no HTTP"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Credentials;
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio::net::TcpListener;
    use tungstenite::Message;

    #[tokio::test]
    async fn a_reader_that_answers_pongs_each_ping_and_sees_the_close_code() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = tokio::spawn(async move {
            let (tcp, _) = listener.accept().await.expect("a connection");
            let mut socket = tokio_tungstenite::accept_async(tcp).await.expect("an upgrade");
            let ping = vec![b'p'; 125];
            socket.send(Message::Ping(ping.clone().into())).await.expect("sent");
            assert_eq!(socket.next().await.expect("a frame").expect("a pong"), Message::Pong(ping.into()));
            let frame = tungstenite::protocol::CloseFrame { code: 4001.into(), reason: "".into() };
            socket.close(Some(frame)).await.expect("closed");
        });
        let (target, tally) = (Target { address, credentials: Credentials("any".into()) }, Tally::default());
        let wire = tally.open(&target, Source::attacker(7), None).await.expect("let in");
        let (mut reader, mut write) = wire.split();
        let answered = timeout(PATIENCE, reader.drain_and_answer(&tally, &mut write)).await;
        assert_eq!(answered, Ok(4001));
        server.await.expect("the server's checks");
        let counts = tally.count().clone();
        assert_eq!((counts.connected, counts.frames_received), (1, 2));
    }
}

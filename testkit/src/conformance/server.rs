//! A server that fails as it is told, on a real socket.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::bed::Failure;
use crate::websocket::{self, Decoder, Incoming};

/// How often a waiting thread looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(5);
/// A request's head may be so long.
const LONGEST_HEAD: usize = 64 << 10;

/// How a text begins that is a ping, and how its answer does: for drivers that cannot send ping frames.
const TEXT_PING: &str = "ping ";
const TEXT_PONG: &str = "pong ";

pub(super) const HUNG_UP: &str = "the driver hung up before its HTTP request was whole";

pub(super) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    pub(super) fn bind() -> io::Result<Self> {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    pub(super) fn url(&self) -> String {
        format!("ws://{}/conformance", self.address)
    }

    /// The next TCP connection, if one comes within this time.
    pub(super) fn accept(&self, within: Duration) -> io::Result<Option<TcpStream>> {
        let until = Instant::now() + within;
        loop {
            match self.socket.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    stream.set_nodelay(true)?;
                    return Ok(Some(stream));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < until => thread::sleep(LOOK),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Reads the head of a request.
pub(super) fn request(stream: &mut TcpStream, within: Duration) -> Result<String, Failure> {
    let mut head = Vec::new();
    let until = Instant::now() + within;
    while !head.ends_with(b"\r\n\r\n") {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || head.len() > LONGEST_HEAD {
            return Err(Failure::new("the driver sent no whole HTTP request"));
        }
        stream.set_read_timeout(Some(left))?;
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(0) => return Err(Failure::new(HUNG_UP)),
            Ok(_) => head.extend(byte),
            Err(error) if is_slow(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// The answer that opens the connection.
pub(super) fn accepting(request: &str) -> Result<String, Failure> {
    websocket::switching(request).ok_or_else(|| Failure::new("the driver's request has no Sec-WebSocket-Key"))
}

fn is_slow(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

struct Shared {
    log: Mutex<Vec<Incoming>>,
    changed: Condvar,
    reading: AtomicBool,
    answer_pings: AtomicBool,
    answer_closes: AtomicBool,
    gone: AtomicBool,
    /// Writing happens under this lock, so that no pong falls into the middle of a frame.
    writer: Mutex<TcpStream>,
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Vec<Incoming>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).write_all(bytes)
    }
}

/// An open connection. A thread reads it and answers pings and close frames, unless it is told not to.
pub(super) struct Conn {
    stream: TcpStream,
    shared: Arc<Shared>,
    /// Which of the log the case has seen.
    seen: usize,
}

impl Conn {
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(LOOK))?;
        // A client that reads nothing must not hold up the suite.
        stream.set_write_timeout(Some(Duration::from_secs(30)))?;
        let shared = Arc::new(Shared {
            log: Mutex::default(),
            changed: Condvar::new(),
            reading: AtomicBool::new(true),
            answer_pings: AtomicBool::new(true),
            answer_closes: AtomicBool::new(true),
            gone: AtomicBool::new(false),
            writer: Mutex::new(stream.try_clone()?),
        });
        let (reader, reading) = (stream.try_clone()?, Arc::clone(&shared));
        thread::Builder::new().name("conformance".into()).spawn(move || attend(reader, &reading))?;
        Ok(Self { stream, shared, seen: 0 })
    }

    /// Stops reading, or goes on.
    pub(super) fn read(&self, reading: bool) {
        self.shared.reading.store(reading, SeqCst);
    }

    /// Pings are no longer answered.
    pub(super) fn leave_pings(&self) {
        self.shared.answer_pings.store(false, SeqCst);
    }

    /// Close frames are no longer answered.
    pub(super) fn leave_closes(&self) {
        self.shared.answer_closes.store(false, SeqCst);
    }

    pub(super) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        self.shared.write(bytes).map_err(|error| dropped(&error))
    }

    pub(super) fn text(&self, text: &str) -> Result<(), Failure> {
        self.bytes(&websocket::text(text))
    }

    /// Writes piece by piece, so long apart; no pong comes in between.
    pub(super) fn dribble(&self, bytes: &[u8], piece: usize, apart: Duration) -> Result<(), Failure> {
        let mut stream = self.shared.writer.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.chunks(piece) {
            stream.write_all(piece).map_err(|error| dropped(&error))?;
            thread::sleep(apart);
        }
        Ok(())
    }

    /// Ends both directions: what the client writes from now on is answered with a reset.
    pub(super) fn hang_up(&self) {
        self.shared.gone.store(true, SeqCst);
        _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Everything that came so far.
    pub(super) fn log(&self) -> Vec<Incoming> {
        self.shared.log().clone()
    }

    /// The texts that came so far.
    pub(super) fn texts(&self) -> Vec<String> {
        let texts = self.log().into_iter().filter_map(|incoming| match incoming {
            Incoming::Text(text) => Some(text),
            _ => None,
        });
        texts.collect()
    }

    /// The next thing that comes, pongs and pings aside.
    pub(super) fn next(&mut self, within: Duration) -> Option<Incoming> {
        let until = Instant::now() + within;
        let mut log = self.shared.log();
        loop {
            while let Some(incoming) = log.get(self.seen) {
                self.seen += 1;
                if !matches!(incoming, Incoming::Ping(_) | Incoming::Pong(_)) {
                    return Some(incoming.clone());
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            log = self.shared.changed.wait_timeout(log, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn dropped(error: &io::Error) -> Failure {
    Failure::new(format!("the driver dropped a connection that is alive: {error}"))
}

impl Drop for Conn {
    fn drop(&mut self) {
        self.hang_up();
    }
}

/// Reads until the connection ends.
fn attend(mut stream: TcpStream, shared: &Shared) {
    let (mut decoder, mut buffer) = (Decoder::default(), vec![0; 64 << 10]);
    loop {
        if shared.gone.load(SeqCst) {
            return;
        }
        if !shared.reading.load(SeqCst) {
            thread::sleep(LOOK);
            continue;
        }
        match stream.read(&mut buffer) {
            Ok(length) if length > 0 => decoder.push(&buffer[..length]),
            Err(error) if is_slow(&error) => continue,
            Ok(_) | Err(_) => return note(shared, Incoming::End),
        }
        while let Some(incoming) = decoder.next() {
            let (incoming, pong) = ping(incoming);
            let answer = match &incoming {
                Incoming::Ping(_) if shared.answer_pings.load(SeqCst) => pong,
                Incoming::Close(code) if shared.answer_closes.load(SeqCst) => Some(websocket::close(*code)),
                _ => None,
            };
            let over = matches!(incoming, Incoming::Close(_)) && answer.is_some();
            note(shared, incoming.clone());
            // If it cannot be written, the next read tells.
            _ = answer.map(|answer| shared.write(&answer));
            if over {
                _ = stream.shutdown(Shutdown::Write);
            }
            if matches!(incoming, Incoming::Violation(_)) {
                return;
            }
        }
    }
}

/// A ping, be it a frame or a text, with its answer. Anything else stays what it is.
fn ping(incoming: Incoming) -> (Incoming, Option<Vec<u8>>) {
    match incoming {
        Incoming::Ping(payload) => {
            let pong = websocket::frame(websocket::PONG, true, &payload);
            (Incoming::Ping(payload), Some(pong))
        }
        Incoming::Text(text) => match text.strip_prefix(TEXT_PING) {
            Some(token) => (Incoming::Ping(token.into()), Some(websocket::text(&format!("{TEXT_PONG}{token}")))),
            None => (Incoming::Text(text), None),
        },
        other => (other, None),
    }
}

fn note(shared: &Shared, incoming: Incoming) {
    shared.log().push(incoming);
    shared.changed.notify_all();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_begins_as_a_ping_is_one_and_its_answer_is_a_text() {
        let (incoming, pong) = ping(Incoming::Text("ping 7".into()));
        assert_eq!((incoming, pong), (Incoming::Ping(b"7".to_vec()), Some(websocket::text("pong 7"))));
        let message = Incoming::Text("pinging".into());
        assert_eq!(ping(message.clone()), (message, None));
    }

    #[test]
    fn a_ping_frame_is_answered_by_a_frame() {
        let (incoming, pong) = ping(Incoming::Ping(b"p".to_vec()));
        assert_eq!(
            (incoming, pong),
            (Incoming::Ping(b"p".to_vec()), Some(websocket::frame(websocket::PONG, true, b"p")))
        );
    }
}

//! The smallest driver that is correct: one thread, `ws://` only, and a blocking socket whose timeout is the tick. The
//! docs show its loop; the ready-made ones are heartline-tokio and heartline-blocking.
//!
//! `cargo run --example minimal -- ws://HOST:PORT/PATH` sends one line and prints what comes back.

use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use heartline::loss::TransportError;
use heartline::message::Refusal;
use heartline::{Action, Config, ConnId, Input, Loss, Outgoing, Session, State, Timestamp};
use tungstenite::{Error, HandshakeError, Message, WebSocket, http::Uri, protocol::CloseFrame};

const TICK: Duration = Duration::from_millis(20);

// the loop
/// Runs a session until `outbox` is dropped and what it held is sent, or two seconds have passed, or the policy says
/// not to dial again. Every message has its outcome then.
pub fn run(url: &str, seed: u64, outbox: &Receiver<Outgoing<Message>>, on_action: impl FnMut(Action<Message>)) {
    let session = Session::new(Config::default(), seed);
    let (origin, now) = (Instant::now(), Timestamp::ORIGIN);
    let mut driver = Driver { url, session, socket: None, held: None, origin, now, on_action };
    driver.handle(Input::Connect);
    while driver.session.state() != State::Closed {
        driver.read_clock(); // what has arrived by now is in time
        driver.read(); // for a tick at most
        driver.handle(Input::Timer); // early calls are harmless
        if !driver.accept(outbox) || driver.session.state() == State::Idle {
            driver.handle(Input::close_within(100 * TICK)); // duplicates are harmless
        }
        driver.write();
    }
}

struct Driver<'a, F> {
    url: &'a str,
    session: Session<Message>,
    socket: Option<Socket>,
    held: Option<Outgoing<Message>>,
    origin: Instant,
    now: Timestamp,
    on_action: F,
}

impl<F: FnMut(Action<Message>)> Driver<'_, F> {
    /// Hands the session an input, then carries out everything it asks for.
    fn handle(&mut self, input: Input<Message>) {
        let mut next = self.session.handle(self.now, input).next();
        while let Some(action) = next {
            match action {
                Action::Connect { conn, .. } => self.dial(conn),
                Action::Abort { .. } => self.socket = None,
                Action::Ping { token, .. } => self.control(ping(token)),
                Action::Close { code, .. } => self.control(close(code.get())),
                other => (self.on_action)(other), // a message, an event, a scheduled dial, an outcome
            }
            next = self.session.next_action();
        }
    }

    fn read(&mut self) {
        let (Some(conn), Some(socket)) = (self.session.conn(), &mut self.socket) else { return sleep(TICK) };
        match socket.read() {
            Ok(Message::Ping(_)) => self.handle(Input::Alive { conn }), // tungstenite answers it
            Ok(Message::Pong(payload)) => self.handle(pong(conn, &payload)),
            Ok(Message::Close(frame)) => {
                _ = socket.flush(); // tungstenite has the answer ready
                self.end(conn, Loss::Close(frame.map_or(1005, |frame| frame.code.into())));
            }
            Ok(message) => self.handle(Input::Message { conn, message }),
            Err(error) if is_slow(&error) => {}
            Err(error) => self.end(conn, loss(&error)),
        }
    }

    fn write(&mut self) {
        while let Some(socket) = &mut self.socket {
            if socket.flush().is_err() {
                return; // full; or broken, as the next read reports
            }
            let Some(transmit) = self.session.transmit(self.now) else { return };
            let id = transmit.id;
            match socket.write(transmit.message.clone()) {
                Ok(()) => self.session.sent(self.now, id),
                Err(error) if is_slow(&error) => self.session.sent(self.now, id), // in the codec's buffer
                Err(Error::Capacity(_)) => self.session.rejected(self.now, id),
                Err(_) => return, // not sent, so the session still has it
            }
        }
    }
}
// the end of the loop

impl<F: FnMut(Action<Message>)> Driver<'_, F> {
    /// The time moves only here, so that no deadline passes between reading and the timer.
    fn read_clock(&mut self) {
        self.now = Timestamp::after(self.origin.elapsed());
    }

    fn dial(&mut self, conn: ConnId) {
        let dialled = dial(self.url);
        self.read_clock();
        match dialled {
            Ok(socket) => {
                self.socket = Some(socket);
                self.handle(Input::Opened { conn });
            }
            Err(loss) => self.end(conn, loss),
        }
    }

    fn end(&mut self, conn: ConnId, loss: Loss) {
        self.socket = None;
        self.handle(Input::closed(conn, loss));
    }

    /// If it cannot be written, the next read reports it.
    fn control(&mut self, frame: Message) {
        _ = self.socket.as_mut().map(|socket| socket.send(frame));
    }

    /// Takes from the channel while the session has room; what it refuses for now is held, and the channel with it.
    /// False once the channel is closed and empty.
    fn accept(&mut self, outbox: &Receiver<Outgoing<Message>>) -> bool {
        loop {
            let outgoing = match self.held.take().map_or_else(|| outbox.try_recv(), Ok) {
                Ok(outgoing) => outgoing,
                Err(error) => return error == TryRecvError::Empty,
            };
            match self.session.send(self.now, outgoing) {
                Ok(_) => {}
                Err(refused) if refused.reason == Refusal::Full => {
                    self.held = Some(refused.outgoing);
                    return true;
                }
                Err(refused) => eprintln!("{refused}"),
            }
        }
    }
}

type Socket = WebSocket<TcpStream>;

/// Each step of a dial gets its share of `connect_timeout`: this thread has nobody to interrupt it.
fn dial(url: &str) -> Result<Socket, Loss> {
    let failed = Loss::Transport;
    let uri: Uri = url.parse().map_err(|_| failed(TransportError::Address))?;
    let host = uri.host().filter(|_| uri.scheme_str() == Some("ws")).ok_or(failed(TransportError::Address))?;
    let addresses = (host.trim_matches(['[', ']']), uri.port_u16().unwrap_or(80)).to_socket_addrs();
    let addresses: Vec<_> = addresses.map_err(|_| failed(TransportError::Resolve))?.collect();
    let share = Config::default().connect_timeout / (2 + addresses.len() as u32);
    let stream = addresses.iter().find_map(|address| TcpStream::connect_timeout(address, share).ok());
    let stream = stream.ok_or(failed(TransportError::Connect))?;
    let wait = |stream: &TcpStream, time| {
        let result = stream.set_read_timeout(Some(time)).and(stream.set_write_timeout(Some(time)));
        result.map_err(|_| failed(TransportError::Io))
    };
    wait(&stream, share)?;
    let (socket, _) = tungstenite::client(url, stream).map_err(|error| match error {
        HandshakeError::Failure(error) => loss(&error),
        HandshakeError::Interrupted(_) => Loss::ConnectTimeout,
    })?;
    wait(socket.get_ref(), TICK)?;
    Ok(socket)
}

fn ping(token: u32) -> Message {
    Message::Ping(token.to_be_bytes().to_vec().into())
}

fn pong(conn: ConnId, payload: &[u8]) -> Input<Message> {
    match payload.try_into() {
        Ok(token) => Input::Pong { conn, token: Some(u32::from_be_bytes(token)) },
        Err(_) => Input::Alive { conn }, // not an answer to one of ours
    }
}

fn close(code: u16) -> Message {
    Message::Close(Some(CloseFrame { code: code.into(), reason: "".into() }))
}

/// Nothing came, or not everything went out, for now. A suspended process is interrupted when it goes on.
fn is_slow(error: &Error) -> bool {
    use ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error, Error::Io(error) if matches!(error.kind(), Interrupted | TimedOut | WouldBlock))
}

fn loss(error: &Error) -> Loss {
    match error {
        Error::Http(response) => Loss::Status(response.status().as_u16()),
        Error::Url(_) => Loss::Transport(TransportError::Address),
        Error::Protocol(_) | Error::Utf8(_) | Error::Capacity(_) => Loss::Transport(TransportError::Protocol),
        _ => Loss::Transport(TransportError::Io),
    }
}

#[cfg(test)]
mod tests;

fn main() {
    let Some(url) = std::env::args().nth(1) else {
        eprintln!("usage: minimal ws://HOST:PORT/PATH");
        std::process::exit(2);
    };
    let (outbox, messages) = channel();
    _ = outbox.send(Outgoing::at_most_once(Message::text("hello"), 5));
    let mut outbox = Some(outbox);
    let seed = RandomState::new().hash_one(&url); // random, from the operating system
    run(&url, seed, &messages, |action| {
        println!("{action:?}");
        if let Action::Deliver(_) = action {
            outbox = None; // done: dropping it ends the session
        }
    });
}

//! The smallest driver that is correct: one thread, `ws://` only, and a blocking socket whose read timeout is
//! the tick. The README shows its loop; `client` and `tokio_client` are the ones to copy.
//!
//! `cargo run --example minimal -- ws://HOST:PORT/PATH` sends one line and prints what comes back.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use heartline::{
    Action, CloseCode, Closed, Config, ConnId, Input, Instant, Loss, Outgoing, Refusal, Refused, Session, State,
    Transport, Unsent,
};
use tungstenite::{Error, HandshakeError, Message, WebSocket, http::Uri, protocol::CloseFrame};

const TICK: Duration = Duration::from_millis(20);

// the loop
/// Runs a session until `outbox` is dropped and everything is sent.
pub fn run(url: &str, seed: u64, outbox: &Receiver<Outgoing<Message>>, mut tell: impl FnMut(Action<Message>)) {
    let origin = std::time::Instant::now();
    let now = || Instant::after(origin.elapsed());
    let mut session: Session<Message> = Session::new(Config::default(), seed);
    let (mut inputs, mut socket, mut held) = (VecDeque::from([Input::Connect]), None, None);
    while session.state() != State::Closed {
        while let Some(input) = inputs.pop_front() {
            for action in session.handle(now(), input) {
                match (action, &mut socket) {
                    (Action::Connect { conn, .. }, _) => match dial(url) {
                        Ok(open) => (socket, _) = (Some(open), inputs.push_back(Input::Opened { conn })),
                        Err(closed) => inputs.push_back(Input::Closed { conn, closed }),
                    },
                    (Action::Abort { .. }, _) => socket = None,
                    (Action::Ping { .. }, Some(open)) => _ = open.send(Message::Ping(Vec::new().into())),
                    (Action::Close { code, .. }, Some(open)) => _ = open.close(Some(frame(code))),
                    (action, _) => tell(action), // Deliver, Event, ScheduleReconnect, Outcome
                }
            }
        }
        match (session.conn(), &mut socket) {
            (Some(conn), Some(open)) => inputs.extend(read(conn, open)), // waits for a tick at most
            _ => std::thread::sleep(TICK),
        }
        if matches!(inputs.back(), Some(Input::Closed { .. })) {
            socket = None;
        }
        inputs.push_back(Input::Timer); // behind what was read; an early timer does no harm
        inputs.extend(accept(&mut session, now(), outbox, &mut held));
        while let Some(open) = socket.as_mut().and_then(flushed) {
            let Some(transmit) = session.transmit(now()) else { break };
            if let Err(why) = write(open, transmit.message.clone()) {
                session.unsent(now(), transmit, why);
                break; // a broken connection says so at the next read
            }
        }
    }
}
// the end of the loop

type Socket = WebSocket<TcpStream>;

/// Each step of a dial gets its share of `connect_timeout`: this thread has nobody to interrupt it.
fn dial(url: &str) -> Result<Socket, Closed> {
    let failed = |transport| Closed::from(Loss::Transport(transport));
    let uri: Uri = url.parse().map_err(|_| failed(Transport::Address))?;
    let host = uri.host().filter(|_| uri.scheme_str() == Some("ws")).ok_or(failed(Transport::Address))?;
    let addresses = (host.trim_matches(['[', ']']), uri.port_u16().unwrap_or(80)).to_socket_addrs();
    let addresses: Vec<_> = addresses.map_err(|_| failed(Transport::Resolve))?.collect();
    let share = Config::default().connect_timeout / (2 + addresses.len() as u32);
    let stream = addresses.iter().find_map(|address| TcpStream::connect_timeout(address, share).ok());
    let stream = stream.ok_or(failed(Transport::Connect))?;
    let patience = stream.set_read_timeout(Some(share)).and(stream.set_write_timeout(Some(share)));
    patience.map_err(|_| failed(Transport::Io))?;
    let (socket, _) = tungstenite::client(url, stream).map_err(|error| match error {
        HandshakeError::Failure(error) => Closed::from(loss(&error)),
        HandshakeError::Interrupted(_) => Loss::ConnectTimeout.into(),
    })?;
    socket.get_ref().set_read_timeout(Some(TICK)).map_err(|_| failed(Transport::Io))?;
    Ok(socket)
}

/// The next input from the socket, if one comes within a tick.
fn read(conn: ConnId, socket: &mut Socket) -> Option<Input<Message>> {
    match socket.read() {
        Ok(Message::Pong(_)) => Some(Input::Pong { conn }),
        Ok(Message::Ping(_) | Message::Frame(_)) => Some(Input::Alive { conn }), // tungstenite answers it
        Ok(Message::Close(frame)) => {
            _ = socket.flush(); // tungstenite has the answer ready
            let code = frame.map_or(1005, |frame| frame.code.into());
            Some(Input::Closed { conn, closed: Loss::Close(code).into() })
        }
        Ok(message) => Some(Input::Message { conn, message }),
        Err(error) if is_slow(&error) => None,
        Err(error) => Some(Input::Closed { conn, closed: loss(&error).into() }),
    }
}

/// Takes from the channel while the session has room; what it refuses for now is held, and the channel with it.
fn accept(
    session: &mut Session<Message>,
    now: Instant,
    outbox: &Receiver<Outgoing<Message>>,
    held: &mut Option<Outgoing<Message>>,
) -> Option<Input<Message>> {
    loop {
        match held.take().map_or_else(|| outbox.try_recv(), Ok).map(|outgoing| session.send(now, outgoing)) {
            Ok(Ok(_)) => {}
            Ok(Err(Refused { reason: Refusal::Full, outgoing })) => {
                *held = Some(outgoing);
                return None;
            }
            Ok(Err(refused)) => eprintln!("{refused}"),
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => return Some(Input::close_within(100 * TICK)),
        }
    }
}

/// The socket, if everything written to it is out.
fn flushed(socket: &mut Socket) -> Option<&mut Socket> {
    socket.flush().is_ok().then_some(socket)
}

/// A write that runs out of time has taken the message: it is in the codec's buffer.
fn write(socket: &mut Socket, message: Message) -> Result<(), Unsent> {
    match socket.write(message) {
        Err(Error::Capacity(_)) => Err(Unsent::Rejected),
        Err(error) if !is_slow(&error) => Err(Unsent::Full),
        _ => Ok(()),
    }
}

fn is_slow(error: &Error) -> bool {
    matches!(error, Error::Io(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

fn loss(error: &Error) -> Loss {
    match error {
        Error::Http(response) => Loss::Status(response.status().as_u16()),
        Error::Url(_) => Loss::Transport(Transport::Address),
        Error::Protocol(_) | Error::Utf8(_) | Error::Capacity(_) => Loss::Transport(Transport::Protocol),
        _ => Loss::Transport(Transport::Io),
    }
}

fn frame(code: CloseCode) -> CloseFrame {
    CloseFrame { code: code.get().into(), reason: "".into() }
}

// Tests take the driver as a module, without its main.
#[allow(dead_code)]
fn main() {
    let Some(url) = std::env::args().nth(1) else {
        eprintln!("usage: minimal ws://HOST:PORT/PATH");
        std::process::exit(2);
    };
    let (outbox, messages) = channel();
    _ = outbox.send(Outgoing::once(Message::text("hello"), 5));
    let mut outbox = Some(outbox);
    run(&url, 1, &messages, |action| {
        println!("{action:?}");
        if let Action::Deliver(_) = action {
            outbox = None; // done: dropping it ends the session
        }
    });
}

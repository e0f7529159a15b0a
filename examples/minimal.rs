//! The smallest driver that is correct: one thread, and a blocking socket whose read timeout is the
//! tick. The README shows its loop; `client` and `tokio_client` are the ones to copy.
//!
//! `cargo run --example minimal -- ws://HOST:PORT/PATH` sends one line and prints what comes back.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use heartline::{Action, CloseCode, Closed, Config, Input, Instant, Loss, Outgoing, Session, State, Transport, Unsent};
use tungstenite::{Error, Message, WebSocket, protocol::CloseFrame, stream::MaybeTlsStream};

const TICK: Duration = Duration::from_millis(20);

// the loop
/// Runs a session until `outbox` is dropped and everything is sent.
pub fn run(url: &str, seed: u64, outbox: &Receiver<Outgoing<Message>>, mut tell: impl FnMut(Action<Message>)) {
    let origin = std::time::Instant::now();
    let now = || Instant::after(origin.elapsed());
    let mut session: Session<Message> = Session::new(Config::default(), seed);
    let (mut inputs, mut socket) = (VecDeque::from([Input::Connect]), None);
    while session.state() != State::Closed {
        while let Some(input) = inputs.pop_front() {
            for action in session.handle(now(), input) {
                match (action, &mut socket) {
                    (Action::Connect { conn, .. }, _) => match dial(url) {
                        Ok(open) => (socket, _) = (Some(open), inputs.push_back(Input::Opened { conn })),
                        Err(closed) => inputs.push_back(Input::Closed { conn, closed }),
                    },
                    (Action::Abort { .. }, _) => socket = None,
                    (Action::Ping { .. }, Some(socket)) => _ = socket.send(Message::Ping(Vec::new().into())),
                    (Action::Close { code, .. }, Some(socket)) => _ = socket.close(Some(frame(code))),
                    (action, _) => tell(action), // Deliver, Event, ScheduleReconnect, Outcome
                }
            }
        }
        match (session.conn(), &mut socket) {
            (Some(conn), Some(socket)) => inputs.extend(read(conn, socket)), // waits for a tick at most
            _ => std::thread::sleep(TICK),
        }
        match outbox.try_recv() {
            Ok(outgoing) => _ = session.send(now(), outgoing).inspect_err(|refused| eprintln!("{refused}")),
            Err(TryRecvError::Disconnected) => inputs.push_back(Input::close_within(100 * TICK)),
            Err(TryRecvError::Empty) => {}
        }
        inputs.push_back(Input::Timer); // an early timer does no harm
        while let (Some(socket), Some(transmit)) = (&mut socket, session.transmit(now())) {
            if let Err(error) = socket.send(transmit.message.clone()) {
                session.unsent(now(), transmit, why(&error));
                break; // a broken connection says so at the next read
            }
        }
    }
}
// the end of the loop

fn dial(url: &str) -> Result<WebSocket<MaybeTlsStream<TcpStream>>, Closed> {
    let (socket, _) = tungstenite::connect(url).map_err(|error| Closed::from(loss(&error)))?;
    if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
        let timeouts = stream.set_read_timeout(Some(TICK)).and(stream.set_write_timeout(Some(100 * TICK)));
        timeouts.map_err(|_| Closed::from(Loss::Transport(Transport::Io)))?;
    }
    Ok(socket)
}

/// The next input from the socket, if one comes within a tick.
fn read(conn: heartline::ConnId, socket: &mut WebSocket<MaybeTlsStream<TcpStream>>) -> Option<Input<Message>> {
    match socket.read() {
        Ok(Message::Pong(_)) => Some(Input::Pong { conn }),
        Ok(Message::Ping(_) | Message::Frame(_)) => Some(Input::Alive { conn }), // tungstenite answers it
        Ok(Message::Close(frame)) => {
            let code = frame.map_or(1005, |frame| frame.code.into());
            Some(Input::Closed { conn, closed: Loss::Close(code).into() })
        }
        Ok(message) => Some(Input::Message { conn, message }),
        Err(Error::Io(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
        Err(error) => Some(Input::Closed { conn, closed: loss(&error).into() }),
    }
}

fn loss(error: &Error) -> Loss {
    match error {
        Error::Http(response) => Loss::Status(response.status().as_u16()),
        Error::Url(_) => Loss::Transport(Transport::Address),
        Error::Protocol(_) | Error::Utf8(_) | Error::Capacity(_) => Loss::Transport(Transport::Protocol),
        Error::Tls(_) => Loss::Transport(Transport::Tls),
        _ => Loss::Transport(Transport::Io),
    }
}

fn why(error: &Error) -> Unsent {
    if matches!(error, Error::Capacity(_)) { Unsent::Rejected } else { Unsent::Full }
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

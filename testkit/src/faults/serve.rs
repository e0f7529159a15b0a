//! How the server treats one connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

use super::PATIENCE;
use super::server::{Behaviour, Shared};
use crate::websocket::{self, Decoder, Incoming, PONG};

/// A request's head may be so long, in bytes.
const LONGEST_HEAD: usize = 8192;
/// A key in the log is no longer, in characters.
const LONGEST_KEY: usize = 64;
/// What a frame adds to its payload at most (RFC 6455 §5.2).
const HEADER: usize = 14;
/// The code for a message that is too big (RFC 6455 §7.4.1).
const TOO_BIG: u16 = 1009;

pub(super) fn connection(shared: &Shared, mut stream: TcpStream, behaviour: Behaviour) {
    // A client that reads nothing does not hold up the end of the server.
    _ = stream.set_write_timeout(Some(PATIENCE));
    // Whatever fails here ends this connection, and the client notices.
    _ = match behaviour {
        Behaviour::InsteadOfHandshake(bytes) => answer(shared, &mut stream, &bytes),
        Behaviour::AfterHandshake(bytes) => handshake(shared, &mut stream).and_then(|()| {
            stream.write_all(&bytes)?;
            drain(&mut stream)
        }),
        Behaviour::CloseAtOnce(code) => {
            handshake(shared, &mut stream).and_then(|()| code.map_or(Ok(()), |code| close(&mut stream, code)))
        }
        Behaviour::Serve { limit } => handshake(shared, &mut stream).and_then(|()| serve(shared, &mut stream, limit)),
    };
}

/// Reads the head of a request and logs its target. `None` for what does not begin like one.
fn request(shared: &Shared, stream: &mut TcpStream) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
        if !b"GET "[..head.len().min(4)].starts_with(&head[..head.len().min(4)]) {
            return Ok(None); // TLS, perhaps.
        }
        if head.len() > LONGEST_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    shared.log(|log| log.requests.push(target));
    Ok(Some(head))
}

fn handshake(shared: &Shared, stream: &mut TcpStream) -> io::Result<()> {
    let head = request(shared, stream)?.ok_or(io::ErrorKind::InvalidData)?;
    let answer = websocket::switching(&head).ok_or(io::ErrorKind::InvalidData)?;
    stream.write_all(answer.as_bytes())
}

fn answer(shared: &Shared, stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    if !bytes.is_empty() {
        request(shared, stream)?;
        stream.write_all(bytes)?;
        stream.shutdown(Shutdown::Write)?;
    }
    drain(stream)
}

/// Reads until the client goes: closing with unread data would be a reset, which can overtake what was sent.
fn drain(stream: &mut TcpStream) -> io::Result<()> {
    io::copy(stream, &mut io::sink()).map(drop)
}

fn close(stream: &mut TcpStream, code: u16) -> io::Result<()> {
    stream.write_all(&websocket::close(Some(code)))?;
    drain(stream)
}

fn serve(shared: &Shared, stream: &mut TcpStream, limit: usize) -> io::Result<()> {
    let number = shared.log(|log| {
        log.connections.push(Vec::new());
        log.connections.len() - 1
    });
    let (mut decoder, mut buffer) = (Decoder::default(), vec![0; 16 << 10]);
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        decoder.push(&buffer[..length]);
        while let Some(incoming) = decoder.next() {
            match incoming {
                Incoming::Text(text) if text.len() <= limit => {
                    shared.log(|log| log.connections[number].push(key(&text)));
                    if let Some(reply) = shared.reply(&text) {
                        stream.write_all(&websocket::text(&reply))?;
                    }
                }
                Incoming::Binary(length) if length <= limit => {}
                Incoming::Text(_) | Incoming::Binary(_) => return close(stream, TOO_BIG),
                Incoming::Ping(payload) => stream.write_all(&websocket::frame(PONG, true, &payload))?,
                Incoming::Pong(_) => {}
                Incoming::Close(code) => {
                    shared.log(|log| log.closes.push(code.unwrap_or(1005)));
                    stream.write_all(&websocket::close(code))?;
                    stream.shutdown(Shutdown::Write)?;
                    return drain(stream);
                }
                Incoming::Violation(_) | Incoming::End => return Ok(()),
            }
        }
        if decoder.pending() > limit.saturating_add(HEADER) {
            return close(stream, TOO_BIG);
        }
    }
}

/// What a text is called in the log.
fn key(text: &str) -> String {
    text.split(' ').next().unwrap_or_default().chars().take(LONGEST_KEY).collect()
}

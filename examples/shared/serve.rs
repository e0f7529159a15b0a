//! How the server treats one connection.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use tungstenite::error::Error;
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::http::StatusCode;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Message, WebSocket, accept_hdr_with_config};

use super::{Mode, Shared};

pub fn connection(shared: &Shared, stream: TcpStream, mode: Mode) {
    let limit = match mode {
        Mode::InsteadOfHandshake(bytes) => return answer(shared, stream, &bytes),
        Mode::Echo { limit } => limit,
        _ => usize::MAX,
    };
    let config = WebSocketConfig::default().max_message_size(Some(limit)).max_frame_size(Some(limit));
    #[allow(clippy::result_large_err)] // The codec's type.
    let check = |request: &Request, response: Response| admit(shared, request, response);
    let Ok(mut socket) = accept_hdr_with_config(stream, check, Some(config)) else { return };
    match mode {
        Mode::AfterHandshake(bytes) => {
            let _ = socket.get_mut().write_all(&bytes);
            drain(socket.get_mut());
        }
        Mode::CloseAtOnce(code) => {
            if let Some(code) = code {
                close(&mut socket, code.into());
            }
        }
        _ => echo(shared, &mut socket),
    }
}

/// Lets a dial in whose token was not used before.
#[allow(clippy::result_large_err)] // The codec's type.
fn admit(shared: &Shared, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
    let token = request.uri().query().and_then(|query| query.strip_prefix("token=")).unwrap_or_default().to_owned();
    let known = shared.change(|inner| {
        let known = token.is_empty() || inner.log.tokens.contains(&token);
        inner.log.tokens.push(token);
        known
    });
    if known {
        let mut refusal = ErrorResponse::new(Some("no fresh token".into()));
        *refusal.status_mut() = StatusCode::UNAUTHORIZED;
        return Err(refusal);
    }
    Ok(response)
}

fn answer(shared: &Shared, mut stream: TcpStream, bytes: &[u8]) {
    let mut head = Vec::new();
    while !bytes.is_empty() && !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            // What does not begin like a request (`GET`) is TLS, and is answered at once.
            Ok(1) if head.is_empty() && byte != *b"G" => break,
            Ok(1) if head.len() < 8192 => head.extend(byte),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head);
    let token = head.split_once("token=").and_then(|(_, rest)| rest.split(' ').next());
    shared.change(|inner| inner.log.tokens.extend(token.map(str::to_owned)));
    let _ = stream.write_all(bytes);
    if !bytes.is_empty() {
        let _ = stream.shutdown(Shutdown::Write);
    }
    drain(&mut stream);
}

/// Reads until the client goes: closing with unread data would be a reset, which can overtake what was sent.
fn drain(stream: &mut TcpStream) {
    let _ = std::io::copy(stream, &mut std::io::sink());
}

fn close(socket: &mut WebSocket<TcpStream>, code: CloseCode) {
    let _ = socket.close(Some(CloseFrame { code, reason: Default::default() }));
    drain(socket.get_mut());
}

/// The protocol of this server: the first word of a message is its key. `hello` is answered by `welcome`,
/// `subscribe` by `subscribed`, `alo:…` by an acknowledgement, everything else by its echo.
fn echo(shared: &Shared, socket: &mut WebSocket<TcpStream>) {
    let number = shared.change(|inner| {
        inner.log.connections.push(Vec::new());
        inner.log.connections.len() - 1
    });
    loop {
        let reply = match socket.read() {
            Ok(Message::Text(text)) => {
                let key = text.split(' ').next().unwrap_or_default();
                shared.change(|inner| inner.log.connections[number].push(key.to_owned()));
                match key {
                    "hello" => "welcome".to_owned(),
                    "subscribe" => "subscribed".to_owned(),
                    _ if key.starts_with("alo:") => format!("ack {key}"),
                    _ => format!("echo {key}"),
                }
            }
            Ok(Message::Close(frame)) => {
                let code = frame.map_or(1005, |frame| frame.code.into());
                shared.change(|inner| inner.log.closes.push(code));
                continue;
            }
            Ok(_) => continue,
            Err(Error::Capacity(_)) => return close(socket, CloseCode::Size),
            Err(_) => return,
        };
        if socket.send(Message::text(reply)).is_err() {
            return;
        }
    }
}

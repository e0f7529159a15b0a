//! The request before the connection: for the page, for a pause, or for an upgrade that the hub admits or not.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tungstenite::handshake::machine::TryParse as _;
use tungstenite::handshake::server::{Request, create_response, write_response};
use tungstenite::http::HeaderValue;
use tungstenite::http::header::{HOST, ORIGIN, SEC_WEBSOCKET_PROTOCOL};

use super::connection::{Shared, discard};
use super::events::User;
use super::reports::{NewConnection, Report, UpgradeRequest};

const PAGE: &str = include_str!("page.html");
/// A longer request is refused.
const LONGEST: usize = 8 * 1024;
const HANG_UP: Duration = Duration::from_secs(1);

/// An upgrade that was answered with yes.
pub struct Upgrade {
    pub connection: NewConnection,
    /// Who logs in by the path.
    pub user: Option<User>,
    /// What already came behind the request.
    pub rest: Vec<u8>,
}

/// Reads a request and answers it. `None` if that was all.
pub async fn request(tcp: &mut TcpStream, shared: &Shared) -> Option<Upgrade> {
    let (bytes, mut rest) = head(tcp).await?;
    if bytes.starts_with(b"POST ") {
        admin(tcp, &bytes, shared).await;
        return None;
    }
    let Ok(Some((_, request))) = Request::try_parse(&bytes) else {
        refuse(tcp, 400, None).await;
        return None;
    };
    let path = request.uri().path();
    let user = User::of_path(path);
    if user.is_none() && !matches!(path, "/" | "/ws") {
        refuse(tcp, 404, None).await;
        return None;
    }
    let Ok(mut response) = create_response(&request) else {
        match path {
            "/" if !request.headers().contains_key("Upgrade") => page(tcp).await,
            _ => refuse(tcp, 426, None).await,
        }
        return None;
    };
    // A client that dialled in vain while this server was paused has hung up and dialled again. Admitted, its
    // ghost would take the user's name from its living connection.
    match tcp.try_read_buf(&mut rest) {
        Ok(0) => return None,
        Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return None,
        _ => {}
    }
    let connection = admit(tcp, &request, shared).await?;
    if let Some(chosen) = connection.protocol.as_deref().and_then(|chosen| HeaderValue::from_str(chosen).ok()) {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, chosen);
    }
    let mut bytes = Vec::new();
    let written = write_response(&mut bytes, &response).is_ok() && tcp.write_all(&bytes).await.is_ok();
    if !written {
        _ = shared.reports.send(Report::Gone { conn: connection.conn }).await;
        return None;
    }
    Some(Upgrade { connection, user, rest })
}

/// What comes up to an empty line, and what already came behind it.
async fn head(tcp: &mut TcpStream) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(at + 4);
            return Some((bytes, rest));
        }
        if bytes.len() > LONGEST {
            refuse(tcp, 431, None).await;
            return None;
        }
        if tcp.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

async fn admit(tcp: &mut TcpStream, request: &Request, shared: &Shared) -> Option<NewConnection> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let Some(host) = header(HOST) else {
        refuse(tcp, 400, None).await;
        return None;
    };
    let request = UpgradeRequest {
        origin: header(ORIGIN).map(str::to_owned),
        host: host.to_owned(),
        protocols: offered.flat_map(|list| list.split(',')).map(|name| name.trim().to_owned()).collect(),
    };
    let (answer, answered) = oneshot::channel();
    _ = shared.reports.send(Report::Admit { request, answer }).await;
    match answered.await {
        Ok(Ok(connection)) => Some(connection),
        Ok(Err(denied)) => {
            refuse(tcp, denied.status(), denied.retry_after).await;
            None
        }
        Err(_) => {
            refuse(tcp, 503, Some(Duration::from_secs(1))).await; // The hub has drained.
            None
        }
    }
}

/// Whether it begins like one of the orders below.
pub async fn is_order(tcp: &TcpStream) -> bool {
    let mut first = [0; 5];
    tcp.peek(&mut first).await.is_ok_and(|count| count == 5 && first == *b"POST ")
}

/// `POST /pause` and `POST /resume`, where they are allowed at all, and not from a page of another site.
async fn admin(tcp: &mut TcpStream, request: &[u8], shared: &Shared) {
    let from_a_page = request.to_ascii_lowercase().windows(8).any(|word| word == b"\norigin:");
    let paused = match request.split(|byte| *byte == b' ').nth(1) {
        Some(b"/pause") => true,
        Some(b"/resume") => false,
        _ => return refuse(tcp, 405, None).await,
    };
    if !shared.admin || from_a_page {
        return refuse(tcp, 403, None).await;
    }
    shared.paused.send_replace(paused);
    respond(tcp, 204, "", "").await;
}

async fn page(tcp: &mut TcpStream) {
    let headers = "Content-Type: text/html; charset=utf-8\r\n\
        Cache-Control: no-store\r\n\
        X-Content-Type-Options: nosniff\r\n\
        Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
        connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'\r\n";
    respond(tcp, 200, headers, PAGE).await;
}

/// Says no, and when it may be worth trying again.
pub async fn refuse(tcp: &mut TcpStream, status: u16, retry_after: Option<Duration>) {
    let mut headers = String::new();
    if let Some(wait) = retry_after {
        headers = format!("Retry-After: {}\r\n", wait.as_millis().div_ceil(1000));
    }
    if status == 426 {
        headers += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
    }
    respond(tcp, status, &headers, reason(status)).await;
}

async fn respond(tcp: &mut TcpStream, status: u16, headers: &str, body: &str) {
    let (reason, length) = (reason(status), body.len());
    let head =
        format!("HTTP/1.1 {status} {reason}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}");
    let answer = async {
        if tcp.write_all(head.as_bytes()).await.is_ok() {
            discard(tcp).await;
        }
    };
    _ = timeout(HANG_UP, answer).await;
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        426 => "Upgrade Required",
        431 => "Request Header Fields Too Large",
        _ => "Service Unavailable",
    }
}

//! From tungstenite's words to the session's: addresses, close frames, errors. Both drivers use it as it is.

use std::io::ErrorKind;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use heartline::loss::TransportError;
use heartline::{ConnId, Input, Loss};
use tungstenite::Error;
use tungstenite::client::{IntoClientRequest, uri_mode};
use tungstenite::error::ProtocolError;
use tungstenite::handshake::client::Request;
use tungstenite::http::header::RETRY_AFTER;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::stream::Mode;

/// How a connection or a dial ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct End {
    pub loss: Loss,
    /// How long the server asked to stay away.
    pub retry_after: Option<Duration>,
}

impl End {
    pub fn input<M>(self, conn: ConnId) -> Input<M> {
        Input::Closed { conn, loss: self.loss, retry_after: self.retry_after }
    }
}

impl From<Loss> for End {
    fn from(loss: Loss) -> Self {
        Self { loss, retry_after: None }
    }
}

impl From<TransportError> for End {
    fn from(error: TransportError) -> Self {
        Loss::Transport(error).into()
    }
}

/// What there is to know of a server before a dial.
pub struct Address {
    pub request: Request,
    pub host: String,
    pub port: u16,
}

/// The address that a URL is (RFC 6455 §3), if it is one.
pub fn address(url: &str) -> Option<Address> {
    let request = url.into_client_request().ok()?;
    let default_port = match uri_mode(request.uri()).ok()? {
        Mode::Plain => 80,
        Mode::Tls => 443,
    };
    let authority = request.uri().authority()?;
    let (_, after_host) = authority.as_str().rsplit_once(authority.host())?;
    let port = match after_host.trim_start_matches(':') {
        "" => default_port,
        port => port.parse().ok()?,
    };
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    Some(Address { request, host, port }).filter(|address| !address.host.is_empty())
}

/// The end that a received close frame is; one without a code counts as 1005.
pub fn close_frame(frame: Option<&CloseFrame>) -> End {
    let Some(frame) = frame else { return Loss::Close(1005).into() };
    let loss = match frame.code {
        // What tungstenite puts in the place of a frame whose code nobody may send.
        CloseCode::Protocol if frame.reason == "Protocol violation" => Loss::Transport(TransportError::Protocol),
        code => Loss::Close(code.into()),
    };
    let millis = frame.reason.strip_prefix("retry-after-ms=").and_then(|millis| millis.parse().ok());
    End { loss, retry_after: millis.map(Duration::from_millis) }
}

/// The end that an error of the codec is, while dialling and after. What fails before a handshake begins (the
/// name, the connection) only the driver can tell apart.
pub fn error(error: &Error) -> End {
    let transport = match error {
        Error::Http(response) => {
            let value = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let loss = Loss::Status(response.status().as_u16());
            return End { loss, retry_after: value.and_then(retry_after) };
        }
        // A build without TLS can never dial `wss`: to this build the address makes no sense.
        Error::Url(_) | Error::HttpFormat(_) => TransportError::Address,
        Error::Tls(_) => TransportError::Tls,
        // rustls shakes hands during the first read and write, and reports its own errors so.
        Error::Io(error) if error.kind() == ErrorKind::InvalidData => TransportError::Tls,
        // What the codec calls a breach here is a stream that ended without a close frame.
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake | ProtocolError::HandshakeIncomplete) => {
            TransportError::Io
        }
        Error::Io(_) | Error::ConnectionClosed | Error::AlreadyClosed => TransportError::Io,
        Error::Protocol(_) | Error::Utf8(_) | Error::Capacity(_) | Error::AttackAttempt => TransportError::Protocol,
        // Not an end at all, and the drivers do not take it for one.
        Error::WriteBufferFull(_) => TransportError::Io,
    };
    transport.into()
}

/// The code that tells a peer which rule it broke before the connection is dropped (RFC 6455 §7.1.7), if the
/// error means that it broke one.
pub fn complaint(error: &Error) -> Option<CloseFrame> {
    let code = match error {
        Error::Capacity(_) => CloseCode::Size,
        Error::Utf8(_) => CloseCode::Invalid,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return None,
        Error::Protocol(_) | Error::AttackAttempt => CloseCode::Protocol,
        _ => return None,
    };
    Some(CloseFrame { code, reason: Default::default() })
}

/// `Retry-After` is seconds or a date (RFC 9110 §10.2.3); anything else is ignored.
pub fn retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(Duration::from_secs(http_date(value)?).saturating_sub(now))
}

/// Seconds since 1970 of a date like `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
fn http_date(date: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, date) = date.strip_suffix(" GMT")?.split_once(", ")?;
    let parts: Vec<&str> = date.split([' ', ':']).collect();
    let [day, name, year, hour, minute, second] = parts[..] else { return None };
    let number = |part: &str, most: u64| part.parse::<u64>().ok().filter(|number| *number <= most);
    let (day, year) = (number(day, 31)?.max(1), number(year, 9999)?.max(1970));
    let (hour, minute, second) = (number(hour, 23)?, number(minute, 59)?, number(second, 60)?);
    let month = MONTHS.iter().position(|month| *month == name)? as u64;
    // Counted in years that begin with March, so that the leap day is the last of its year.
    let (year, month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [U12]
    #[test]
    fn a_close_frame_may_ask_to_come_back_later_and_any_other_reason_is_ignored() {
        let asked = |reason: &str| {
            close_frame(Some(&CloseFrame { code: CloseCode::Restart, reason: reason.into() })).retry_after
        };
        assert_eq!(asked("retry-after-ms=1500"), Some(Duration::from_millis(1500)));
        assert_eq!(["", "retry-after-ms=", "retry-after-ms=-1", "later"].map(asked), [None; 4]);
    }
}

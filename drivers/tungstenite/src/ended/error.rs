//! What went wrong, and what it means to a session.

use std::io::{self, ErrorKind};
use std::time::{Duration, SystemTime};

use heartline::loss::TransportError;
use heartline::{CloseCode, Loss};
use tungstenite::Error;
use tungstenite::error::{CapacityError, ProtocolError, SubProtocolError, UrlError};
use tungstenite::handshake::client::Response as HttpResponse;
use tungstenite::http::header::RETRY_AFTER;

use super::{Close, Ended, HookFailure, retry_after};
use crate::codec::CodecError;
use crate::proxy::ProxyError;
use crate::request::{RequestError, Response};
use crate::tls::TlsError;

/// 1002 of RFC 6455 §7.4.1.
const PROTOCOL: CloseCode = code(1002);
/// 1007 of RFC 6455 §7.4.1.
const INVALID: CloseCode = code(1007);
/// 1008 of RFC 6455 §7.4.1.
const POLICY: CloseCode = code(1008);
/// 1009 of RFC 6455 §7.4.1.
const TOO_LARGE: CloseCode = code(1009);
/// As HTTP 408, a timeout: the default policy retries it.
const STALLED: CloseCode = code(4408);

const fn code(code: u16) -> CloseCode {
    match CloseCode::new(code) {
        Ok(code) => code,
        Err(_) => panic!("a code that may be sent"),
    }
}

/// What went wrong with a connection or a dial.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndError {
    /// The request cannot be sent.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// There is no TLS as it was asked for, or none could be agreed on.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The proxy gave no connection.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// A message or frame is larger than *our* limit on what is received, which is no fault of the peer's:
    /// [`Limits`](crate::Limits) says where to raise it. The loss is [`Loss::Application`] with 1009, which the default
    /// policy retries; a rule for [`Pattern::Application`](heartline::retry::Pattern::Application) with 1009 can stop
    /// instead.
    #[error("a message or frame of {size} bytes is over the inbound limit of {limit} bytes")]
    InboundLimit {
        /// Its size in bytes; of a message in fragments, as far as it has come.
        size: usize,
        /// The limit in bytes: `max_inbound_frame` or `max_inbound_message`.
        limit: usize,
    },
    /// The application left no room for what arrives, so that nothing was received for this long. The loss is
    /// [`Loss::Application`] with 4408, which the default policy retries; a rule for
    /// [`Pattern::Application`](heartline::retry::Pattern::Application) with 4408 can stop instead.
    #[error("nothing was received for {max_stall:?} (max_stall), because the application left no room")]
    Stalled {
        /// The limit that was reached.
        max_stall: Duration,
    },
    /// A hook of the application's failed. The loss is [`Loss::Application`] with the code of the failure.
    #[error(transparent)]
    Hook(#[from] HookFailure),
    /// The server chose none of the subprotocols that were offered, or one that was not.
    #[error("{reason}")]
    SubProtocol {
        /// Which of the two.
        reason: String,
    },
    /// The response to the handshake is more than tungstenite takes (124 headers, 64 KiB), or arrives in too many small
    /// pieces (more than 64 with less than 128 bytes on average, or more than 512).
    #[error("the response to the handshake is too large, or in too many pieces")]
    Response,
    /// The peer does not speak WebSocket, or broke its rules.
    #[error("{reason}")]
    Protocol {
        /// Which rule.
        reason: String,
    },
    /// The peer sent a text that is not UTF-8.
    #[error("a text of the peer is not UTF-8")]
    Utf8,
    /// What arrived cannot be decoded.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The connection broke.
    #[error("{reason}")]
    Io {
        /// The kind of the error.
        kind: ErrorKind,
        /// What the operating system says.
        reason: String,
    },
}

impl EndError {
    pub(super) fn loss(&self) -> Loss {
        Loss::Transport(match self {
            Self::InboundLimit { .. } => return Loss::Application(TOO_LARGE.get()),
            Self::Proxy(error) => return error.loss(),
            Self::Codec(error) => return Loss::Application(error.code().get()),
            Self::Stalled { .. } => return Loss::Application(STALLED.get()),
            Self::Hook(failure) => return Loss::Application(failure.code().get()),
            // To this build the address makes no sense.
            Self::Request(_) | Self::Tls(TlsError::NotBuilt) => TransportError::Address,
            Self::Tls(_) => TransportError::Tls,
            Self::SubProtocol { .. } | Self::Response | Self::Protocol { .. } | Self::Utf8 => TransportError::Protocol,
            Self::Io { .. } => TransportError::Io,
        })
    }

    pub(super) fn complaint(&self) -> Option<Close> {
        match self {
            Self::InboundLimit { .. } => Some(Close::with_shortened(TOO_LARGE, &self.to_string())),
            Self::Protocol { reason } => Some(Close::with_shortened(PROTOCOL, reason)),
            Self::Utf8 => Some(Close::with_shortened(INVALID, &self.to_string())),
            Self::Codec(error) => Some(Close::with_shortened(error.code(), error.reason())),
            Self::Stalled { .. } => Some(Close::with_shortened(POLICY, "what was sent was not read in time")),
            Self::Request(_) | Self::Proxy(_) | Self::Tls(_) | Self::SubProtocol { .. } | Self::Response => None,
            Self::Hook(_) | Self::Io { .. } => None,
        }
    }
}

pub fn translate(error: &Error, now: SystemTime) -> Ended {
    match error {
        Error::Http(response) => refused(response, now),
        Error::Io(error) => io(error).into(),
        Error::Tls(error) => TlsError::Handshake { reason: error.to_string() }.into(),
        Error::Url(UrlError::TlsFeatureNotEnabled) => TlsError::NotBuilt.into(),
        Error::Url(_) | Error::HttpFormat(_) => RequestError::Url { reason: error.to_string() }.into(),
        Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            EndError::InboundLimit { size: *size, limit: *max_size }.into()
        }
        Error::Capacity(CapacityError::TooManyHeaders) | Error::AttackAttempt => EndError::Response.into(),
        Error::Protocol(error) => protocol(error).into(),
        Error::Utf8(_) => EndError::Utf8.into(),
        Error::ConnectionClosed | Error::AlreadyClosed | Error::WriteBufferFull(_) => broken(error.to_string()).into(),
    }
}

fn refused(response: &HttpResponse, now: SystemTime) -> Ended {
    let response = Response::from(response.clone());
    let asked = response.header(RETRY_AFTER).and_then(|value| retry_after(value, now));
    let loss = Loss::Status(response.status());
    Ended { retry_after: asked, response: Some(Box::new(response)), ..loss.into() }
}

fn io(error: &io::Error) -> EndError {
    let reason = error.to_string();
    match error.kind() {
        // rustls shakes hands during the first read and write, and reports its own errors so.
        ErrorKind::InvalidData => TlsError::Handshake { reason }.into(),
        kind => EndError::Io { kind, reason },
    }
}

fn protocol(error: &ProtocolError) -> EndError {
    let reason = error.to_string();
    match error {
        // What tungstenite calls a breach here is a stream that ended without a close frame, or a write of ours after
        // one.
        ProtocolError::ResetWithoutClosingHandshake
        | ProtocolError::HandshakeIncomplete
        | ProtocolError::SendAfterClosing => broken(reason),
        ProtocolError::InvalidHeader(name) => RequestError::Header { name: name.to_string() }.into(),
        ProtocolError::SecWebSocketSubProtocolError(error) => {
            EndError::SubProtocol { reason: sub_protocol(*error).into() }
        }
        _ => EndError::Protocol { reason },
    }
}

const fn sub_protocol(error: SubProtocolError) -> &'static str {
    match error {
        SubProtocolError::NoSubProtocol => "the server chose none of the offered subprotocols",
        SubProtocolError::InvalidSubProtocol => "the server chose a subprotocol that was not offered",
        SubProtocolError::ServerSentSubProtocolNoneRequested => "the server chose a subprotocol, but none was offered",
    }
}

const fn broken(reason: String) -> EndError {
    EndError::Io { kind: ErrorKind::UnexpectedEof, reason }
}

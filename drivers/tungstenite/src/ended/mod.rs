//! How connections and dials end, in the session's words.
//!
//! ```
//! use heartline::{ConnId, Loss};
//! use heartline_tungstenite::Ended;
//! use heartline_tungstenite::tungstenite::Error;
//!
//! let ended = Ended::from(&Error::ConnectionClosed);
//! assert_eq!(ended.loss.to_string(), "the connection broke");
//! let conn = ConnId::from_raw(1).unwrap();
//! let input: heartline::Input<String> = ended.input(conn); // for Session::handle
//! # let _ = input;
//! ```

mod close;
mod error;
mod hook;
mod retry_after;

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::{Duration, SystemTime};

use heartline::loss::TransportError;
use heartline::{ConnId, Input, Loss};
use tungstenite::Error;
use tungstenite::protocol::CloseFrame;

pub use close::{Close, ReasonTooLong};
pub use error::EndError;
pub use hook::HookFailure;
pub use retry_after::retry_after;

use crate::codec::CodecError;
use crate::proxy::ProxyError;
use crate::request::{RequestError, Response};
use crate::tls::TlsError;

/// How a connection or a dial ended: what the session has to know, and what else is known.
///
/// [`Display`](fmt::Display) has the loss and, behind it, [`detail`](Self::detail).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Ended {
    /// What to report to the session.
    pub loss: Loss,
    /// How long the server asked to stay away: by `Retry-After`, or by a close reason `retry-after-ms=…`.
    pub retry_after: Option<Duration>,
    /// The close frame that arrived, or by which the application ended the connection.
    pub close: Option<Close>,
    /// The response that refused the dial; a redirect's has the location. Boxed, as most ends have none.
    pub response: Option<Box<Response>>,
    /// What went wrong, in more detail than `loss`.
    pub error: Option<EndError>,
}

impl Ended {
    /// The end that a received close frame is. One without a code counts as 1005.
    pub fn by_close(frame: Option<&CloseFrame>) -> Self {
        close::received(frame)
    }

    /// The end that an error of tungstenite is, while dialling and after.
    ///
    /// What fails before the handshake begins (resolving the name, connecting) only the driver can distinguish, and
    /// reports as [`by_io`](Self::by_io). [`Error::WriteBufferFull`] and an `Io` error of kind `WouldBlock` or
    /// `Interrupted` are no ends at all: ask only about those that are.
    ///
    /// `now` is what a `Retry-After` with a date is measured against.
    pub fn by_error(error: &Error, now: SystemTime) -> Self {
        error::translate(error, now)
    }

    /// The end that an error of the operating system is, where the driver knows better than [`by_error`](Self::by_error) what
    /// failed: [`Resolve`](TransportError::Resolve), [`Connect`](TransportError::Connect).
    pub fn by_io(failed: TransportError, error: &io::Error) -> Self {
        let error = EndError::Io { kind: error.kind(), reason: error.to_string() };
        Self { error: Some(error), ..failed.into() }
    }

    /// The end that the application decided on: [`Loss::Application`] with the code of the close.
    pub fn by_application(close: Close) -> Self {
        Self { close: Some(close.clone()), ..Loss::Application(close.code()).into() }
    }

    /// The close that says to the peer which rule it broke (RFC 6455 §7.1.7), if it broke one on an open connection:
    /// 1002 for the protocol's, 1007 for text that is not UTF-8, 1009 for our limit on what is received, 1008 for a
    /// stall, and that of the codec. Write it before the socket is dropped, as far as it goes out at once.
    pub fn complaint(&self) -> Option<Close> {
        self.error.as_ref()?.complaint()
    }

    /// What is known beyond the loss, for people and logs: the error with its sources, else the reason of the close
    /// frame, else where the response redirects to. `None` if nothing is.
    pub fn detail(&self) -> Option<String> {
        if let Some(error) = &self.error {
            let mut text = error.to_string();
            let mut source = error.source();
            while let Some(error) = source {
                text = format!("{text}: {error}");
                source = error.source();
            }
            return Some(text);
        }
        let reason = self.close.as_ref().map(Close::reason).filter(|reason| !reason.is_empty());
        let location = || self.response.as_ref()?.location().map(|location| format!("redirected to {location}"));
        reason.map(str::to_owned).or_else(location)
    }

    /// The input that reports it.
    pub fn input<M>(&self, conn: ConnId) -> Input<M> {
        Input::Closed { conn, loss: self.loss, retry_after: self.retry_after }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.loss.fmt(formatter)?;
        self.detail().map_or(Ok(()), |detail| write!(formatter, ": {detail}"))
    }
}

/// [`Display`](fmt::Display) has the whole chain already, so there is no source here; that of `error` is there.
impl StdError for Ended {}

impl From<Loss> for Ended {
    fn from(loss: Loss) -> Self {
        Self { loss, retry_after: None, close: None, response: None, error: None }
    }
}

impl From<TransportError> for Ended {
    fn from(error: TransportError) -> Self {
        Loss::Transport(error).into()
    }
}

impl From<&Error> for Ended {
    /// As [`Ended::by_error`], now.
    fn from(error: &Error) -> Self {
        Self::by_error(error, SystemTime::now())
    }
}

impl From<RequestError> for Ended {
    /// A request that cannot be sent: [`TransportError::Address`], at which the default policy stops.
    fn from(error: RequestError) -> Self {
        EndError::Request(error).into()
    }
}

impl From<TlsError> for Ended {
    /// [`TransportError::Address`] for a build without TLS, else [`TransportError::Tls`].
    fn from(error: TlsError) -> Self {
        EndError::Tls(error).into()
    }
}

impl From<CodecError> for Ended {
    /// What arrived cannot be decoded: [`Loss::Application`] with the code of the error.
    fn from(error: CodecError) -> Self {
        EndError::Codec(error).into()
    }
}

impl From<ProxyError> for Ended {
    /// A proxy that gives no connection, as [`ProxyError`] says for each of its errors.
    fn from(error: ProxyError) -> Self {
        EndError::Proxy(error).into()
    }
}

impl From<EndError> for Ended {
    fn from(error: EndError) -> Self {
        Self { error: Some(error.clone()), ..error.loss().into() }
    }
}

#[cfg(test)]
mod tests;

//! Close codes with their reasons, in and out.

use std::fmt;
use std::time::Duration;

use heartline::loss::TransportError;
use heartline::{CloseCode, Loss};
use tungstenite::Message;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode as FrameCode;

use super::{EndError, Ended};

/// A control frame has room for 125 bytes, of which the code takes two (RFC 6455 §5.5).
const MOST: usize = 123;

/// A close code with its reason.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Close {
    code: u16,
    reason: String,
}

impl Close {
    /// A close to send.
    ///
    /// # Errors
    /// [`ReasonTooLong`] if the reason is longer than 123 bytes in UTF-8 (RFC 6455 §5.5).
    pub fn new(code: CloseCode, reason: impl Into<String>) -> Result<Self, ReasonTooLong> {
        let reason = reason.into();
        match reason.len() {
            0..=MOST => Ok(Self { code: code.get(), reason }),
            length => Err(ReasonTooLong { length }),
        }
    }

    /// The same with as much of the reason as there is room for, in whole characters.
    pub fn with_shortened(code: CloseCode, reason: &str) -> Self {
        let end = (0..=reason.len().min(MOST)).rev().find(|end| reason.is_char_boundary(*end)).unwrap_or(0);
        Self { code: code.get(), reason: reason[..end].into() }
    }

    /// The code; 1005 for a received close without one.
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// The reason, which may be empty. What the peer sends here is text for people and logs: trust nothing in it.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The frame to send; one without a code for 1005.
    pub fn message(&self) -> Message {
        if self.code == 1005 {
            return Message::Close(None);
        }
        Message::Close(Some(CloseFrame { code: self.code.into(), reason: self.reason.as_str().into() }))
    }
}

impl From<CloseCode> for Close {
    /// A close without a reason.
    fn from(code: CloseCode) -> Self {
        Self { code: code.get(), reason: String::new() }
    }
}

impl fmt::Display for Close {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason.as_str() {
            "" => self.code.fmt(formatter),
            reason => write!(formatter, "{} ({reason})", self.code),
        }
    }
}

/// A close reason is longer than a close frame has room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the close reason has {length} bytes; allowed are 123")]
pub struct ReasonTooLong {
    /// Its length in bytes of UTF-8.
    pub length: usize,
}

pub fn received(frame: Option<&CloseFrame>) -> Ended {
    let Some(frame) = frame else {
        return Ended { close: Some(Close { code: 1005, reason: String::new() }), ..Loss::Close(1005).into() };
    };
    // What tungstenite puts in the place of a frame whose code may not be sent.
    if frame.code == FrameCode::Protocol && frame.reason == "Protocol violation" {
        let reason = "a close frame with a code that may not be sent".into();
        return Ended { error: Some(EndError::Protocol { reason }), ..TransportError::Protocol.into() };
    }
    let close = Close { code: frame.code.into(), reason: frame.reason.as_str().into() };
    let millis = close.reason.strip_prefix("retry-after-ms=").and_then(|millis| millis.parse().ok());
    Ended {
        retry_after: millis.map(Duration::from_millis),
        close: Some(close.clone()),
        ..Loss::Close(close.code).into()
    }
}

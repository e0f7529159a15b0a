//! How a connection ended.

use std::fmt;

use heartline::CloseCode;
use heartline::directory::Departure;
use heartline_tungstenite::ended::{Close, Ended};

/// How a connection ended, for [`on_close`](crate::Builder::on_close).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Closed {
    /// The code of the first close frame, whoever sent it; 1005 for a frame without one, 1006 without a frame (RFC 6455
    /// §7.1.5).
    pub code: u16,
    /// The reason in the frame, or what went wrong. From the client it is text for people and logs: trust nothing in it.
    pub reason: String,
    /// Who sent the first close frame.
    pub by: ClosedBy,
    /// Both sides have sent their close frames.
    pub clean: bool,
}

/// Who closed a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ClosedBy {
    /// The client.
    Client,
    /// The server: the application, or the hub.
    Server,
    /// Nobody: it broke.
    Nobody,
}

impl Closed {
    pub(crate) fn by_server(close: &Close, clean: bool) -> Self {
        Self { code: close.code(), reason: close.reason().to_owned(), by: ClosedBy::Server, clean }
    }

    /// As the client ended it, or as it broke.
    pub(crate) fn by_end(ended: &Ended) -> Self {
        match &ended.close {
            Some(close) => {
                Self { code: close.code(), reason: close.reason().to_owned(), by: ClosedBy::Client, clean: true }
            }
            None => Self::broken(ended.detail().unwrap_or_else(|| ended.to_string())),
        }
    }

    /// What the client meant. A page that is reloaded or left closes with 1001, and a library that is going to connect again
    /// without a code or with 1001.
    pub(crate) fn departure(&self) -> Departure {
        let logged_out = self.by == ClosedBy::Client && self.code == CloseCode::NORMAL.get();
        if logged_out { Departure::LoggedOut } else { Departure::Lost }
    }

    pub(crate) fn broken(reason: String) -> Self {
        Self { code: 1006, reason, by: ClosedBy::Nobody, clean: false }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "closed with {}", self.code)?;
        if self.reason.is_empty() { Ok(()) } else { write!(f, " ({})", self.reason) }
    }
}

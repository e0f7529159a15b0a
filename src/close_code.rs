//! The codes that an endpoint may put into a close frame.

use core::fmt;
use core::num::NonZeroU16;

/// A close code that an endpoint may send: 1000–1003, 1007–1014 (RFC 6455 §7.4.1 and the IANA
/// registry) and 3000–4999 (§7.4.2).
///
/// Codes that are only ever *reported* (1005, 1006, 1015) or reserved are not among them; a received
/// code is a plain `u16`, since a peer can send what it likes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "u16", into = "u16"))]
pub struct CloseCode(NonZeroU16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(NonZeroU16::new(1000).unwrap());
    /// 1001: the endpoint is going away.
    pub const GOING_AWAY: Self = Self(NonZeroU16::new(1001).unwrap());

    /// 1008: the endpoint broke a rule of the other's (RFC 6455 §7.4.1); a hub's answer to a connection that sends too much.
    pub const POLICY_VIOLATION: Self = Self(NonZeroU16::new(1008).unwrap());
    /// 1012: the service is restarting, come back (IANA registry).
    pub const SERVICE_RESTART: Self = Self(NonZeroU16::new(1012).unwrap());
    /// 1013: try again later (IANA registry).
    pub const TRY_AGAIN_LATER: Self = Self(NonZeroU16::new(1013).unwrap());
    /// 3000: unauthorized, as HTTP 401 (IANA registry); a hub's for a login that expired. A [session](crate::Session) dials
    /// again and is told to renew its credentials first ([`DEFAULT_RULES`](crate::retry::DEFAULT_RULES)).
    pub const UNAUTHORIZED: Self = Self(NonZeroU16::new(3000).unwrap());
    /// 3008: timeout (IANA registry).
    pub const TIMEOUT: Self = Self(NonZeroU16::new(3008).unwrap());
    /// 4408: no login in time, as HTTP 408 (a convention that graphql-transport-ws follows too).
    pub const LOGIN_TIMEOUT: Self = Self(NonZeroU16::new(4408).unwrap());
    /// 4409: a newer login of the same user took over, as HTTP 409 (the same convention). Final by default: two clients
    /// of one user would otherwise replace each other for ever.
    pub const SUPERSEDED: Self = Self(NonZeroU16::new(4409).unwrap());
    /// 4509: the same user logged in on another node, and neither login knew of the other: 4409 in the range that is retried, so that
    /// whoever comes back decides (this crate's).
    pub const CONCURRENT: Self = Self(NonZeroU16::new(4509).unwrap());

    /// The code, if an endpoint may send it.
    ///
    /// # Errors
    /// [`InvalidCloseCode`] outside 1000–1003, 1007–1014 and 3000–4999.
    pub const fn new(code: u16) -> Result<Self, InvalidCloseCode> {
        match (code, NonZeroU16::new(code)) {
            (1000..=1003 | 1007..=1014 | 3000..=4999, Some(code)) => Ok(Self(code)),
            _ => Err(InvalidCloseCode { code }),
        }
    }

    /// The number on the wire.
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl TryFrom<u16> for CloseCode {
    type Error = InvalidCloseCode;

    fn try_from(code: u16) -> Result<Self, InvalidCloseCode> {
        Self::new(code)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.get()
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A close code that no endpoint may send.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("close code {code} may not be sent: allowed are 1000-1003, 1007-1014 and 3000-4999")]
pub struct InvalidCloseCode {
    /// The code that was asked for.
    pub code: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_that_an_endpoint_may_send_are_codes() {
        let sendable = (0..=u16::MAX).filter(|code| CloseCode::new(*code).is_ok()).count();
        assert_eq!(sendable, 4 + 8 + 2000);
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, u16::MAX] {
            assert_eq!(CloseCode::new(code), Err(InvalidCloseCode { code }));
        }
    }
}

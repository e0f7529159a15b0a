//! What a server answered to a handshake.

use std::str;

use tungstenite::handshake::client::Response as HttpResponse;
use tungstenite::http::HeaderMap;
use tungstenite::http::header::{AsHeaderName, LOCATION, SEC_WEBSOCKET_PROTOCOL};

/// A server's answer to the opening handshake, be it 101 or a refusal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Response {
    /// The HTTP status: 101 if the connection is open.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// All headers.
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The first value of this header, if there is one and it is UTF-8.
    pub fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        str::from_utf8(self.headers.get(name)?.as_bytes()).ok()
    }

    /// The subprotocol that the server chose of those that were offered.
    pub fn protocol(&self) -> Option<&str> {
        self.header(SEC_WEBSOCKET_PROTOCOL)
    }

    /// Where else the server says to go, as it says it: perhaps relative to the request's URL.
    pub fn location(&self) -> Option<&str> {
        self.header(LOCATION)
    }

    /// Whether this is a redirect that [`Request::redirected`](super::Request::redirected) can follow: 301, 302,
    /// 303, 307 or 308 with a location.
    pub fn is_redirect(&self) -> bool {
        matches!(self.status, 301 | 302 | 303 | 307 | 308) && self.location().is_some()
    }

    /// As much of a refusal's body as arrived together with its headers: often all of it, perhaps nothing, at most 64
    /// KiB.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

impl From<HttpResponse> for Response {
    fn from(response: HttpResponse) -> Self {
        let (parts, body) = response.into_parts();
        Self { status: parts.status.as_u16(), headers: parts.headers, body: body.unwrap_or_default() }
    }
}

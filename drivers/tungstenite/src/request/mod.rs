//! Where to connect to, and the opening handshake's request and response (RFC 6455 §3 and §4).

mod error;
mod parse;
mod redirect;
mod response;

use std::fmt;

use tungstenite::handshake::client::generate_key;
use tungstenite::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use tungstenite::http::{self, Uri};
use url::Url;

pub use error::RequestError;
pub(crate) use parse::{basic, credentials};
pub use response::Response;

/// Headers that the handshake sets itself, and such as describe a body, which the request of a handshake has not.
const RESERVED: [HeaderName; 9] = [
    header::HOST,
    header::CONNECTION,
    header::UPGRADE,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_PROTOCOL,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
];

/// Headers that carry credentials: never printed by `Debug`, never sent to another origin.
const CREDENTIALS: [HeaderName; 3] = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];

/// Where a request is sent to.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Address {
    /// The host to resolve and to verify the certificate against: a name in lower case and ASCII (punycode), or an IP
    /// address without brackets.
    pub host: String,
    /// The port of the URL, or 80 for `ws` and 443 for `wss`.
    pub port: u16,
    /// Whether to shake hands by TLS first: `wss`.
    pub tls: bool,
}

impl fmt::Display for Address {
    /// `host:port`, with brackets around an IPv6 address, as in the request line of `CONNECT`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(formatter, "[{}]:{}", self.host, self.port),
            false => write!(formatter, "{}:{}", self.host, self.port),
        }
    }
}

/// The request of one opening handshake: a URL, headers, cookies, subprotocols.
///
/// A value can be cloned and sent any number of times; each [`into_http`](Self::into_http) draws a new key.
/// `Debug` does not print credentials.
#[derive(Clone, Debug)]
pub struct Request {
    /// Without user name, password and fragment.
    url: Url,
    uri: Uri,
    host: HeaderValue,
    address: Address,
    headers: HeaderMap,
    protocols: Vec<String>,
}

impl Request {
    /// A request to this URL, which is parsed as browsers do (WHATWG URL): upper-case schemes are lowered,
    /// international host names become punycode, a missing path becomes `/`, spaces and such are percent-encoded.
    ///
    /// A user name and password in the URL become an `Authorization` header (Basic, RFC 7617, in UTF-8) and are
    /// removed from [`url`](Self::url).
    ///
    /// # Errors
    /// [`RequestError::Url`] if it is not a URL or longer than 65,534 bytes, [`NoScheme`](RequestError::NoScheme) or
    /// [`Scheme`](RequestError::Scheme) if it does not begin with `ws://` or `wss://`, [`Fragment`](RequestError::Fragment) if it has a fragment (RFC 6455 §3 allows
    /// none), [`Credentials`](RequestError::Credentials) if user name or password cannot be sent by Basic
    /// authentication.
    pub fn new(url: &str) -> Result<Self, RequestError> {
        parse::request(url)
    }

    /// Sets a header; an earlier value of the same name is replaced. A list goes into one value, with commas
    /// (RFC 9110 §5.3).
    ///
    /// `Authorization` replaces what the URL's user name and password made. `Origin` and `User-Agent` are not sent
    /// unless they are set here.
    ///
    /// # Errors
    /// [`RequestError::Header`] if name or value cannot be those of a header (a line break, say);
    /// [`Reserved`](RequestError::Reserved) for a header that the handshake sets itself: `Host`, `Connection`,
    /// `Upgrade`, `Sec-WebSocket-*` ([`protocol`](Self::protocol) sets the subprotocols), and for those that
    /// describe a body.
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Result<Self, RequestError> {
        let text = name.as_ref();
        let invalid = || RequestError::Header { name: text.into() };
        let name = HeaderName::try_from(text).map_err(|_| invalid())?;
        if RESERVED.contains(&name) {
            return Err(RequestError::Reserved { name: text.into() });
        }
        let mut value = HeaderValue::from_bytes(value.as_ref()).map_err(|_| invalid())?;
        value.set_sensitive(CREDENTIALS.contains(&name));
        self.headers.insert(name, value);
        Ok(self)
    }

    /// Adds a cookie. All go into one `Cookie` header, in the order in which they were added (RFC 6265 §5.4).
    ///
    /// # Errors
    /// [`RequestError::Cookie`] if the name is not a token, or the value contains a semicolon or a control character.
    pub fn cookie(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Result<Self, RequestError> {
        let (name, value) = (name.as_ref(), value.as_ref());
        let invalid = || RequestError::Cookie { name: name.into() };
        if !is_token(name) || value.contains(|c: char| c == ';' || c.is_control()) {
            return Err(invalid());
        }
        let mut cookies = self.headers.get(header::COOKIE).map_or(Vec::new(), |value| value.as_bytes().to_vec());
        if !cookies.is_empty() {
            cookies.extend_from_slice(b"; ");
        }
        cookies.extend_from_slice(format!("{name}={value}").as_bytes());
        let mut cookies = HeaderValue::from_bytes(&cookies).map_err(|_| invalid())?;
        cookies.set_sensitive(true);
        self.headers.insert(header::COOKIE, cookies);
        Ok(self)
    }

    /// Offers a subprotocol, the preferred one first. A server that chooses none of those offered, or one that was
    /// not, fails the handshake; [`Response::protocol`] is the one it chose.
    ///
    /// What cannot be a subprotocol is reported by [`into_http`](Self::into_http).
    #[must_use]
    pub fn protocol(mut self, protocol: impl Into<String>) -> Self {
        self.protocols.push(protocol.into());
        self
    }

    /// The URL as it was understood, without user name and password.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Where to connect to.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The headers set so far, apart from those of the handshake itself.
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The request to another URL that a server redirected to: `location` is what its response says in
    /// [`location`](Response::location), absolute or relative to this request's URL. `http` and `https` stand for `ws`
    /// and `wss`, and a fragment is left out.
    ///
    /// Headers, cookies and subprotocols are kept. For another origin (scheme, host or port differ, so `wss` instead
    /// of `ws` is another one too) `Authorization`, `Cookie` and `Proxy-Authorization` are dropped; headers of other
    /// names are kept, whatever secrets they hold. How many redirects are followed is for the caller to bound.
    ///
    /// # Errors
    /// [`RequestError::Downgrade`] for a redirect from `wss` to an address without TLS,
    /// [`Credentials`](RequestError::Credentials) for a location with a user name or password, and the other errors
    /// of [`new`](Self::new).
    pub fn redirected(&self, location: &str) -> Result<Self, RequestError> {
        redirect::request(self, location)
    }

    /// The request to hand to tungstenite, with `Host`, a new `Sec-WebSocket-Key`, and whatever else RFC 6455 §4.1
    /// asks for.
    ///
    /// # Errors
    /// [`RequestError::Protocol`] if a subprotocol is not a token, or was offered twice.
    pub fn into_http(self) -> Result<http::Request<()>, RequestError> {
        let mut request = http::Request::new(());
        let protocols = self.protocols()?;
        *request.uri_mut() = self.uri;
        let headers = request.headers_mut();
        *headers = self.headers;
        headers.insert(header::HOST, self.host);
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        let name = || header::SEC_WEBSOCKET_KEY.to_string();
        let key = HeaderValue::try_from(generate_key()).map_err(|_| RequestError::Header { name: name() })?;
        headers.insert(header::SEC_WEBSOCKET_KEY, key);
        if let Some(protocols) = protocols {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocols);
        }
        Ok(request)
    }

    /// The subprotocols as one header, if any are offered.
    fn protocols(&self) -> Result<Option<HeaderValue>, RequestError> {
        for (index, protocol) in self.protocols.iter().enumerate() {
            if !is_token(protocol) || self.protocols[..index].contains(protocol) {
                return Err(RequestError::Protocol { protocol: protocol.clone() });
            }
        }
        if self.protocols.is_empty() {
            return Ok(None);
        }
        let protocol = self.protocols.join(", ");
        let offered = HeaderValue::try_from(&protocol).map_err(|_| RequestError::Protocol { protocol })?;
        Ok(Some(offered))
    }
}

/// Whether this is a token of RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token)
}

#[cfg(test)]
mod tests;

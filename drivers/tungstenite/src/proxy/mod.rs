//! Proxies: which one to ask for an address, and how.
//!
//! A driver connects to [`Proxy::address`] instead of the server's (by TLS if that says so), takes the
//! [`Handshake`] through, and has a connection to the server, over which TLS and the WebSocket handshake run as over any other.
//!
//! ```
//! use heartline_tungstenite::Request;
//! use heartline_tungstenite::proxy::{Proxies, Proxy};
//!
//! let proxies = Proxies::from(Proxy::new("socks5://me:secret@proxy.example")?);
//! let request = Request::new("wss://chat.example/ws")?;
//! let proxy = proxies.for_address(request.address()).expect("all addresses");
//! assert_eq!(proxy.address().to_string(), "proxy.example:1080");
//! let handshake = proxy.handshake(request.address())?;
//! assert_eq!(handshake.to_write(), [5, 2, 0, 2]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bypass;
mod connect;
mod environment;
mod error;
mod handshake;
mod socks;

use std::fmt;

use tungstenite::http::HeaderValue;
use url::{Host, Url};

pub use error::{ProxyError, ProxyUrlError};
pub use handshake::Handshake;

use crate::request::{Address, basic, credentials};
use environment::Environment;

/// RFC 1929 gives the length of each one byte.
const MOST_CREDENTIALS: usize = 255;

/// A proxy to connect through. `Debug` does not print credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    address: Address,
    protocol: Protocol,
}

#[derive(Clone, PartialEq, Eq)]
enum Protocol {
    /// `CONNECT` (RFC 9110 §9.3.6), with the value of `Proxy-Authorization`.
    Http { authorization: Option<HeaderValue> },
    /// SOCKS 5 (RFC 1928), with user name and password (RFC 1929).
    Socks { credentials: Option<(String, String)> },
}

impl Proxy {
    /// The proxy of this URL.
    ///
    /// | scheme | protocol | port, if there is none |
    /// |---|---|---|
    /// | `http`, or none | `CONNECT` (RFC 9110 §9.3.6) | 80 |
    /// | `https` | the same, after a TLS handshake with the proxy | 443 |
    /// | `socks5`, `socks5h` | SOCKS 5 (RFC 1928) | 1080 |
    ///
    /// The proxy resolves the server's name, by `socks5` as by `socks5h`. A user name and password in the URL, percent-encoded,
    /// log in: by Basic authorization (RFC 7617) or as RFC 1929 has it. Only with `https` are they encrypted on their way.
    ///
    /// # Errors
    /// [`ProxyUrlError::Url`] if it is no URL, or has a path, a query or a fragment, [`Scheme`](ProxyUrlError::Scheme) for any
    /// other scheme, [`Credentials`](ProxyUrlError::Credentials) if user name and password cannot be sent.
    pub fn new(url: &str) -> Result<Self, ProxyUrlError> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let scheme = scheme.to_ascii_lowercase();
        let (tls, default_port) = match scheme.as_str() {
            "http" => (false, 80),
            "https" => (true, 443),
            "socks5" | "socks5h" => (false, 1080),
            _ => return Err(ProxyUrlError::Scheme { scheme }),
        };
        // Of other schemes the parser would neither lower names nor know addresses; of its own it would drop the port.
        let invalid = |reason: &dyn fmt::Display| ProxyUrlError::Url { reason: reason.to_string() };
        let parsed = Url::parse(&format!("http://{rest}")).map_err(|error| invalid(&error))?;
        let port = Url::parse(&format!("other://{rest}")).map_err(|error| invalid(&error))?.port();
        if parsed.path() != "/" || parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(invalid(&"a proxy has no path, query or fragment"));
        }
        let host = parsed.host().map(text).ok_or_else(|| invalid(&"it has no host"))?;
        let address = Address { host, port: port.unwrap_or(default_port), tls };
        let protocol = if scheme.starts_with("socks") { socks(&parsed)? } else { http(&parsed)? };
        Ok(Self { address, protocol })
    }

    /// Where to connect to; `tls` says whether to shake hands by TLS there before anything else.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Begins to ask for a connection to this address.
    ///
    /// # Errors
    /// [`ProxyError::Host`] for a host that cannot be asked for: longer than the 255 bytes that SOCKS allows, or with
    /// characters that no host has.
    pub fn handshake(&self, target: &Address) -> Result<Handshake, ProxyError> {
        if target.host.is_empty() || target.host.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(ProxyError::Host { host: target.host.clone() });
        }
        match &self.protocol {
            Protocol::Http { authorization } => Ok(Handshake::http(target, authorization.as_ref())),
            Protocol::Socks { credentials } => Handshake::socks(target, credentials.clone()),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (&self.protocol, self.address.tls) {
            (Protocol::Http { .. }, false) => "http",
            (Protocol::Http { .. }, true) => "https",
            (Protocol::Socks { .. }, _) => "socks5",
        };
        write!(formatter, "Proxy({scheme}://{})", self.address)
    }
}

fn text(host: Host<&str>) -> String {
    match host {
        Host::Domain(domain) => domain.to_owned(),
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => ip.to_string(),
    }
}

fn http(url: &Url) -> Result<Protocol, ProxyUrlError> {
    let authorization = basic(url).map_err(|reason| ProxyUrlError::Credentials { reason })?;
    Ok(Protocol::Http { authorization })
}

fn socks(url: &Url) -> Result<Protocol, ProxyUrlError> {
    let refused = |reason| ProxyUrlError::Credentials { reason };
    let credentials = credentials(url).map_err(refused)?;
    let fit = |(user, password): &(String, String)| {
        (1..=MOST_CREDENTIALS).contains(&user.len()) && password.len() <= MOST_CREDENTIALS
    };
    if !credentials.as_ref().is_none_or(fit) {
        return Err(refused("SOCKS takes a user name of 1 to 255 bytes and a password of at most 255"));
    }
    Ok(Protocol::Socks { credentials })
}

/// Which proxy to ask for which address. The default asks none.
#[derive(Clone, Default, Debug)]
pub struct Proxies {
    source: Source,
}

#[derive(Clone, Default, Debug)]
enum Source {
    #[default]
    None,
    All(Proxy),
    Environment(Box<Environment>),
}

impl Proxies {
    /// What the environment says, now.
    ///
    /// | variable | for |
    /// |---|---|
    /// | `https_proxy`, `HTTPS_PROXY` | `wss` |
    /// | `http_proxy`, `HTTP_PROXY` | `ws`. The upper-case one is not read where `REQUEST_METHOD` is set: there a server's client chooses it, by a header `Proxy` (httpoxy) |
    /// | `all_proxy`, `ALL_PROXY` | what the others do not name a proxy for |
    /// | `no_proxy`, `NO_PROXY` | what is dialled without a proxy, separated by commas or spaces: `*` for everything, `example.org` or `.example.org` for this host and all below it, `example.org:8080` for one port, addresses, and networks as `10.0.0.0/8`. An entry that is none of these is ignored |
    ///
    /// The first name that is set and not empty counts. `localhost`, names below it, 127.0.0.0/8 and ::1 are always
    /// dialled without a proxy.
    ///
    /// # Errors
    /// [`ProxyUrlError::Variable`] for a variable that names no usable proxy.
    pub fn from_env() -> Result<Self, ProxyUrlError> {
        Self::from_variables(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// As [`from_env`](Self::from_env), of variables from elsewhere.
    ///
    /// # Errors
    /// [`ProxyUrlError::Variable`] for a variable that names no usable proxy.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ProxyUrlError> {
        let environment = Environment::new(&variable)?;
        Ok(Self { source: Source::Environment(Box::new(environment)) })
    }

    /// The proxy to ask for this address; `None` if it is to be dialled without one.
    pub fn for_address(&self, address: &Address) -> Option<&Proxy> {
        match &self.source {
            Source::None => None,
            Source::All(proxy) => Some(proxy),
            Source::Environment(environment) => environment.for_address(address),
        }
    }
}

impl From<Proxy> for Proxies {
    /// This one for every address, loopback included.
    fn from(proxy: Proxy) -> Self {
        Self { source: Source::All(proxy) }
    }
}

#[cfg(test)]
mod tests;

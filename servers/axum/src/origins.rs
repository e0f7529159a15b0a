//! From which web pages a server may be used.

use axum::response::{IntoResponse, Response};
use heartline::{ConfigError, SettingValue};
use http::StatusCode;
use http::header::ORIGIN;
use http::request::Parts;

use crate::authority::Authority;
use crate::hosts::{Host, HostError, Hosts, Scheme};

/// The origin of a web page (RFC 6454), in one spelling: lower case, without the default port of `http` and `https`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Origin {
    scheme: String,
    authority: Authority,
}

impl Origin {
    /// From `scheme://host[:port]`; `null` is none.
    fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        if !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !scheme.bytes().all(known) {
            return None;
        }
        let mut origin = Self { scheme: scheme.to_ascii_lowercase(), authority: Authority::parse(authority)? };
        origin.authority.port = origin.authority.port.filter(|port| Some(*port) != origin.default_port());
        Some(origin)
    }

    fn web(&self) -> Option<Scheme> {
        match self.scheme.as_str() {
            "http" => Some(Scheme::Http),
            "https" => Some(Scheme::Https),
            _ => None,
        }
    }

    fn default_port(&self) -> Option<u16> {
        self.web().map(Scheme::default_port)
    }

    /// Whether a page of this host has it. A page that came without TLS is another's where TLS is used. The reverse is
    /// TLS that ended at a proxy; then a port that was not written is the default of the page's scheme.
    fn is_same(&self, host: &Host) -> bool {
        let (Some(scheme), name) = (self.web(), &self.authority.name) else { return false };
        let downgraded = host.scheme() == Scheme::Https && scheme == Scheme::Http;
        let port = self.authority.port.unwrap_or(scheme.default_port());
        !downgraded && name == host.name() && port == host.explicit_port().unwrap_or(scheme.default_port())
    }
}

/// The origins whose pages may use a server. A browser lets any page connect to any server by WebSocket, cookies included,
/// and only says where the page comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origins {
    allowed: Allowed,
    required: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Allowed {
    Any,
    Same,
    List(Vec<Origin>),
}

impl Origins {
    /// All of them, also opaque ones (`null`): for servers that authenticate by more than a cookie.
    pub const fn any() -> Self {
        Self { allowed: Allowed::Any, required: false }
    }

    /// That of the requested [`Host`]. It is as good as the `Host` header: name the [`Hosts`].
    pub const fn same() -> Self {
        Self { allowed: Allowed::Same, required: false }
    }

    /// These, as `scheme://host[:port]`; names beyond ASCII as punycode.
    ///
    /// # Errors
    /// The first that is not an origin.
    pub fn list<O: AsRef<str>>(origins: impl IntoIterator<Item = O>) -> Result<Self, ConfigError> {
        let origin = |origin: O| {
            Origin::parse(origin.as_ref()).ok_or_else(|| ConfigError {
                field: "origins",
                value: SettingValue::Text(origin.as_ref().into()),
                allowed: heartline::Allowed::Text("scheme://host or scheme://host:port, in ASCII".into()),
            })
        };
        let list = origins.into_iter().map(origin).collect::<Result<_, _>>()?;
        Ok(Self { allowed: Allowed::List(list), required: false })
    }

    /// Refuses requests without an origin, too. By default they are served: they do not come from a browser's WebSocket.
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Whether a request's `Origin` header is allowed.
    ///
    /// # Errors
    /// Why the request is to be refused, with the status for it.
    pub fn check(&self, parts: &Parts) -> Result<(), OriginError> {
        let mut lines = parts.headers.get_all(ORIGIN).iter();
        let Some(line) = lines.next() else {
            return if self.required { Err(OriginError::Missing) } else { Ok(()) };
        };
        if lines.next().is_some() {
            return Err(OriginError::Repeated);
        }
        let text = line.to_str().map_err(|_| OriginError::Malformed)?;
        if text != "null" && Origin::parse(text).is_none() {
            return Err(OriginError::Malformed);
        }
        if self.allow(text, parts)? { Ok(()) } else { Err(OriginError::NotAllowed) }
    }

    fn allow(&self, text: &str, parts: &Parts) -> Result<bool, HostError> {
        let origin = Origin::parse(text);
        Ok(match &self.allowed {
            Allowed::Any => true,
            Allowed::Same => {
                let host = Hosts::any().check(parts)?;
                origin.is_some_and(|origin| origin.is_same(&host))
            }
            Allowed::List(list) => origin.is_some_and(|origin| list.contains(&origin)),
        })
    }
}

/// Why a request's origin is refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OriginError {
    /// There is no `Origin` header, and one is required.
    #[error("the Origin header is missing")]
    Missing,
    /// There are several.
    #[error("there is more than one Origin header")]
    Repeated,
    /// It is not `scheme://host[:port]` or `null`.
    #[error("the Origin header is not scheme://host or scheme://host:port")]
    Malformed,
    /// It is not among the allowed ones.
    #[error("this origin is not allowed")]
    NotAllowed,
    /// There is no host to compare it with.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl OriginError {
    /// 403 for an origin that is missing or not allowed (RFC 6455 §4.2.2), 400 for one that cannot be read, and that of the
    /// host's error.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Missing | Self::NotAllowed => StatusCode::FORBIDDEN,
            Self::Repeated | Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Host(error) => error.status(),
        }
    }
}

impl IntoResponse for OriginError {
    fn into_response(self) -> Response {
        (self.status(), self.to_string()).into_response()
    }
}

#[cfg(test)]
mod tests;

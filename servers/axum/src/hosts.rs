//! Which hosts a server answers for.

use std::fmt;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use heartline::{Allowed, ConfigError, SettingValue};
use http::header::HOST;
use http::request::Parts;
use http::{Extensions, Request, StatusCode};

use crate::authority::Authority;
use crate::proxies::Proxies;

/// The scheme that a client used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scheme {
    /// `http` and `ws`, or TLS that ended at a proxy which does not say so, or is not trusted.
    Http,
    /// `https` and `wss`.
    Https,
}

impl Scheme {
    /// 80 or 443 (RFC 9110 §4.2).
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// That of the client of a request: what the trusted proxy says, or that of the socket. `Http` where neither is known.
    pub(crate) fn of(parts: &Parts) -> Self {
        let socket = parts.extensions.get().copied().unwrap_or(Self::Http);
        Proxies::of(&parts.extensions).scheme(peer(&parts.extensions), &parts.headers).unwrap_or(socket)
    }
}

fn peer(extensions: &Extensions) -> Option<std::net::IpAddr> {
    extensions.get::<axum::extract::ConnectInfo<std::net::SocketAddr>>().map(|info| info.0.ip())
}

/// The host that a request is for, in one spelling: lower case, without a final dot. An extractor on every server of
/// [`serve`](crate::serve()).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Host {
    scheme: Scheme,
    authority: Authority,
}

impl Host {
    /// The scheme of the request.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The name or address; IPv6 addresses in brackets.
    pub fn name(&self) -> &str {
        &self.authority.name
    }

    /// The port, if one was written.
    pub fn explicit_port(&self) -> Option<u16> {
        self.authority.port
    }

    /// The port, by default that of the scheme.
    pub fn port(&self) -> u16 {
        self.authority.port.unwrap_or(self.scheme.default_port())
    }

    /// From the request alone: its target and its `Host` header (RFC 9112 §3.2).
    fn read(parts: &Parts) -> Result<Self, HostError> {
        let mut lines = parts.headers.get_all(HOST).iter();
        let line = lines.next().ok_or(HostError::Missing)?;
        if lines.next().is_some() {
            return Err(HostError::Repeated);
        }
        let text = line.to_str().map_err(|_| HostError::Malformed)?;
        let scheme = Scheme::of(parts);
        let read =
            |text| Authority::parse(text).map(|authority| Self { scheme, authority }).ok_or(HostError::Malformed);
        let host = read(text)?;
        match parts.uri.authority().map(|target| read(target.as_str())).transpose()? {
            Some(target) if target.name() != host.name() || target.port() != host.port() => Err(HostError::Differs),
            _ => Ok(host),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.authority.fmt(f)
    }
}

impl<S: Sync> FromRequestParts<S> for Host {
    type Rejection = HostError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, HostError> {
        Hosts::any().check(parts)
    }
}

/// The hosts that are served. Without such a list a page on any site can have its own name resolved to this server and talk
/// to it as its own (DNS rebinding).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hosts(Option<Vec<Authority>>);

impl Hosts {
    /// Any host, as long as it is one and well-formed.
    pub const fn any() -> Self {
        Self(None)
    }

    /// These, as `host` for the default port of the client's scheme, or as `host:port`; names beyond ASCII as punycode.
    ///
    /// # Errors
    /// The first that is not a host.
    pub fn list<H: AsRef<str>>(hosts: impl IntoIterator<Item = H>) -> Result<Self, ConfigError> {
        let authority = |host: H| {
            Authority::parse(host.as_ref()).ok_or_else(|| ConfigError {
                field: "hosts",
                value: SettingValue::Text(host.as_ref().into()),
                allowed: Allowed::Text("host or host:port, in ASCII".into()),
            })
        };
        Ok(Self(Some(hosts.into_iter().map(authority).collect::<Result<_, _>>()?)))
    }

    /// The host that a request is for, if it is served.
    ///
    /// # Errors
    /// Why the request is to be refused, with the status for it.
    pub fn check(&self, parts: &Parts) -> Result<Host, HostError> {
        let host = match parts.extensions.get::<Host>() {
            Some(host) => host.clone(),
            None => Host::read(parts)?,
        };
        if self.has(&host) { Ok(host) } else { Err(HostError::NotServed) }
    }

    fn has(&self, host: &Host) -> bool {
        let same =
            |one: &Authority| one.name == host.name() && one.port.unwrap_or(host.scheme.default_port()) == host.port();
        self.0.as_ref().is_none_or(|list| list.iter().any(same))
    }

    /// The request with its [`Host`] for those who ask later.
    pub(crate) fn admit<B>(&self, request: Request<B>) -> Result<Request<B>, HostError> {
        let (mut parts, body) = request.into_parts();
        let host = self.check(&parts)?;
        parts.extensions.insert(host);
        Ok(Request::from_parts(parts, body))
    }
}

/// Why a request is for no host of this server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// There is no `Host` header.
    #[error("the Host header is missing")]
    Missing,
    /// There are several.
    #[error("there is more than one Host header")]
    Repeated,
    /// It is not `host` or `host:port`: empty, with user information, or with characters that no host has.
    #[error("the Host header is not host or host:port")]
    Malformed,
    /// The request's target has another host.
    #[error("the Host header differs from the host of the request's target")]
    Differs,
    /// It is not among the allowed ones.
    #[error("this host is not served here")]
    NotServed,
}

impl HostError {
    /// 421 for a host that is not served (RFC 9110 §15.5.20), 400 for the rest (RFC 9112 §3.2).
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NotServed => StatusCode::MISDIRECTED_REQUEST,
            Self::Missing | Self::Repeated | Self::Malformed | Self::Differs => StatusCode::BAD_REQUEST,
        }
    }
}

impl IntoResponse for HostError {
    fn into_response(self) -> Response {
        (self.status(), self.to_string()).into_response()
    }
}

#[cfg(test)]
mod tests;

//! The client's address and scheme behind proxies.

mod forwarded;
mod hop;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Extensions, HeaderMap, StatusCode};
use ipnet::{IpNet, Ipv4Net};

use crate::hosts::Scheme;

const X_FORWARDED_FOR: &str = "x-forwarded-for";
const X_FORWARDED_PROTO: &str = "x-forwarded-proto";

/// The header by which trusted proxies tell of the client. It has to be the one that they write: the other one comes from
/// the client as it likes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum ForwardedHeader {
    /// `X-Forwarded-For` for the address, and `X-Forwarded-Proto` for the scheme.
    #[default]
    XForwardedFor,
    /// `Forwarded` with `for` and `proto` (RFC 7239).
    Forwarded,
}

/// The proxies whose word about the client is taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proxies {
    networks: Arc<[IpNet]>,
    header: ForwardedHeader,
}

impl Proxies {
    /// None: the client is who opened the socket.
    pub fn none() -> Self {
        Self::trusting([])
    }

    /// Those in these networks, by `X-Forwarded-For`. A proxy in them has to append the address that it sees to what its
    /// client sent, or to write the header anew.
    pub fn trusting(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self { networks: networks.into_iter().map(canonical).collect(), header: ForwardedHeader::default() }
    }

    /// Takes the word of another header.
    pub fn header(self, header: ForwardedHeader) -> Self {
        Self { header, ..self }
    }

    /// Whether this address is one of theirs.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// The client's address: of the socket's other end and the hops in all lines of the header, joined, the rightmost that
    /// is not trusted. A hop that is no address, or unreadable, ends the walk at the last proxy that could be read; with
    /// nothing but proxies it is the leftmost. IPv4-mapped addresses are IPv4.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        match self.header {
            ForwardedHeader::XForwardedFor => self.walk(peer, hop::addresses(headers, X_FORWARDED_FOR)),
            ForwardedHeader::Forwarded => self.walk(peer, forwarded::addresses(headers)),
        }
    }

    fn walk(&self, peer: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>) -> IpAddr {
        let mut client = peer;
        for hop in hops {
            match hop {
                Some(hop) if self.trusts(client) => client = hop,
                _ => break,
            }
        }
        client
    }

    /// The scheme of the client, as the proxy next to this server has it.
    pub(crate) fn scheme(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<Scheme> {
        peer.filter(|peer| self.trusts(*peer))?;
        let scheme = match self.header {
            ForwardedHeader::XForwardedFor => hop::last(headers, X_FORWARDED_PROTO)?.to_owned(),
            ForwardedHeader::Forwarded => forwarded::proto(headers)?,
        };
        match scheme.to_ascii_lowercase().as_str() {
            "http" | "ws" => Some(Scheme::Http),
            "https" | "wss" => Some(Scheme::Https),
            _ => None,
        }
    }

    /// Those that the server set.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_else(Self::none)
    }
}

/// A network of IPv4-mapped addresses is one of IPv4 addresses.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let (Some(v4), Some(prefix)) = (v6.network().to_ipv4_mapped(), v6.prefix_len().checked_sub(96)) else {
        return network;
    };
    Ipv4Net::new(v4, prefix).map_or(network, IpNet::V4)
}

/// The address of the client, an extractor: see [`Proxies::client`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ClientIp(pub IpAddr);

impl<S: Sync> FromRequestParts<S> for ClientIp {
    type Rejection = NoPeer;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, NoPeer> {
        let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>().ok_or(NoPeer)?;
        Ok(Self(Proxies::of(&parts.extensions).client(peer.ip(), &parts.headers)))
    }
}

/// A request of unknown origin: the server does not say who opened the socket. [`serve`](crate::serve()) does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[error("the server does not tell the address of the socket's other end")]
pub struct NoPeer;

impl IntoResponse for NoPeer {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
    }
}

#[cfg(test)]
mod tests;

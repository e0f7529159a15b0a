//! Hops in headers that are lists.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::HeaderMap;

use crate::authority::port;

/// The hops of all lines of a header, from the right. `None` for what is no address.
pub(super) fn addresses<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = Option<IpAddr>> + use<'a> {
    elements(headers, name).map(address)
}

/// The rightmost element of the last line.
pub(super) fn last<'a>(headers: &'a HeaderMap, name: &'a str) -> Option<&'a str> {
    elements(headers, name).next()
}

/// Empty elements are none (RFC 9110 §5.6.1.2).
fn elements<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> + use<'a> {
    let split = |line: &'a http::HeaderValue| line.to_str().unwrap_or("not ASCII").rsplit(',');
    headers.get_all(name).iter().rev().flat_map(split).map(str::trim).filter(|element| !element.is_empty())
}

/// An address, as proxies write it: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let address: IpAddr = if let Some(text) = text.strip_prefix('[') {
        let (address, rest) = text.split_once(']')?;
        let port = rest.is_empty() || rest.strip_prefix(':').and_then(port).is_some();
        port.then(|| address.parse::<Ipv6Addr>().ok())??.into()
    } else if let Some((address, port)) = text.split_once(':').filter(|(_, rest)| !rest.contains(':')) {
        self::port(port).and_then(|_| address.parse::<Ipv4Addr>().ok())?.into()
    } else {
        text.parse().ok()?
    };
    Some(address.to_canonical())
}

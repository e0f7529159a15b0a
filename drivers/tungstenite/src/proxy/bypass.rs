//! What is dialled without a proxy.

use std::net::IpAddr;

use url::Host;

use crate::request::Address;

/// The entries of `NO_PROXY`.
#[derive(Clone, Debug, Default)]
pub(super) struct Bypass(Vec<Entry>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Entry {
    Everything,
    /// This host and all below it.
    Name {
        name: String,
        port: Option<u16>,
    },
    Network {
        ip: IpAddr,
        prefix: u32,
        port: Option<u16>,
    },
}

impl Bypass {
    pub(super) fn new(text: &str) -> Self {
        let entries = text.split(|separator: char| separator == ',' || separator.is_whitespace());
        Self(entries.filter_map(Entry::new).collect())
    }

    pub(super) fn contains(&self, address: &Address) -> bool {
        let host = address.host.strip_suffix('.').unwrap_or(&address.host);
        let ip = host.parse().ok().map(|ip: IpAddr| ip.to_canonical());
        let is_loopback = is_below(host, "localhost") || ip.is_some_and(|ip| ip.is_loopback());
        is_loopback || self.0.iter().any(|entry| entry.matches(host, ip, address.port))
    }
}

impl Entry {
    fn new(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Everything);
        }
        if let Some((ip, prefix)) = text.split_once('/') {
            let (ip, prefix) = (ip.parse::<IpAddr>().ok()?, prefix.parse().ok()?);
            return (prefix <= bits(ip).1).then_some(Self::Network { ip, prefix, port: None });
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Some(Self::Network { ip, prefix: bits(ip).1, port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
            _ => (text, None),
        };
        let host = host.strip_prefix('*').unwrap_or(host);
        let host = host.strip_prefix('.').unwrap_or(host);
        Some(match Host::parse(host.strip_suffix('.').unwrap_or(host)).ok()? {
            Host::Domain(name) => Self::Name { name, port },
            Host::Ipv4(ip) => Self::Network { ip: ip.into(), prefix: 32, port },
            Host::Ipv6(ip) => Self::Network { ip: ip.into(), prefix: 128, port },
        })
    }

    fn matches(&self, host: &str, ip: Option<IpAddr>, to: u16) -> bool {
        match self {
            Self::Everything => true,
            Self::Name { name, port } => port.is_none_or(|port| port == to) && is_below(host, name),
            Self::Network { ip: network, prefix, port } => {
                let (ours, size) = bits(*network);
                let is_inside = |ip| {
                    let (theirs, other) = bits(ip);
                    size == other && (ours ^ theirs).checked_shr(size.saturating_sub(*prefix)).unwrap_or(0) == 0
                };
                port.is_none_or(|port| port == to) && ip.is_some_and(is_inside)
            }
        }
    }
}

/// The address as a number, and of how many bits.
fn bits(ip: IpAddr) -> (u128, u32) {
    match ip {
        IpAddr::V4(ip) => (u128::from(ip.to_bits()), 32),
        IpAddr::V6(ip) => (ip.to_bits(), 128),
    }
}

fn is_below(host: &str, name: &str) -> bool {
    let above = host.strip_suffix(name);
    above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

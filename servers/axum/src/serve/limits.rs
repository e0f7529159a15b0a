//! What one client, and all of them, may take from the server.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use heartline::ConfigError;
use ipnet::IpNet;

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
/// That of the hub.
const MOST_CONNECTIONS: u32 = 1 << 20;

/// Limits on sockets and requests, as plain data, checked by [`Serve::limits`](crate::serve::Serve::limits). Written with
/// `..Limits::default()`, a new field breaks nothing.
///
/// How large a body may be is axum's [`DefaultBodyLimit`](axum::extract::DefaultBodyLimit); how long a handler may take is
/// the application's: it has no limit here, so that responses may stream.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Limits {
    /// How many sockets may be open, upgraded ones included: 1 to 1,048,576. One more is accepted and reset at once.
    /// Default 10,240, which is the hub's `max_connections`. Each takes a file descriptor: the process must be
    /// allowed more of them than this (`ulimit -n`, `LimitNOFILE=`).
    pub max_connections: u32,
    /// How many of them one source may have: 1 to 1,048,576. [`Proxies`](crate::Proxies) that are trusted are no source.
    /// Default 256: a choice, for an office behind one address.
    pub max_per_source: u32,
    /// How many leading bits of an IPv4 address are one source: 1 to 32. Default 32.
    pub ipv4_prefix: u8,
    /// How many leading bits of an IPv6 address are one source: 1 to 128. Default 64, a subnet (RFC 4291 §2.5.4), of
    /// which a customer has at least one.
    pub ipv6_prefix: u8,
    /// How long a TLS handshake may take from accept: 1 ms to an hour. Default 5 s, as for the head of a request.
    pub handshake_timeout: Duration,
    /// How long the head of a request may take: the first one from accept, or from the end of the TLS handshake; a later
    /// one from its first byte: 1 ms to an hour. Default 5 s: a choice (Apache's `mod_reqtimeout` gives 20 s, nginx 60 s).
    pub header_timeout: Duration,
    /// How many header fields a request may have: 1 to 1,024; beyond it is answered with 431. Default 64: a choice (hyper
    /// and Apache allow 100).
    pub max_headers: u16,
    /// How many bytes the head of a request may have: 1 KiB to 1 MiB; beyond it is answered with 431. Default 16 KiB (that
    /// of node; nginx allows 32 KiB, Apache 8 KiB a line).
    pub max_head: u32,
    /// How long the body of a request may take from the end of its head, however much the handler waits in between: 1 ms to
    /// an hour. Default 30 s: a choice; axum's 2 MB at 70 kB/s.
    pub body_timeout: Duration,
    /// How long a connection may be idle between two requests: 1 ms to an hour. Default 75 s (nginx), longer than nginx
    /// keeps its own idle connections to a server (60 s): the end that sends requests has to be the one that gives up first.
    pub keep_alive_timeout: Duration,
    /// For how long a client that is being answered may read nothing: 1 ms to an hour. Default 30 s: a choice (nginx 60 s).
    /// It does not hold for upgraded connections.
    pub write_timeout: Duration,
    /// How long a shutdown may take: up to an hour. Default 25 s, within the 30 s that Kubernetes gives.
    pub shutdown_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 10_240,
            max_per_source: 256,
            ipv4_prefix: 32,
            ipv6_prefix: 64,
            handshake_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(5),
            max_headers: 64,
            max_head: 16 * 1024,
            body_timeout: Duration::from_secs(30),
            keep_alive_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            shutdown_timeout: Duration::from_secs(25),
        }
    }
}

impl Limits {
    /// Whether each limit lies in its range.
    ///
    /// # Errors
    /// The first that does not, with its field and the allowed range.
    pub fn check(&self) -> Result<(), ConfigError> {
        const WAIT: RangeInclusive<Duration> = MILLISECOND..=HOUR;
        ConfigError::within("max_connections", self.max_connections, 1..=MOST_CONNECTIONS)?;
        ConfigError::within("max_per_source", self.max_per_source, 1..=MOST_CONNECTIONS)?;
        ConfigError::within("ipv4_prefix", self.ipv4_prefix, 1..=32)?;
        ConfigError::within("ipv6_prefix", self.ipv6_prefix, 1..=128)?;
        ConfigError::within("handshake_timeout", self.handshake_timeout, WAIT)?;
        ConfigError::within("header_timeout", self.header_timeout, WAIT)?;
        ConfigError::within("max_headers", self.max_headers, 1..=1024)?;
        ConfigError::within("max_head", self.max_head, 1024..=1024 * 1024)?;
        ConfigError::within("body_timeout", self.body_timeout, WAIT)?;
        ConfigError::within("keep_alive_timeout", self.keep_alive_timeout, WAIT)?;
        ConfigError::within("write_timeout", self.write_timeout, WAIT)?;
        ConfigError::within("shutdown_timeout", self.shutdown_timeout, Duration::ZERO..=HOUR)
    }

    /// Whom a socket from this address counts for: the network of its first bits. IPv4-mapped addresses are IPv4.
    pub fn source(&self, address: IpAddr) -> IpNet {
        let address = address.to_canonical();
        let prefix = if address.is_ipv4() { self.ipv4_prefix.min(32) } else { self.ipv6_prefix.min(128) };
        IpNet::new(address, prefix).map_or_else(|_| address.into(), |network| network.trunc())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Limits::default().check(), Ok(()));
    }

    #[test]
    fn a_limit_outside_of_its_range_is_named() {
        let zero = Duration::ZERO;
        let wrong = [
            Limits { max_connections: 0, ..Limits::default() },
            Limits { max_per_source: 0, ..Limits::default() },
            Limits { ipv4_prefix: 33, ..Limits::default() },
            Limits { ipv6_prefix: 129, ..Limits::default() },
            Limits { handshake_timeout: zero, ..Limits::default() },
            Limits { header_timeout: zero, ..Limits::default() },
            Limits { max_headers: 0, ..Limits::default() },
            Limits { max_head: 1023, ..Limits::default() },
            Limits { body_timeout: zero, ..Limits::default() },
            Limits { keep_alive_timeout: zero, ..Limits::default() },
            Limits { write_timeout: zero, ..Limits::default() },
            Limits { shutdown_timeout: HOUR + MILLISECOND, ..Limits::default() },
        ];
        let fields = wrong.map(|limits| limits.check().expect_err("a wrong limit").field);
        let all = [
            "max_connections",
            "max_per_source",
            "ipv4_prefix",
            "ipv6_prefix",
            "handshake_timeout",
            "header_timeout",
            "max_headers",
            "max_head",
            "body_timeout",
            "keep_alive_timeout",
            "write_timeout",
            "shutdown_timeout",
        ];
        assert_eq!(fields, all);
        let error = Limits { max_head: 1023, ..Limits::default() }.check().expect_err("a wrong limit");
        assert_eq!(error.to_string(), "max_head is 1023; allowed is 1024 to 1048576");
    }

    #[test]
    fn a_source_is_an_ipv4_address_or_an_ipv6_subnet() {
        let source = |address: &str| Limits::default().source(address.parse().expect("an address")).to_string();
        assert_eq!(source("192.0.2.1"), "192.0.2.1/32");
        assert_eq!(source("::ffff:192.0.2.1"), "192.0.2.1/32");
        assert_eq!(source("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
    }
}

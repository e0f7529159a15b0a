//! Where connections come from.

use core::net::IpAddr;

use crate::check::{ConfigError, within};
use crate::hub::RateLimit;

/// What one source of connections may take of them. A source is an address without its last bits, as one client may have
/// many addresses; addresses of IPv4 that are mapped into IPv6 are those of IPv4.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct PerSource {
    /// How many connections it may have, those being closed included: 1 to 1,048,576. Default 256: a choice, for the many
    /// clients behind one address of an office or a provider.
    pub connections: u32,
    /// How often it may be admitted; `None` for no limit. Default 256 times at once, and 20 a second: a choice.
    pub admissions: Option<RateLimit>,
    /// How many bits of an IPv4 address make a source: 1 to 32. Default 32.
    pub ipv4_prefix: u8,
    /// How many bits of an IPv6 address make a source: 1 to 128. Default 64, a subnet (RFC 4291
    /// §2.5.4), of which a customer has at least one.
    pub ipv6_prefix: u8,
}

/// The address of a source, as one of IPv6, without the bits that do not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Source(pub(super) u128);

impl Default for PerSource {
    fn default() -> Self {
        Self { connections: 256, admissions: Some(RateLimit::per_second(20, 256)), ipv4_prefix: 32, ipv6_prefix: 64 }
    }
}

impl PerSource {
    /// The source of an address.
    pub(super) fn source(&self, address: IpAddr) -> Source {
        // Both kinds in one space: an address of IPv6 that looks like a mapped one is one.
        let (bits, kept) = match address.to_canonical() {
            IpAddr::V4(v4) => (v4.to_ipv6_mapped().to_bits(), 96 + u32::from(self.ipv4_prefix)),
            IpAddr::V6(v6) => (v6.to_bits(), self.ipv6_prefix.into()),
        };
        Source(bits & !u128::MAX.checked_shr(kept).unwrap_or(0))
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("per_source.connections", self.connections, 1, super::slots::MOST)?;
        if let Some(admissions) = self.admissions {
            admissions.check(["per_source.admissions.burst", "per_source.admissions.every"])?;
        }
        within("per_source.ipv4_prefix", self.ipv4_prefix, 1, 32)?;
        within("per_source.ipv6_prefix", self.ipv6_prefix, 1, 128)
    }
}

//! `host[:port]` (RFC 3986 §3.2), as the headers `Host` and `Origin` have it.

use std::fmt;
use std::net::Ipv6Addr;

/// A host in one spelling: lower case, without a final dot, IPv6 addresses as RFC 5952 has them.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Authority {
    /// IPv6 addresses in brackets.
    pub(crate) name: String,
    /// As it was written; an empty one is none.
    pub(crate) port: Option<u16>,
}

impl Authority {
    /// `None` for what is not a host name of the DNS (RFC 1123 §2.1; underscores pass), an IPv4 address or an IPv6 address
    /// in brackets, with a port or without: user information, percent signs and other characters are none of it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let end = if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':').unwrap_or(text.len()) };
        let (name, rest) = text.split_at_checked(end)?;
        let port = match rest.strip_prefix(':') {
            Some("") => None,
            Some(port) => Some(self::port(port)?),
            None if rest.is_empty() => None,
            None => return None,
        };
        Some(Self { name: self::name(name)?, port })
    }
}

/// A decimal number from 1 to 65,535.
pub(crate) fn port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port > 0)
}

fn name(text: &str) -> Option<String> {
    if let Some(address) = text.strip_prefix('[') {
        let address: Ipv6Addr = address.strip_suffix(']')?.parse().ok()?;
        return Some(format!("[{address}]"));
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let label = |label: &str| matches!(label.len(), 1..=63) && label.bytes().all(known);
    (name.len() <= 253 && name.split('.').all(label)).then(|| name.to_ascii_lowercase())
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> Option<String> {
        Authority::parse(text).map(|authority| authority.to_string())
    }

    #[test]
    fn one_host_has_one_spelling() {
        for (text, spelling) in [
            ("Example.ORG", "example.org"),
            ("example.org.", "example.org"),
            ("example.org:", "example.org"),
            ("example.org.:8080", "example.org:8080"),
            ("192.0.2.1:80", "192.0.2.1:80"),
            ("[2001:DB8:0:0::1]:443", "[2001:db8::1]:443"),
            ("my_service", "my_service"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(spelling), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_host_is_none() {
        for text in [
            "",
            ".",
            ":80",
            "a..b",
            ".a",
            "a.org..",
            "user@a.org",
            "a.org@b.org",
            "a.org:80:80",
            "a.org:0",
            "a.org:65536",
            "a.org:+80",
            "a.org:80a",
            "a.org/b",
            "a.org?",
            "a.org#b",
            "a%2eorg",
            "a.org, b.org",
            "a b",
            "a\\b",
            "[::1",
            "[::1]a",
            "[fe80::1%25eth0]",
            "[a.org]",
            "::1",
            "münchen.example",
            "a\u{0}",
        ] {
            assert_eq!(shown(text), None, "{text:?}");
        }
        assert_eq!(shown(&"a".repeat(64)), None);
        assert_eq!(shown(&"a.".repeat(127)).map(|name| name.len()), Some(253));
        assert_eq!(shown(&"a.".repeat(128)), None);
    }

    proptest! {
        #[test]
        fn any_text_is_a_host_or_not_and_a_host_is_spelled_as_itself(text in "\\PC*|[a-zA-Z0-9.:\\[\\]_-]{0,40}") {
            if let Some(authority) = Authority::parse(&text) {
                prop_assert_eq!(Authority::parse(&authority.to_string()), Some(authority));
            }
        }
    }
}

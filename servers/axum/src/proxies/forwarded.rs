//! The header `Forwarded` (RFC 7239 §4).

use std::net::IpAddr;

use http::header::FORWARDED;
use http::{HeaderMap, HeaderValue};

use super::hop;

/// The hops of all lines, from the right. `None` for one that is no address: without `for`, unknown, obfuscated, or in a
/// line that cannot be read. As quotes may swallow what a proxy appended to such a line, nothing of it is taken.
pub(super) fn addresses(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> + use<'_> {
    let address = |hop: Option<Element>| hop?.find("for").and_then(hop::address);
    headers.get_all(FORWARDED).iter().rev().flat_map(elements_from_right).map(address)
}

/// The `proto` of the rightmost element.
pub(super) fn proto(headers: &HeaderMap) -> Option<String> {
    let mut elements = headers.get_all(FORWARDED).iter().rev().flat_map(elements_from_right);
    elements.next()??.find("proto").map(str::to_owned)
}

/// `name=value` pairs.
struct Element(Vec<(String, String)>);

/// A single `None` for a line that cannot be read.
fn elements_from_right(line: &HeaderValue) -> impl Iterator<Item = Option<Element>> + use<> {
    let elements = line.to_str().ok().and_then(elements);
    elements.unwrap_or_else(|| vec![None]).into_iter().rev()
}

fn elements(line: &str) -> Option<Vec<Option<Element>>> {
    split(line, ',').map(|element| Element::parse(element).map(Some)).collect()
}

impl Element {
    fn parse(text: &str) -> Option<Self> {
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=')?;
            Some((token(name)?, quoted(value).or_else(|| token(value))?))
        };
        split(text, ';').map(pair).collect::<Option<_>>().map(Self)
    }

    /// The value of the only pair of this name.
    fn find(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let (_, value) = found.next()?;
        found.next().is_none().then_some(value)
    }
}

/// What stands between separators outside of quotes, without what is empty.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character| {
        let escape = quoted && !escaped && character == '\\';
        if character == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = escape;
        character == separator && !quoted
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
}

/// RFC 9110 §5.6.2.
fn token(text: &str) -> Option<String> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (!text.is_empty() && text.bytes().all(known)).then(|| text.to_owned())
}

/// The text of a quoted string (RFC 9110 §5.6.4).
fn quoted(text: &str) -> Option<String> {
    let mut rest = text.strip_prefix('"')?.strip_suffix('"')?.chars();
    let mut plain = String::new();
    while let Some(character) = rest.next() {
        plain.push(match character {
            '"' => return None,
            '\\' => rest.next()?,
            _ => character,
        });
    }
    Some(plain)
}

//! From a URL to a request.

use std::borrow::Cow;

use data_encoding::BASE64;
use percent_encoding::percent_decode_str;
use tungstenite::http::Uri;
use tungstenite::http::header::{self, HeaderMap, HeaderValue};
use url::{Host, Url};

use super::{Address, Request, RequestError};

pub fn request(text: &str) -> Result<Request, RequestError> {
    let url = parse(text, None)?;
    if url.fragment().is_some() {
        return Err(RequestError::Fragment);
    }
    from_url(url)
}

/// Parses a URL, relative to `base` if there is one.
pub fn parse(text: &str, base: Option<&Url>) -> Result<Url, RequestError> {
    Url::options().base_url(base).parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => RequestError::NoScheme,
        error => RequestError::Url { reason: error.to_string() },
    })
}

pub fn from_url(mut url: Url) -> Result<Request, RequestError> {
    let tls = match url.scheme() {
        "ws" => false,
        "wss" => true,
        scheme => return Err(RequestError::Scheme { scheme: scheme.into() }),
    };
    let mut headers = HeaderMap::new();
    if let Some(authorization) = basic(&url).map_err(|reason| RequestError::Credentials { reason })? {
        headers.insert(header::AUTHORIZATION, authorization);
    }
    let invalid = |reason: String| RequestError::Url { reason };
    let impossible = |()| RequestError::Url { reason: "it has no place for a user name".into() };
    url.set_username("").map_err(impossible)?;
    url.set_password(None).map_err(impossible)?;
    let uri = Uri::try_from(url.as_str()).map_err(|error| invalid(error.to_string()))?;
    let host = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    let host = HeaderValue::try_from(host).map_err(|error| invalid(error.to_string()))?;
    let address = address(&url, tls).ok_or_else(|| invalid("it has no host".into()))?;
    Ok(Request { url, uri, host, address, headers, protocols: Vec::new() })
}

fn address(url: &Url, tls: bool) -> Option<Address> {
    let host = match url.host()? {
        Host::Domain(domain) => domain.to_owned(),
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => ip.to_string(),
    };
    Some(Address { host, port: url.port_or_known_default()?, tls })
}

/// User name and password of a URL, decoded. None if it has neither.
pub fn credentials(url: &Url) -> Result<Option<(String, String)>, &'static str> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decode = |text| percent_decode_str(text).decode_utf8().map_err(|_| "they are not UTF-8");
    let (user, password) = (decode(url.username())?, decode(url.password().unwrap_or_default())?);
    let has_control = |text: &Cow<'_, str>| text.contains(char::is_control);
    if has_control(&user) || has_control(&password) {
        return Err("they contain a control character");
    }
    Ok(Some((user.into_owned(), password.into_owned())))
}

/// The same as Basic authentication has them (RFC 7617).
pub fn basic(url: &Url) -> Result<Option<HeaderValue>, &'static str> {
    let Some((user, password)) = credentials(url)? else { return Ok(None) };
    if user.contains(':') {
        return Err("the user name contains a colon");
    }
    let value = format!("Basic {}", BASE64.encode(format!("{user}:{password}").as_bytes()));
    let mut value = HeaderValue::try_from(value).map_err(|_| "they make no header")?;
    value.set_sensitive(true);
    Ok(Some(value))
}

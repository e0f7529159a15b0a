//! The request that follows a redirect.

use url::Url;

use super::{CREDENTIALS, Request, RequestError, parse};

pub fn request(from: &Request, location: &str) -> Result<Request, RequestError> {
    let mut target = websocket(parse::parse(location, Some(&from.url))?)?;
    target.set_fragment(None);
    if !target.username().is_empty() || target.password().is_some() {
        return Err(RequestError::Credentials { reason: "they come from a redirect" });
    }
    let mut request = parse::from_url(target)?;
    if from.address.tls && !request.address.tls {
        return Err(RequestError::Downgrade { location: request.url.into() });
    }
    request.headers = from.headers.clone();
    request.protocols = from.protocols.clone();
    if request.address != from.address {
        for name in CREDENTIALS {
            request.headers.remove(name);
        }
    }
    Ok(request)
}

/// A server that redirects a handshake names its HTTP address as often as its WebSocket address.
fn websocket(mut url: Url) -> Result<Url, RequestError> {
    let scheme = match url.scheme() {
        "http" => "ws",
        "https" => "wss",
        _ => return Ok(url),
    };
    let refused = RequestError::Scheme { scheme: url.scheme().into() };
    url.set_scheme(scheme).map_err(|()| refused)?;
    Ok(url)
}

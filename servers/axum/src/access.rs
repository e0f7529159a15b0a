//! Who may come in, and as whom.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;

/// An upgrade request that the hub has admitted, for [`authenticate`](crate::Builder::authenticate) to find out who sends
/// it.
pub struct Handshake {
    parts: Parts,
    source: Option<IpAddr>,
}

impl Handshake {
    pub(crate) fn new(parts: Parts, source: Option<IpAddr>) -> Self {
        Self { parts, source }
    }

    /// The client's address.
    pub fn source(&self) -> Option<IpAddr> {
        self.source
    }

    /// Everything of the request, with the extensions that layers of the application have set.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// A header that is there once, as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.parts.headers.get_all(name).iter();
        let first = values.next()?;
        if values.next().is_some() { None } else { first.to_str().ok() }
    }

    /// The token of `Authorization: Bearer …` (RFC 6750 §2.1).
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header(AUTHORIZATION.as_str())?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
    }

    /// The first cookie of this name, as it was sent. Browsers send cookies whatever page opens the connection: allow
    /// the pages' origins alone.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let lines = self.parts.headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value.trim_matches('"'))
    }

    /// The first parameter of this name in the query, decoded. Queries stand in the logs of proxies: a token here should be
    /// good for one connection only.
    pub fn query(&self, name: &str) -> Option<String> {
        let mut pairs = self.parts.uri.query()?.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.find_map(|(key, value)| (decoded(key)? == name).then(|| decoded(value))?)
    }

    /// What an extractor of axum's finds in the request, such as `Path<String>`.
    ///
    /// # Errors
    /// The extractor's rejection.
    pub async fn extract<E: FromRequestParts<()>>(&mut self) -> Result<E, E::Rejection> {
        E::from_request_parts(&mut self.parts, &()).await
    }
}

/// As forms encode it: `+` is a space.
fn decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(Cow::into_owned)
}

/// Without headers, which have credentials.
impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").field("source", &self.source).finish_non_exhaustive()
    }
}

/// A login: who has been authenticated, and until when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User<U> {
    /// The name under which the connection sends and receives.
    pub name: U,
    /// When the login expires; `None` for never. The connection learns of it
    /// [`expiry_notice`](heartline::hub::Settings::expiry_notice) before.
    pub until: Option<SystemTime>,
}

impl<U> User<U> {
    /// A login that does not expire.
    pub fn new(name: U) -> Self {
        Self { name, until: None }
    }
}

/// What a request has proved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Access<U> {
    /// Who sends it.
    User(User<U>),
    /// Nothing yet: the client logs in by a message, within [`login_timeout`](heartline::hub::Settings::login_timeout).
    Later,
}

impl<U> Access<U> {
    /// A user whose login does not expire.
    pub fn user(name: U) -> Self {
        Self::User(User::new(name))
    }
}

impl<U> From<User<U>> for Access<U> {
    fn from(user: User<U>) -> Self {
        Self::User(user)
    }
}

/// A denial: the response to a request, or the answer to a login by message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text}")]
#[non_exhaustive]
pub struct Deny {
    /// The status of the response.
    pub status: StatusCode,
    /// What the client is told, in a few words.
    pub text: Cow<'static, str>,
    /// After how long another attempt may succeed; sent as `Retry-After`, in whole seconds, rounded up.
    pub retry_after: Option<Duration>,
    /// More headers of the response.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Deny {
    /// A denial with this status.
    pub fn new(status: StatusCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self { status, text: text.into(), retry_after: None, headers: Vec::new() }
    }

    /// 401: the request does not say who sends it, or not credibly. Its response carries `WWW-Authenticate: Bearer` (RFC 9110
    /// §15.5.2), unless [`header`](Self::header) sets another challenge.
    pub fn unauthorized(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, text)
    }

    /// 403: it is known who sends it, and that is not enough.
    pub fn forbidden(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, text)
    }

    /// With a `Retry-After`.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// With this header, instead of one of this name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl IntoResponse for Deny {
    /// A 401 names a challenge. `Retry-After` is in whole seconds (RFC 9110 §10.2.3), so rounded up.
    fn into_response(self) -> Response {
        let mut response = (self.status, Body::from(self.text.into_owned())).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        if let Some(wait) = self.retry_after {
            headers.insert(
                RETRY_AFTER,
                HeaderValue::from(wait.as_secs().saturating_add((wait.subsec_nanos() > 0).into())),
            );
        }
        self.headers.into_iter().for_each(|(name, value)| _ = headers.insert(name, value));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake(uri: &str, headers: &[(&'static str, &'static str)]) -> Handshake {
        let mut request = http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Handshake::new(request.body(()).expect("a request").into_parts().0, None)
    }

    #[test]
    fn tokens_are_found_in_header_cookie_and_query() {
        let request = handshake(
            "/ws?room=1&token=a%20b+c&token=second&flag",
            &[("authorization", "bearer  abc "), ("cookie", "a=1; session=\"x y\""), ("cookie", "b=2")],
        );
        assert_eq!(request.bearer(), Some("abc"));
        assert_eq!((request.cookie("session"), request.cookie("b")), (Some("x y"), Some("2")));
        assert_eq!(request.query("token").as_deref(), Some("a b c"));
        assert_eq!((request.query("flag").as_deref(), request.query("flags")), (Some(""), None));
        assert_eq!((request.cookie("c"), request.header("x-token")), (None, None));
    }

    #[test]
    fn what_is_ambiguous_or_no_text_is_not_there() {
        let request = handshake(
            "/ws?token=%ff",
            &[("authorization", "Bearer a"), ("authorization", "Bearer b"), ("x-name", "caf\u{e9}")],
        );
        assert_eq!((request.bearer(), request.query("token"), request.header("x-name")), (None, None, None));
        assert_eq!(handshake("/ws", &[("authorization", "Basic abc")]).bearer(), None);
    }

    #[test]
    fn a_denial_is_a_response_whose_time_to_come_back_is_rounded_up() {
        for (wait, seconds) in
            [(Duration::ZERO, "0"), (Duration::from_millis(1001), "2"), (Duration::MAX, "18446744073709551615")]
        {
            let response = Deny::forbidden("no").retry_after(wait).into_response();
            assert_eq!(
                (response.status().as_u16(), &response.headers()[RETRY_AFTER]),
                (403, &HeaderValue::from_str(seconds).expect("a number"))
            );
        }
        assert!(!Deny::unauthorized("no").into_response().headers().contains_key(RETRY_AFTER));
    }
}

//! `CONNECT` (RFC 9110 §9.3.6).

use tungstenite::http::HeaderValue;

use super::ProxyError;
use crate::request::Address;

/// The heads of all responses together; what most proxies and servers allow.
const MOST: usize = 16 * 1024;
/// More headers than any proxy sends.
const HEADERS: usize = 128;
/// So much of the reason phrase is kept.
const REASON: usize = 100;

#[derive(Default)]
pub(super) struct Connect {
    /// The head as far as it has come.
    head: Vec<u8>,
    /// Bytes of interim responses.
    skipped: usize,
    done: bool,
}

impl Connect {
    pub(super) fn request(target: &Address, authorization: Option<&HeaderValue>) -> Vec<u8> {
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
        if let Some(authorization) = authorization {
            request.extend_from_slice(b"Proxy-Authorization: ");
            request.extend_from_slice(authorization.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        request
    }

    /// An empty line ends the head. Lines may end without a carriage return (RFC 9112 §2.2), so behind a line's end the
    /// next byte may be the last one, and anywhere else the next but one.
    pub(super) fn wanted(&self) -> usize {
        match self.head.as_slice() {
            _ if self.done => 0,
            [.., b'\n'] | [.., b'\n', b'\r'] => 1,
            _ => 2,
        }
    }

    pub(super) fn received(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, ProxyError> {
        self.head.extend_from_slice(bytes);
        if self.head.ends_with(b"\n\r\n") || self.head.ends_with(b"\n\n") {
            self.answered()?;
        } else if self.skipped + self.head.len() >= MOST {
            return Err(ProxyError::Answer { reason: "the head of its response is longer than 16 KiB" });
        }
        Ok(None)
    }

    fn answered(&mut self) -> Result<(), ProxyError> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(&self.head);
        let (Ok(httparse::Status::Complete(_)), Some(status)) = (parsed, response.code) else {
            return Err(ProxyError::Answer { reason: "it is no HTTP response" });
        };
        match status {
            // Interim, to be followed by another one. RFC 9110 §15.2.
            100..=199 => {
                self.skipped += self.head.len();
                self.head.clear();
            }
            // Headers that announce a body are ignored, as RFC 9110 §9.3.6 has it.
            200..=299 => self.done = true,
            _ => {
                let reason = response.reason.unwrap_or_default().chars().take(REASON).collect();
                return Err(ProxyError::Refused { status, reason });
            }
        }
        Ok(())
    }
}

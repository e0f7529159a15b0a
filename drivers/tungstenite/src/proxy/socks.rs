//! SOCKS 5 (RFC 1928) with user name and password (RFC 1929).

use std::net::IpAddr;

use super::ProxyError;
use crate::request::Address;

const VERSION: u8 = 5;
/// Of the login, which has a version of its own.
const LOGIN_VERSION: u8 = 1;
const CONNECT: u8 = 1;
const NO_LOGIN: u8 = 0;
const PASSWORD: u8 = 2;
const REFUSED: u8 = 0xff;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

pub(super) struct Socks {
    credentials: Option<Vec<u8>>,
    request: Vec<u8>,
    state: State,
    input: Vec<u8>,
}

#[derive(Clone, Copy)]
enum State {
    /// Which login it wants.
    Method,
    Login,
    /// Version and reply code: of a failure some proxies send no more.
    Reply,
    /// Reserved byte, kind of address, and its first byte.
    Bound,
    /// The rest of the address, whose value nobody needs, and the port.
    Rest(usize),
    Done,
}

impl Socks {
    /// The conversation, and what it begins with.
    pub(super) fn new(target: &Address, credentials: Option<(String, String)>) -> Result<(Self, Vec<u8>), ProxyError> {
        let credentials = credentials.map(|(user, password)| {
            let mut login = vec![LOGIN_VERSION];
            for text in [user, password] {
                login.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
                login.extend_from_slice(text.as_bytes());
            }
            login
        });
        let begin = match credentials {
            None => vec![VERSION, 1, NO_LOGIN],
            Some(_) => vec![VERSION, 2, NO_LOGIN, PASSWORD],
        };
        let request = request(target)?;
        Ok((Self { credentials, request, state: State::Method, input: Vec::new() }, begin))
    }

    pub(super) fn wanted(&self) -> usize {
        let whole = match self.state {
            State::Method | State::Login | State::Reply => 2,
            State::Bound => 3,
            State::Rest(length) => length,
            State::Done => 0,
        };
        whole.saturating_sub(self.input.len())
    }

    /// What is to be said next, if there is something.
    pub(super) fn received(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, ProxyError> {
        self.input.extend_from_slice(bytes);
        if self.wanted() > 0 {
            return Ok(None);
        }
        let input = std::mem::take(&mut self.input);
        let (state, output) = match (self.state, input.as_slice()) {
            (State::Method, [VERSION, NO_LOGIN]) => (State::Reply, Some(std::mem::take(&mut self.request))),
            (State::Method, [VERSION, PASSWORD]) if self.credentials.is_some() => {
                (State::Login, self.credentials.take())
            }
            (State::Method, [VERSION, REFUSED]) => return Err(ProxyError::Method),
            (State::Method, [VERSION, _]) => return Err(unexpected("it wants a login that was not offered")),
            // Some proxies answer with the version of the protocol here.
            (State::Login, [LOGIN_VERSION | VERSION, 0]) => (State::Reply, Some(std::mem::take(&mut self.request))),
            (State::Login, [LOGIN_VERSION | VERSION, _]) => return Err(ProxyError::Credentials),
            (State::Reply, [VERSION, 0]) => (State::Bound, None),
            (State::Reply, [VERSION, reply]) => return Err(ProxyError::Reply { reply: *reply }),
            (State::Bound, [_, IPV4, _]) => (State::Rest(3 + 2), None),
            (State::Bound, [_, IPV6, _]) => (State::Rest(15 + 2), None),
            (State::Bound, [_, NAME, length]) => (State::Rest(usize::from(*length) + 2), None),
            (State::Rest(_), _) => (State::Done, None),
            _ => return Err(unexpected("it does not speak SOCKS 5")),
        };
        self.state = state;
        Ok(output)
    }
}

fn request(target: &Address) -> Result<Vec<u8>, ProxyError> {
    let mut request = vec![VERSION, CONNECT, 0];
    match target.host.parse() {
        Ok(IpAddr::V4(ip)) => {
            request.push(IPV4);
            request.extend_from_slice(&ip.octets());
        }
        Ok(IpAddr::V6(ip)) => {
            request.push(IPV6);
            request.extend_from_slice(&ip.octets());
        }
        Err(_) => {
            let too_long = |_| ProxyError::Host { host: target.host.clone() };
            request.extend_from_slice(&[NAME, u8::try_from(target.host.len()).map_err(too_long)?]);
            request.extend_from_slice(target.host.as_bytes());
        }
    }
    request.extend_from_slice(&target.port.to_be_bytes());
    Ok(request)
}

const fn unexpected(reason: &'static str) -> ProxyError {
    ProxyError::Answer { reason }
}

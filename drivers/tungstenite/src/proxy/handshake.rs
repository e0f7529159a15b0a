//! What is said to a proxy and what it answers, whatever carries the bytes.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};

use tungstenite::http::HeaderValue;

use super::ProxyError;
use super::connect::Connect;
use super::socks::Socks;
use crate::ended::EndError;
use crate::request::Address;

/// The conversation with a proxy that leads to a connection. Bounded: no answer of more than 16 KiB is taken.
///
/// [`advance`](Self::advance) does everything over a stream. Without one: write [`to_write`](Self::to_write) and say
/// [`wrote`](Self::wrote); when nothing is left, read [`wanted`](Self::wanted) bytes at most and give them to
/// [`received`](Self::received), until [`is_done`](Self::is_done).
pub struct Handshake {
    protocol: Protocol,
    output: Vec<u8>,
    written: usize,
}

enum Protocol {
    Http(Connect),
    Socks(Socks),
}

impl Handshake {
    pub(super) fn http(target: &Address, authorization: Option<&HeaderValue>) -> Self {
        let output = Connect::request(target, authorization);
        Self { protocol: Protocol::Http(Connect::default()), output, written: 0 }
    }

    pub(super) fn socks(target: &Address, credentials: Option<(String, String)>) -> Result<Self, ProxyError> {
        let (socks, output) = Socks::new(target, credentials)?;
        Ok(Self { protocol: Protocol::Socks(socks), output, written: 0 })
    }

    /// The bytes to write now.
    pub fn to_write(&self) -> &[u8] {
        self.output.get(self.written..).unwrap_or_default()
    }

    /// Takes note that so many bytes of [`to_write`](Self::to_write) were written.
    pub fn wrote(&mut self, count: usize) {
        self.written = self.written.saturating_add(count).min(self.output.len());
    }

    /// How many bytes may be read now: never more than belong to the answer, so that what the server says behind it stays
    /// where it is. 0 when there is something to write, and when it is done. For `CONNECT` that is one or two bytes at a time, a
    /// few hundred reads for a dial.
    pub fn wanted(&self) -> usize {
        match &self.protocol {
            _ if !self.to_write().is_empty() => 0,
            Protocol::Http(connect) => connect.wanted(),
            Protocol::Socks(socks) => socks.wanted(),
        }
    }

    /// Takes what was read: at least one byte. More than [`wanted`](Self::wanted) is an error.
    ///
    /// # Errors
    /// The proxy refuses, or speaks another protocol.
    pub fn received(&mut self, bytes: &[u8]) -> Result<(), ProxyError> {
        if bytes.len() > self.wanted() {
            return Err(ProxyError::Answer { reason: "it said something that was not asked for" });
        }
        let output = match &mut self.protocol {
            Protocol::Http(connect) => connect.received(bytes)?,
            Protocol::Socks(socks) => socks.received(bytes)?,
        };
        if let Some(output) = output {
            (self.output, self.written) = (output, 0);
        }
        Ok(())
    }

    /// Whether the proxy has connected to the server.
    pub fn is_done(&self) -> bool {
        self.to_write().is_empty() && self.wanted() == 0
    }

    /// Takes it as far as the stream does without waiting. True when the connection is there; false if the stream has to be
    /// waited for, which it says by [`ErrorKind::WouldBlock`].
    ///
    /// # Errors
    /// [`EndError::Proxy`] if the proxy gives no connection, [`EndError::Io`] if the stream fails.
    pub fn advance(&mut self, stream: &mut (impl Read + Write)) -> Result<bool, EndError> {
        loop {
            match self.step(stream) {
                Ok(Ok(())) if self.is_done() => return Ok(true),
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(error.into()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(EndError::Io { kind: error.kind(), reason: error.to_string() }),
            }
        }
    }

    /// One read or write.
    fn step(&mut self, stream: &mut (impl Read + Write)) -> io::Result<Result<(), ProxyError>> {
        if !self.to_write().is_empty() {
            match stream.write(self.to_write())? {
                0 => return Err(ErrorKind::WriteZero.into()),
                count => self.wrote(count),
            }
            return Ok(Ok(()));
        }
        stream.flush()?;
        let mut buffer = [0; 512];
        let most = self.wanted().min(buffer.len());
        match stream.read(&mut buffer[..most])? {
            0 => Ok(Err(ProxyError::Closed)),
            count => Ok(self.received(buffer.get(..count).unwrap_or_default())),
        }
    }
}

impl fmt::Debug for Handshake {
    /// Without what was sent, for that has the credentials.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            Protocol::Http(_) => "CONNECT",
            Protocol::Socks(_) => "SOCKS 5",
        };
        formatter.debug_struct("Handshake").field("protocol", &protocol).field("done", &self.is_done()).finish()
    }
}

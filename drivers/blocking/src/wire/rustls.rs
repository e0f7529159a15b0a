//! rustls over a stream that does not block. Unlike rustls's own `Stream` it reads on while it cannot write.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use heartline_tungstenite::Address;
use heartline_tungstenite::tls::TlsError;
use rustls::{ClientConfig, ClientConnection};

use super::Meter;

pub(crate) struct Rustls {
    connection: ClientConnection,
    meter: Meter,
}

impl Rustls {
    pub(crate) fn new(config: Arc<ClientConfig>, address: &Address, meter: Meter) -> Result<Self, TlsError> {
        let name = address.server_name()?;
        let connection = ClientConnection::new(config, name);
        let connection = connection.map_err(|error| TlsError::Certificate { reason: error.to_string() })?;
        Ok(Self { connection, meter })
    }

    pub(crate) fn meter(&mut self) -> &mut Meter {
        &mut self.meter
    }

    /// Takes the handshake further. `WouldBlock` if it has to wait.
    pub(crate) fn shake_hands(&mut self) -> io::Result<()> {
        while self.connection.is_handshaking() {
            self.push()?;
            if self.connection.is_handshaking() && self.pull()? == 0 {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "the peer closed during the TLS handshake"));
            }
        }
        Ok(())
    }

    /// Whether what was encrypted waits to be written.
    pub(super) fn wants_write(&self) -> bool {
        self.connection.wants_write() || self.meter.wants_write()
    }

    /// Writes what was encrypted.
    fn push(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.meter)?;
        }
        self.meter.flush()
    }

    /// Reads and decrypts. 0 at the end of the stream.
    fn pull(&mut self) -> io::Result<usize> {
        let count = self.connection.read_tls(&mut self.meter)?;
        if let Err(error) = self.connection.process_new_packets() {
            _ = self.push(); // The alert.
            return Err(io::Error::new(ErrorKind::InvalidData, error));
        }
        Ok(count)
    }
}

impl Read for Rustls {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.connection.wants_write() {
            match self.push() {
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
        loop {
            match self.connection.reader().read(buf) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
            // At the end of the stream the reader says by itself whether it was a proper one.
            self.pull()?;
        }
    }
}

impl Write for Rustls {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut count = self.connection.writer().write(buf)?;
        match self.push() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            pushed if count == 0 && !buf.is_empty() => {
                pushed?; // Its buffer is full.
                count = self.connection.writer().write(buf)?;
            }
            _ => {}
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push()
    }
}

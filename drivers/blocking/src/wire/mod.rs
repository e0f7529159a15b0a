//! The bytes of a connection: what tungstenite reads and writes, over TLS or not, with a meter at the bottom.

mod meter;
#[cfg(feature = "rustls-tls")]
mod rustls;

use std::io::{self, Read, Write};

pub(crate) use meter::Meter;
#[cfg(feature = "rustls-tls")]
pub(crate) use rustls::Rustls;

/// With TLS or without. None of it blocks.
pub(crate) enum Wire {
    Plain(Meter),
    #[cfg(feature = "rustls-tls")]
    Rustls(Box<Rustls>),
    #[cfg(feature = "native-tls")]
    Native(Box<native_tls::TlsStream<Meter>>),
}

impl Wire {
    pub(crate) fn meter(&mut self) -> &mut Meter {
        match self {
            Self::Plain(meter) => meter,
            #[cfg(feature = "rustls-tls")]
            Self::Rustls(stream) => stream.meter(),
            #[cfg(feature = "native-tls")]
            Self::Native(stream) => stream.get_mut(),
        }
    }

    /// Whether TLS has something to write that nobody asks for again: the refusal to renegotiate, say.
    pub(crate) fn wants_write(&self) -> bool {
        match self {
            Self::Plain(meter) => meter.wants_write(),
            #[cfg(feature = "rustls-tls")]
            Self::Rustls(stream) => stream.wants_write(),
            #[cfg(feature = "native-tls")]
            Self::Native(stream) => stream.get_ref().wants_write(),
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buf),
            #[cfg(feature = "rustls-tls")]
            Self::Rustls(stream) => stream.read(buf),
            #[cfg(feature = "native-tls")]
            Self::Native(stream) => stream.read(buf),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(buf),
            #[cfg(feature = "rustls-tls")]
            Self::Rustls(stream) => stream.write(buf),
            #[cfg(feature = "native-tls")]
            Self::Native(stream) => stream.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            #[cfg(feature = "rustls-tls")]
            Self::Rustls(stream) => stream.flush(),
            #[cfg(feature = "native-tls")]
            Self::Native(stream) => stream.flush(),
        }
    }
}

//! What is wrong with what a builder was told.

use std::io;

use heartline::ConfigError;

use crate::proxy::ProxyUrlError;
use crate::request::RequestError;
use crate::tls::TlsError;

/// Why there is no client.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The URL cannot be dialled.
    #[error(transparent)]
    Url(#[from] RequestError),
    /// A setting is outside of its range.
    #[error(transparent)]
    Setting(#[from] ConfigError),
    /// The URL is `wss` or its proxy is `https`, and there is no TLS for it.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The builder's `proxy_from_env` found a proxy that cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyUrlError),
    /// The builder's `greeting` was called before its `codec`, and would not have been called with its messages.
    #[error("codec() was called after greeting(); call it first")]
    CodecAfterGreeting,
    /// The builder's `record` was called before its `codec`, and would not have recorded its messages.
    #[error("codec() was called after record(); call it first")]
    CodecAfterRecord,
    /// The client was to be spawned outside of a tokio runtime.
    #[error("there is no tokio runtime to spawn the client on")]
    NoRuntime,
    /// The operating system gives nothing to wait on: out of file descriptors.
    #[error("the operating system gives nothing to wait on: {reason}")]
    System {
        /// The kind of the error.
        kind: io::ErrorKind,
        /// What the operating system says.
        reason: String,
    },
}

impl From<io::Error> for BuildError {
    fn from(error: io::Error) -> Self {
        Self::System { kind: error.kind(), reason: error.to_string() }
    }
}

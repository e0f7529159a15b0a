//! TLS that is handed in.

use std::io;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::socket::Stream;

type Accepting = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send>>;

/// Shakes hands.
pub(super) type Tls = Box<dyn Fn(TcpStream) -> Accepting + Send + Sync>;

pub(super) fn boxed<A, F, S>(accept: A) -> Tls
where
    A: Fn(TcpStream) -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<S>> + Send + 'static,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    Box::new(move |tcp| {
        let accepting = accept(tcp);
        Box::pin(async move { accepting.await.map(|stream| Box::new(stream) as Box<dyn Stream>) })
    })
}

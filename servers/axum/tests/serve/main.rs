//! The front of the server against real sockets.

mod crowd;
mod requests;
mod shutdown;
mod silence;
mod support;
mod tls;

//! What the application does before a dial, and what a connection can run over.

use std::io::{self, Read, Write};
use std::sync::Arc;

use heartline_tungstenite::client::{Dial, HookError};
use heartline_tungstenite::{Address, Request};
use mio::event::Source;

pub(crate) type RequestHook = Arc<dyn Fn(Dial) -> Result<Request, HookError> + Send + Sync>;
pub(crate) type ConnectHook = Arc<dyn Fn(Address) -> io::Result<Box<dyn Transport>> + Send + Sync>;

/// What a connection can run over: [`mio::net::TcpStream`], mio's unix socket, anything that reads and writes without
/// blocking and that [`mio`] can watch.
pub trait Transport: Read + Write + Source + Send {}

impl<S: Read + Write + Source + Send> Transport for S {}

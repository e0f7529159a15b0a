//! What the application does before a dial and on a new connection.

use std::error::Error;
use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

use heartline::{CloseCode, Loss};
use heartline_tungstenite::ended::Close;
use heartline_tungstenite::{Address, Ended, Request};
use mio::event::Source;

pub(crate) type RequestHook = Arc<dyn Fn(Dial) -> Result<Request, HookError> + Send + Sync>;
pub(crate) type ConnectHook = Arc<dyn Fn(Address) -> io::Result<Box<dyn Transport>> + Send + Sync>;

/// What a connection can run over: [`mio::net::TcpStream`], mio's unix socket, anything that reads and writes without
/// blocking and that [`mio`] can watch.
pub trait Transport: Read + Write + Source + Send {}

impl<S: Read + Write + Source + Send> Transport for S {}

/// A dial that is about to begin; for the request hook.
#[derive(Clone, Debug)]
pub struct Dial {
    pub(crate) request: Request,
    pub(crate) attempt: u32,
    pub(crate) last_loss: Option<Loss>,
    pub(crate) last_ended: Option<Arc<Ended>>,
    pub(crate) renew: bool,
}

impl Dial {
    /// A request for the URL of the client. Another URL is as good: `Request::new(…)`.
    ///
    /// # Errors
    /// None today: the URL was checked when the client was built. It is a `Result` so that the hook reads alike
    /// for both.
    pub fn request(&self) -> Result<Request, HookError> {
        Ok(self.request.clone())
    }

    /// Which retry this is since a connection was last stable; 0 if it is not a retry.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How the connection or dial before was lost; `None` for the first, and after an end that was asked for.
    pub fn last_loss(&self) -> Option<Loss> {
        self.last_loss
    }

    /// The same with everything that is known of it: the close reason, the response that refused.
    pub fn last_ended(&self) -> Option<&Ended> {
        self.last_ended.as_deref().filter(|_| self.last_loss.is_some())
    }

    /// The server refused the credentials, and no connection has been stable since: fetch new ones.
    pub fn renew(&self) -> bool {
        self.renew
    }
}

/// Why a hook gives up its dial or connection, and what is to come of it.
///
/// Every error converts into one that retries, so `?` works in hooks. (That is why this type itself is no
/// [`Error`]; its source is.)
///
/// The three are losses of kind [`Loss::Application`] with codes that the default retry policy knows; a rule of one's own for
/// such a code changes what it means.
pub struct HookError {
    code: CloseCode,
    source: Box<dyn Error + Send + Sync>,
}

const fn code(code: u16) -> CloseCode {
    match CloseCode::new(code) {
        Ok(code) => code,
        Err(_) => panic!("a code that may be sent"),
    }
}

impl HookError {
    /// Tries again, as the backoff says: `Loss::Application(4500)`.
    pub fn retry(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        const CODE: CloseCode = code(4500);
        Self { code: CODE, source: source.into() }
    }

    /// The credentials are no good: tries once more with [`Dial::renew`], then stops: `Loss::Application(4401)`.
    pub fn renew(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        const CODE: CloseCode = code(4401);
        Self { code: CODE, source: source.into() }
    }

    /// No dial can succeed: stops. `Loss::Application(4403)`.
    pub fn stop(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        const CODE: CloseCode = code(4403);
        Self { code: CODE, source: source.into() }
    }

    /// What went wrong.
    pub fn source(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.source
    }

    pub(crate) fn ended(&self) -> Ended {
        Ended::by_application(Close::with_shortened(self.code, &self.source.to_string()))
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for HookError {
    fn from(error: E) -> Self {
        Self::retry(error)
    }
}

impl fmt::Debug for HookError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HookError").field("code", &self.code.get()).field("source", &self.source).finish()
    }
}

impl fmt::Display for HookError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(formatter)
    }
}

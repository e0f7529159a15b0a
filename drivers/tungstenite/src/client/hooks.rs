//! What the application does before a dial and on a new connection.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use heartline::loss::TransportError;
use heartline::{CloseCode, Loss};

use crate::ended::{EndError, Ended, HookFailure};
use crate::request::{Request, RequestError};

/// A dial that is about to begin; for the request hook.
#[derive(Clone)]
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

    /// The last loss with everything that is known of it: the close reason, the response that refused.
    pub fn last_ended(&self) -> Option<&Ended> {
        self.last_ended.as_deref().filter(|_| self.last_loss.is_some())
    }

    /// Fetch new credentials: the server refused the old ones, by HTTP 401 or close code 4401 or 3000, or a hook returned
    /// [`HookError::renew`].
    ///
    /// True for every dial from such a loss until a connection has been stable
    /// ([`Settings::stable_after`](heartline::Settings), 5 s by default), so also for a dial that follows an unreachable
    /// server. A second refusal before that stops the client.
    pub fn renew(&self) -> bool {
        self.renew
    }
}

/// Why a hook gives up its dial or connection, and what the client does then.
///
/// Every error converts into one, so `?` works in hooks. (That is why this type itself is no [`Error`]; its source is.)
/// It retries, but for a [`RequestError`]: an invalid URL or header would be invalid the next time, too, so that
/// one stops, as [`TransportError::Address`], also as a [source](Error::source) of the application's own error.
///
/// The error is kept: it is the [`EndError::Hook`] of [`Status::last_ended`](super::Status) and of
/// [`End::ended`](super::End).
///
/// [`retry`](Self::retry), [`renew`](Self::renew) and [`stop`](Self::stop) are losses of kind [`Loss::Application`] with
/// codes that the default retry policy knows; a rule of the application's for such a code changes what it means.
pub struct HookError {
    /// `None` for an error that `?` has converted.
    code: Option<CloseCode>,
    source: Box<dyn Error + Send + Sync>,
}

/// What `?` and [`HookError::retry`] mean.
const RETRY: CloseCode = code(4500);

const fn code(code: u16) -> CloseCode {
    match CloseCode::new(code) {
        Ok(code) => code,
        Err(_) => panic!("a code that may be sent"),
    }
}

impl HookError {
    /// Tries again, as the backoff says: `Loss::Application(4500)`.
    pub fn retry(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { code: Some(RETRY), source: source.into() }
    }

    /// The credentials are no good: tries once more with [`Dial::renew`], then stops: `Loss::Application(4401)`.
    pub fn renew(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        const CODE: CloseCode = code(4401);
        Self { code: Some(CODE), source: source.into() }
    }

    /// No dial can succeed: stops. `Loss::Application(4403)`.
    pub fn stop(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        const CODE: CloseCode = code(4403);
        Self { code: Some(CODE), source: source.into() }
    }

    /// What went wrong.
    pub fn source(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.source
    }
}

/// How it ends the dial or the connection.
impl From<HookError> for Ended {
    fn from(error: HookError) -> Self {
        let HookError { code, source } = error;
        let source = match (code, source.downcast::<RequestError>()) {
            (None, Ok(invalid)) => return (*invalid).into(),
            (_, Ok(source)) => source,
            (_, Err(source)) => source,
        };
        let wraps = code.is_none() && has_invalid_request(&*source);
        let mut ended = Ended::from(EndError::Hook(HookFailure::new(code.unwrap_or(RETRY), source)));
        if wraps {
            ended.loss = Loss::Transport(TransportError::Address);
        }
        ended
    }
}

/// Whether that is why, behind the application's own errors.
fn has_invalid_request(error: &(dyn Error + 'static)) -> bool {
    error.is::<RequestError>() || error.source().is_some_and(has_invalid_request)
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for HookError {
    fn from(error: E) -> Self {
        Self { code: None, source: error.into() }
    }
}

impl fmt::Debug for HookError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HookError")
            .field("code", &self.code.unwrap_or(RETRY).get())
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Display for HookError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(formatter)
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Dial")
            .field("request", &self.request)
            .field("attempt", &self.attempt)
            .field("last_ended", &self.last_ended())
            .field("renew", &self.renew)
            .finish_non_exhaustive()
    }
}

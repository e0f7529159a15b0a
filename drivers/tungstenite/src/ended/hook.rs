//! Errors of the application's own.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use heartline::CloseCode;

/// What an application's own code gave up a dial or a connection for: the error of a hook. Cheap to clone.
///
/// Two are equal if they hold the same error, not merely one that reads alike.
#[derive(Clone, Debug)]
pub struct HookFailure {
    code: CloseCode,
    error: Arc<dyn Error + Send + Sync>,
}

impl HookFailure {
    /// A failure with the code by which the retry policy decides, as for
    /// [`Loss::Application`](heartline::Loss::Application).
    pub fn new(code: CloseCode, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { code, error: error.into().into() }
    }

    /// The code by which the retry policy decides.
    pub const fn code(&self) -> CloseCode {
        self.code
    }

    /// The application's error, to downcast or to print.
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.error
    }
}

impl PartialEq for HookFailure {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code && Arc::ptr_eq(&self.error, &other.error)
    }
}

impl Eq for HookFailure {}

impl fmt::Display for HookFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a hook failed: {}", self.error)
    }
}

/// The sources are those of the application's error, whose own text [`Display`](fmt::Display) has.
impl Error for HookFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

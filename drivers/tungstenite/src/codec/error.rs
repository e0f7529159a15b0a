use heartline::CloseCode;

/// What cannot be encoded or decoded.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct CodecError {
    code: CloseCode,
    reason: String,
}

impl CodecError {
    /// An error with a code. The retry policy decides by it, and the peer receives it in the close frame, with the reason
    /// cut to 123 bytes.
    pub fn new(code: CloseCode, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }

    /// A payload that is not what it should be: 1007, at which the default policy stops.
    pub fn invalid(reason: impl Into<String>) -> Self {
        const CODE: CloseCode = code(1007);
        Self::new(CODE, reason)
    }

    /// A kind of message that this codec does not take, such as binary where text is spoken: 1003, at which the
    /// default policy stops.
    pub fn unsupported(reason: impl Into<String>) -> Self {
        const CODE: CloseCode = code(1003);
        Self::new(CODE, reason)
    }

    /// The code.
    pub const fn code(&self) -> CloseCode {
        self.code
    }

    /// The reason.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

const fn code(code: u16) -> CloseCode {
    match CloseCode::new(code) {
        Ok(code) => code,
        Err(_) => panic!("a code that may be sent"),
    }
}

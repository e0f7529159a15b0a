//! Why nothing was received.

/// Why [`Client::recv`](crate::Client::recv) gave nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecvError {
    /// Nothing came in time. The client goes on.
    #[error("nothing was received in time")]
    Timeout,
    /// The client has ended, and everything was taken: [`Client::end`](crate::Client::end) says why.
    #[error("the client has ended")]
    Ended,
}

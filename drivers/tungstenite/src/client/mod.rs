//! What a client is told and tells, the same in every driver: options, messages and their refusal, events, the status
//! and the end. The crates [heartline-tokio] and [heartline-blocking] re-export it all.
//!
//! [heartline-tokio]: https://docs.rs/heartline-tokio
//! [heartline-blocking]: https://docs.rs/heartline-blocking

mod build_error;
mod hooks;
mod options;
mod outgoing;
mod received;
mod record;
mod status;

pub use build_error::BuildError;
pub use hooks::{Dial, HookError};
pub use options::{Options, WhenFull};
pub use outgoing::{Outgoing, Refusal, SendError};
pub use received::{Event, Received};
pub use record::{Record, Recording};
pub use status::{End, EndReason, Retry, Stats, Status};

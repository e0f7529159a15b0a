//! The machinery under the clients of heartline-tokio and heartline-blocking. It is public for these two alone, and
//! carries no promise of stability.
//!
//! A [`Driver`] is a session with its connection, polled turn by turn by its [`Host`], which brings sockets, dials, a
//! timer and the greeting. Handles reach it through [`Shared`]; what is received leaves it by an [`Output`]. Everything
//! that waits here waits by a [`Waker`](std::task::Waker), so it needs no runtime.

mod buffered;
mod driver;
mod host;
mod inbound;
mod link;
mod observe;
mod plan;
mod receipt;
mod receiver;
mod redirect;
mod sending;
mod session;
mod shared;
mod slots;
mod socket;

pub use buffered::Buffered;
pub use driver::{Driver, Output, Parts, panic_message};
pub use host::{Connection, Dialled, Greeting, Host, Wire};
pub use observe::Scope;
pub use plan::Plan;
pub use receipt::Receipt;
pub use receiver::{Receiver, channel};
pub use redirect::redirected;
pub use sending::Sending;
pub use shared::{Command, Shared};
pub use socket::{SockRef, SocketOptions};

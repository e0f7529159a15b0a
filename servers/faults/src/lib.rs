//! A cluster for real: three nodes of a chat, each a process, on two `nats-server`s that are one; users with clients of heartline-tokio, who
//! write to each other, watch who is online, are in rooms, and log in elsewhere; and one [fault](fault::Fault) after the other.
//!
//! The program `faults` runs them all and prints a table of [reports](report::Report); the tests run the most telling ones.
//!
//! ```text
//! cargo build --release -p heartline-faults
//! target/release/faults                      # all, or by name; --help lists them
//! sudo servers/faults/namespaces             # those of the network, with network namespaces and nft
//! ```

pub mod client;
pub mod cluster;
pub mod crowd;
pub mod fault;
pub mod presence;
pub mod report;
pub mod rooms;
pub mod run;
pub mod setup;
pub mod view;
pub mod wire;

use std::sync::{Mutex, MutexGuard, PoisonError};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The exhibits as mutations: each puts one bug of the museum into the source, as faithfully as this machine allows.

mod dialling;
mod life;
mod messages;

/// One bug, put back by one replacement.
pub struct Bug {
    /// Its number in the museum.
    pub number: u32,
    pub file: &'static str,
    /// Text that occurs exactly once in the file.
    pub find: &'static str,
    pub put: &'static str,
    /// The test of the museum that fails with it.
    pub caught_by: &'static str,
}

const MACHINE: &str = "src/machine.rs";
const HEARTBEAT: &str = "src/heartbeat.rs";
const BACKOFF: &str = "src/backoff.rs";
const RETRY: &str = "src/retry.rs";
const OUTBOX: &str = "src/outbox.rs";
const SESSION: &str = "src/session.rs";

const fn bug(number: u32, file: &'static str, find: &'static str, put: &'static str, caught_by: &'static str) -> Bug {
    Bug { number, file, find, put, caught_by }
}

pub fn all() -> impl Iterator<Item = &'static Bug> {
    life::BUGS.iter().chain(dialling::BUGS).chain(messages::BUGS)
}

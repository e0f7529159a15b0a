//! Test what is built on [heartline]: applications, drivers, and runs that were recorded.
//!
//! | module | who | what |
//! |---|---|---|
//! | [`sim`] | writes an application | a virtual clock, a network with a seed, scripted servers: a thousand scenarios in a second or two, and a failure names its seed |
//! | [`conformance`] | writes a driver | the cases that drivers get wrong, on real sockets, against a server that fails on purpose; the driver may be in any language |
//! | [`faults`] | tests a whole client on real sockets | a server and a link that fail on command, and accounts of what became of every message |
//! | [`record`] | wants to know afterwards | a log of every call to a session, and a replayer that names the first difference |
#![forbid(unsafe_code)]

pub mod conformance;
pub mod faults;
pub mod record;
pub mod sim;
mod websocket;

/// The README's code is compiled with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

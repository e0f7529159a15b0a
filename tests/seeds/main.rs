//! The five systems of the documents that this crate was written for, client and server both on it.
//!
//! Long intervals run on a virtual clock over a simulated network; one variant of each with short ones runs on real
//! sockets. `tests/seed_bugs.rs` puts the documents' own bugs into the source and shows that these tests notice.

mod angular;
#[path = "../../examples/shared/app.rs"]
mod app;
mod charts;
#[path = "../../examples/client/driver.rs"]
mod driver;
mod ends;
#[path = "../../examples/shared/losses.rs"]
mod losses;
mod module;
mod monitor;
mod named;
mod network;
mod node;
mod notes;
mod page;
mod react;
mod real;
mod screens;
mod serving;
mod stream;
#[path = "../support/mod.rs"]
mod support;
mod vue;

//! The main job. Without arguments, a tour through real faults on loopback; with a URL, a client for it.
//!
//! ```text
//! cargo run --example client
//! cargo run --example client -- ws://HOST:PORT/PATH
//! ```

mod driver;

#[path = "../shared/app.rs"]
mod app;
#[path = "../shared/diary.rs"]
mod diary;
#[path = "../shared/faults.rs"]
mod faults;
#[path = "../shared/interactive.rs"]
mod interactive;
#[path = "../shared/losses.rs"]
mod losses;
#[path = "../shared/relay.rs"]
mod relay;
#[path = "../shared/tally.rs"]
mod tally;
#[path = "../shared/tour.rs"]
mod tour;
#[path = "../shared/witness.rs"]
mod witness;

use std::process::ExitCode;

fn main() -> ExitCode {
    interactive::choose(|| tour::run(driver::spawn), |url| interactive::run(url, driver::spawn))
}

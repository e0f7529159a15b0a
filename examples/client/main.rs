//! A client on blocking dials and non-blocking sockets. Without arguments, a tour through real faults on loopback; with a URL, a client for it.
//!
//! ```text
//! cargo run --example client
//! cargo run --example client -- ws://HOST:PORT/PATH
//! ```

mod driver;

#[path = "../shared/application.rs"]
mod application;
#[path = "../shared/audit.rs"]
mod audit;
#[path = "../shared/client.rs"]
mod client;
#[path = "../shared/faults.rs"]
mod faults;
#[path = "../shared/host.rs"]
mod host;
#[path = "../shared/interactive.rs"]
mod interactive;
#[path = "../shared/logger.rs"]
mod logger;
#[path = "../shared/recorder.rs"]
mod recorder;
#[path = "../shared/relay.rs"]
mod relay;
#[path = "../shared/tour.rs"]
mod tour;
#[path = "../shared/translate.rs"]
mod translate;

use std::process::ExitCode;

fn main() -> ExitCode {
    interactive::choose(|| tour::run(driver::spawn), |url| interactive::run(url, driver::spawn))
}

//! A client on real sockets. Without arguments, a tour through eight seconds of faults on loopback, and accounts of what
//! became of every message; with a URL, a client for it.
//!
//! ```text
//! cargo run --example client
//! cargo run --example client -- ws://HOST:PORT/PATH
//! ```

mod interactive;
mod logger;
mod record;
mod tour;

use std::error::Error;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all went well.
fn run() -> Result<bool, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut arguments = std::env::args().skip(1);
    let result = match (arguments.next(), arguments.next()) {
        (None, _) => runtime.block_on(tour::run()),
        (Some(url), None) => runtime.block_on(interactive::run(url)),
        _ => Err("one argument at most, and that is the URL".into()),
    };
    runtime.shutdown_background(); // Nothing wakes a thread that reads the standard input.
    result
}

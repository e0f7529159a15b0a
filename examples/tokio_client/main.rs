//! A client on tokio. Without arguments, a tour through real faults on loopback; with a URL, a client for it.
//!
//! ```text
//! cargo run --example tokio_client
//! cargo run --example tokio_client -- ws://HOST:PORT/PATH
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

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use heartline::{Config, Input};

use application::{Application, Command};

fn main() -> ExitCode {
    interactive::choose(|| tour::run(driver::spawn), |url| interactive::run(url, spawn_with_ctrl_c))
}

/// The first Ctrl-C sends the rest and closes; the second one does not wait for that.
fn spawn_with_ctrl_c<A: Application>(config: Config, seed: u64, application: A) -> io::Result<driver::Handle> {
    let handle = driver::spawn(config, seed, application)?;
    let (commands, runtime) =
        (handle.commands.clone(), tokio::runtime::Builder::new_current_thread().enable_all().build()?);
    std::thread::spawn(move || {
        for within in [Duration::from_secs(10), Duration::ZERO] {
            if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
                _ = commands.send(Command::Input(Input::close_within(within)));
            }
        }
    });
    Ok(handle)
}

//! The main job on tokio. Without arguments, a tour through real faults on loopback; with a URL, a client for it.
//!
//! ```text
//! cargo run --example tokio_client
//! cargo run --example tokio_client -- ws://HOST:PORT/PATH
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

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use heartline::{Config, Input};

use app::{App, Say};

fn main() -> ExitCode {
    interactive::choose(|| tour::run(driver::spawn), |url| interactive::run(url, spawn_with_ctrl_c))
}

/// The first Ctrl-C sends the rest and closes; the second one does not wait for that.
fn spawn_with_ctrl_c<A: App>(config: Config, seed: u64, app: A) -> io::Result<driver::Handle> {
    let handle = driver::spawn(config, seed, app)?;
    let (says, runtime) = (handle.says.clone(), tokio::runtime::Builder::new_current_thread().enable_all().build()?);
    std::thread::spawn(move || {
        for within in [Duration::from_secs(10), Duration::ZERO] {
            if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
                _ = says.send(Say::Input(Input::close_within(within)));
            }
        }
    });
    Ok(handle)
}

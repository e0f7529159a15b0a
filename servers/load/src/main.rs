//! Runs scenarios of load and attack against a server that it starts, and prints tables.

mod options;
mod run;

use std::io;

use rustix::thread::{CpuSet, sched_setaffinity};

use options::Options;

fn main() -> io::Result<()> {
    let Some(options) = Options::from_arguments().map_err(io::Error::other)? else {
        println!("{}", options::HELP);
        return Ok(());
    };
    if let Some(core) = options.core {
        let mut cores = CpuSet::new();
        cores.set(core);
        sched_setaffinity(None, &cores)?;
    }
    // On one core one thread does best.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run::run(&options))
}

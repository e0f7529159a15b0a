//! Three nodes of one chat, thirty users who write to each other, and one fault after the other: a show of some 35 seconds, with a table of what
//! each node knows, and at the end what became of every message. It needs nothing but Rust; with a URL it runs over that broker.
//!
//! ```text
//! cargo run --example cluster
//! cargo run --example cluster -- --nats nats://127.0.0.1:4222
//! ```
//!
//! To start a cluster of your own, begin with `node.rs`.

mod broker;
mod client;
mod cluster;
mod node;
mod script;
mod show;
mod table;

use std::error::Error;
use std::io::{IsTerminal as _, stdout};
use std::process::ExitCode;

use show::Options;

type Failure = Box<dyn Error + Send + Sync>;

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
fn run() -> Result<bool, Failure> {
    let options = options(std::env::args().skip(1))?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(script::run(options))
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, Failure> {
    let mut options = Options { nats: None, users: 30, newcomers: 120, hurry: false, live: stdout().is_terminal() };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--nats" => options.nats = Some(arguments.next().ok_or("--nats needs a URL")?),
            _ => return Err("usage: cargo run --example cluster [-- --nats nats://HOST:PORT]".into()),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_every_fault_all_agree_and_no_message_has_a_wrong_outcome() {
        let options = Options { nats: None, users: 9, newcomers: 12, hurry: true, live: false };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        assert!(runtime.block_on(script::run(options)).expect("the end of the show"));
    }

    #[test]
    fn an_unknown_argument_is_an_error() {
        let parse = |text: &str| options(text.split_whitespace().map(str::to_owned));
        let url = parse("--nats nats://127.0.0.1:4222").expect("an option").nats;
        assert_eq!(url.as_deref(), Some("nats://127.0.0.1:4222"));
        assert!(parse("--nats").is_err() && parse("--nodes 3").is_err());
    }
}

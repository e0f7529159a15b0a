//! What heartline's drivers cost beside other clients, measured in one run. See PERFORMANCE.md.
//!
//! This program is three: the one that measures, which starts the other two anew for each figure, the peer, and the client.

mod contenders;
mod counts;
mod idle;
mod load;
mod measure;
mod options;
mod peer;
mod pump;
mod rounds;
mod table;
mod work;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use contenders::{Client, Contender};
use load::Load;
use work::{Kind, Work};

pub type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["peer"] => peer::serve(),
        ["client", contender, work, count, port] => client(contender, work, count.parse()?, port.parse()?),
        _ => rounds::run(&options::Options::parse(&arguments)?),
    }
}

/// One thread, and those that blocking clients take.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(20_000)
        .thread_stack_size(256 * 1024)
        .build()
        .expect("a runtime needs nothing but descriptors")
}

fn client(contender: &str, work: &str, count: u64, port: u16) -> Outcome {
    let Some(Contender { client: Client::Rust(connect), .. }) = Contender::find(contender) else {
        return Err(format!("there is no client {contender}").into());
    };
    let work = Work::find(work).ok_or("there is no such work")?.of(count);
    let url = format!("ws://127.0.0.1:{port}{}", work.path());
    let runtime = runtime();
    let ended = runtime.block_on(async {
        match work.kind {
            Kind::Idle => tokio::spawn(idle::run(connect, url, work)).await?,
            _ => tokio::spawn(connect(url, Load::new(work, Arc::default()))).await?,
        }
    });
    if let Err(error) = &ended {
        eprintln!("{contender}: {error}");
    }
    // Without waiting for connections and threads that have nothing more to do.
    std::process::exit(i32::from(ended.is_err()))
}

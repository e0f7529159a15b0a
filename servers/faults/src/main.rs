//! Runs every fault, each on a cluster of its own, and prints a table. It ends with code 1 if something was seen that must not be.

use std::process::ExitCode;
use std::time::Duration;

use heartline_faults::fault::Fault;
use heartline_faults::report::HEAD;
use heartline_faults::run::run;
use heartline_faults::setup::{Ground, Setup};
use lexopt::prelude::*;

const HELP: &str = "\
faults [options] [fault…]

Without a fault, all of them; --list prints their names.

  --users N        24 by default
  --pace MS        from one message to the next, of all users together; 5 ms by default
  --rounds N       runs each so often
  --send-away      nodes that are cut off send their users away
  --stats          prints what each node's directory has counted
  --namespaces     in network namespaces: by servers/faults/namespaces";

type Failure = Box<dyn std::error::Error + Send + Sync>;

struct Options {
    setup: Setup,
    faults: Vec<Fault>,
    rounds: u32,
    stats: bool,
}

fn main() -> ExitCode {
    match options().and_then(|options| options.map_or(Ok(true), |options| run_all(&options))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// None if there is nothing to run.
fn options() -> Result<Option<Options>, Failure> {
    let mut options = Options { setup: Setup::beside()?, faults: Vec::new(), rounds: 1, stats: false };
    let (mut names, mut lists) = (Vec::new(), false);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => {
                println!("{HELP}");
                return Ok(None);
            }
            Long("list") => lists = true,
            Long("users") => options.setup.users = parser.value()?.parse()?,
            Long("pace") => options.setup.pace = Duration::from_millis(parser.value()?.parse()?),
            Long("rounds") => options.rounds = parser.value()?.parse()?,
            Long("send-away") => options.setup.directory.send_away_when_cut_off = true,
            Long("stats") => options.stats = true,
            Long("namespaces") => options.setup.ground = Ground::Namespaces,
            Value(name) => names.push(name.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let all = Fault::all(options.setup.ground);
    if lists {
        all.iter().for_each(|fault| println!("{fault}"));
        return Ok(None);
    }
    let named = |name: &String| all.iter().find(|fault| fault.to_string() == *name).copied();
    let faults: Result<Vec<_>, _> = names.iter().map(|name| named(name).ok_or(format!("no fault {name}"))).collect();
    options.faults = if names.is_empty() { all } else { faults? };
    Ok(Some(options))
}

/// Whether all was as it has to be.
fn run_all(options: &Options) -> Result<bool, Failure> {
    println!("{HEAD}");
    let mut violations = Vec::new();
    for fault in options.faults.iter().flat_map(|fault| (0..options.rounds).map(|_| *fault)) {
        // Each with threads of its own, all of which end.
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let report = runtime.block_on(run(fault, &options.setup)).ok_or("a program is missing")?;
        println!("{}", report.row());
        if options.stats {
            report.stats.iter().for_each(|(node, stats)| eprintln!("{fault} {node}: {stats:?}"));
        }
        violations.extend(report.violations().into_iter().map(|it| format!("{fault}: {it}")));
    }
    violations.iter().for_each(|violation| println!("\nMUST NOT BE: {violation}"));
    Ok(violations.is_empty())
}

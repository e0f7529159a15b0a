//! Runs random lives of clusters: `cargo run --release -p heartline-testkit --example cluster_seeds -- 0..1000000`. Without a
//! range the first thousand. The first seed that fails is made shorter and explained; with `--all` each is named in a line.

use std::ops::Range;
use std::process::ExitCode;

use heartline_testkit::sim::cluster::Script;

fn main() -> ExitCode {
    let (options, arguments): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|argument| argument == "--all");
    let argument = arguments.first().map_or("0..1000", String::as_str);
    let Some(seeds) = range(argument) else {
        eprintln!("not a range of seeds, as 0..1000 is one: {argument}");
        return ExitCode::from(2);
    };
    let mut failed = 0;
    for seed in seeds.clone() {
        let script = Script::draw(seed);
        if options.is_empty() {
            if let Err(failure) = script.explain() {
                println!("{failure}");
                return ExitCode::FAILURE;
            }
        } else if let Err(violation) = script.run() {
            println!("seed {seed}: {violation}");
            failed += 1;
        }
        if (seed + 1) % 10_000 == 0 {
            println!("up to {seed}: {failed} failed");
        }
    }
    println!("{} seeds, {failed} failed", seeds.end.saturating_sub(seeds.start));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn range(text: &str) -> Option<Range<u64>> {
    let (start, end) = text.split_once("..")?;
    Some(start.trim().parse().ok()?..end.trim().parse().ok()?)
}

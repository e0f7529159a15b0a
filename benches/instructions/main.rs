//! Instructions per event, counted by callgrind: unlike times, they repeat exactly on any x86-64 with the same compiler.
//!
//! ```text
//! cargo bench --bench instructions                 # counts everything and shows it beside the baseline
//! cargo bench --bench instructions -- Pong         # what has this in its name
//! cargo bench --bench instructions -- --check      # fails if something grew by more than 2 % and 3 instructions
//! cargo bench --bench instructions -- --write      # makes this the baseline
//! ```
//!
//! It needs valgrind. Each scenario runs in two processes that differ only in the number of events; the difference of
//! their totals, divided by that of the numbers, is what one event costs, the loop (`empty loop`) included.
//!
//! "Called" is behind an `#[inline(never)]` wrapper; "inlined" is left to the compiler, without any flags.

mod hub;
mod path;
mod queues;
mod world;

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::process::{Command, ExitCode};

const EVENTS: u64 = 10_000;
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions/baseline.txt");
const COMMENT: &str = "# Instructions per event; `cargo bench --bench instructions -- --write` made this file with";

struct Scenario {
    name: String,
    /// The most that it may cost.
    goal: Option<u64>,
    /// How many events the two processes run.
    times: (u64, u64),
    run: Box<dyn Fn(u64)>,
}

impl Scenario {
    fn count(&self) -> u64 {
        let (few, many) = self.times;
        (instructions(&self.name, many) - instructions(&self.name, few)) / (many - few)
    }
}

fn scenarios() -> impl Iterator<Item = Scenario> {
    path::scenarios().chain(queues::scenarios()).chain(hub::scenarios())
}

/// All instructions of a process that runs a scenario that often.
fn instructions(scenario: &str, times: u64) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().expect("a path"))
        .args(["--run", scenario, &times.to_string()])
        .output()
        .expect("valgrind is installed");
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{scenario}: {report}");
    let total = report.lines().find_map(|line| line.split_once("Collected : ")).expect("a total").1;
    total.trim().parse().expect("a number")
}

fn run(name: &str, times: &str) {
    let scenario = scenarios().find(|scenario| scenario.name == name).expect("a known scenario");
    black_box(scenario.run)(black_box(times.parse().expect("a number")));
}

fn toolchain() -> String {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(rustc).arg("--version").output().expect("rustc runs");
    format!("{} on {}", String::from_utf8_lossy(&output.stdout).trim(), std::env::consts::ARCH)
}

fn baseline() -> BTreeMap<String, u64> {
    let text = fs::read_to_string(BASELINE).unwrap_or_default();
    let made_with = text.lines().next().unwrap_or_default();
    if !made_with.ends_with(&toolchain()) {
        println!("The baseline was not made with {}: expect other counts.\n", toolchain());
    }
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    lines.map(|(count, name)| (name.to_owned(), count.parse().expect("a number"))).collect()
}

fn write(counts: &[(Scenario, u64)]) {
    let mut text = format!("{COMMENT} {}\n", toolchain());
    for (scenario, count) in counts {
        text += &format!("{count}\t{}\n", scenario.name);
    }
    fs::write(BASELINE, text).expect("the baseline is writable");
}

/// Counts, and shows each count beside its baseline and its goal.
fn table(wanted: &str, baseline: &BTreeMap<String, u64>) -> Vec<(Scenario, u64)> {
    println!("| instructions per event, loop included | count | baseline | goal |\n|---|---:|---:|---:|");
    let show = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let count = |scenario: Scenario| {
        let count = scenario.count();
        let before = baseline.get(&scenario.name).copied();
        println!("| {} | {count} | {} | {} |", scenario.name, show(before), show(scenario.goal));
        (scenario, count)
    };
    scenarios().filter(|scenario| scenario.name.contains(wanted)).map(count).collect()
}

/// What is over its goal, grew too much, or has no baseline.
fn complaints(counts: &[(Scenario, u64)], baseline: &BTreeMap<String, u64>) -> Vec<String> {
    let complaint = |(scenario, count): &(Scenario, u64)| {
        let name = &scenario.name;
        match (baseline.get(name), scenario.goal) {
            (_, Some(goal)) if *count > goal => Some(format!("{name}: {count} is over the goal of {goal}")),
            (None, _) => Some(format!("{name}: no baseline")),
            (Some(before), _) if *count > before + 3 && count * 100 > before * 102 => {
                Some(format!("{name}: {count}, {} more than the baseline", count - before))
            }
            _ => None,
        }
    };
    counts.iter().filter_map(complaint).collect()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["--run", name, times] = arguments[..] {
        run(name, times);
        return ExitCode::SUCCESS;
    }
    let (check, write_it) = (arguments.contains(&"--check"), arguments.contains(&"--write"));
    let wanted = arguments.iter().find(|argument| !argument.starts_with("--")).copied().unwrap_or_default();
    let baseline = baseline();
    let counts = table(wanted, &baseline);
    if write_it && wanted.is_empty() {
        write(&counts);
    }
    let complaints = if check { complaints(&counts, &baseline) } else { Vec::new() };
    complaints.iter().for_each(|complaint| eprintln!("{complaint}"));
    if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! Runs the conformance suite on an adapter in any language:
//!
//! `heartline-conformance [--pace N] [--only CASE]… [--list] COMMAND [ARGUMENT]…`

use std::process::{Command, ExitCode};

use heartline_testkit::conformance::{CaseReport, Suite, Verdict};

const USAGE: &str = "usage: heartline-conformance [--pace N] [--only CASE]... [--list] COMMAND [ARGUMENT]...";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    let (mut pace, mut only) = (None, Vec::new());
    while let Some(option) = arguments.next_if(|argument| argument.starts_with("--")) {
        match (option.as_str(), arguments.peek()) {
            ("--list", _) => {
                Suite::cases().for_each(|(name, about)| println!("{name:20}  {about}"));
                return ExitCode::SUCCESS;
            }
            ("--only", Some(_)) => only.extend(arguments.next()),
            ("--pace", Some(number)) if number.parse::<f64>().is_ok() => {
                pace = arguments.next().and_then(|number| number.parse().ok());
            }
            _ => return wrong(),
        }
    }
    let command: Vec<String> = arguments.collect();
    if command.is_empty() || only.iter().any(|name| Suite::cases().all(|(known, _)| known != name)) {
        return wrong();
    }
    let mut suite = Suite::new(move || {
        let mut process = Command::new(&command[0]);
        process.args(&command[1..]);
        process
    });
    if let Some(pace) = pace {
        suite = suite.pace(pace);
    }
    if !only.is_empty() {
        suite = suite.only(only);
    }
    let report = suite.run(progress);
    println!("\n{report:#}");
    if report.failed().next().is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn progress(case: &CaseReport) {
    let word = match case.verdict {
        Verdict::Passed => "passed",
        Verdict::Failed { .. } => "FAILED",
        _ => "not applicable",
    };
    eprintln!("{:20}  {word}", case.name);
}

fn wrong() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

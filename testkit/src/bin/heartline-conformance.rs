//! Runs the conformance suite on an adapter in any language:
//!
//! `heartline-conformance [--pace N] [--only CASE]… COMMAND [ARGUMENT]…`; `--help` says what these are.

use std::iter::Peekable;
use std::process::{Command, ExitCode};

use heartline_testkit::conformance::{CaseReport, Suite, Verdict};

const USAGE: &str = "\
usage: heartline-conformance [--pace N] [--only CASE]... COMMAND [ARGUMENT]...
       heartline-conformance --list

COMMAND starts the adapter of the driver under test, once for each case.

  --pace N     multiplies all times by N, for a slow machine; default: HEARTLINE_PACE, or 1
  --only CASE  runs this case; may be given more than once
  --list       prints the names of all cases, and what each is about";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    let (pace, only) = match options(&mut arguments) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let command: Vec<String> = arguments.collect();
    if command.is_empty() {
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

/// The options before the command: the pace, and the cases to run. An exit code if there is nothing to run.
fn options(arguments: &mut Peekable<impl Iterator<Item = String>>) -> Result<(Option<f64>, Vec<String>), ExitCode> {
    let (mut pace, mut only) = (None, Vec::new());
    while let Some(option) = arguments.next_if(|argument| argument.starts_with("--")) {
        match (option.as_str(), arguments.peek()) {
            ("--list", _) => {
                Suite::cases().for_each(|(name, about)| println!("{name:20}  {about}"));
                return Err(ExitCode::SUCCESS);
            }
            ("--help", _) => {
                println!("{USAGE}");
                return Err(ExitCode::SUCCESS);
            }
            ("--only", Some(case)) if Suite::cases().all(|(name, _)| name != case) => {
                eprintln!("there is no case {case}; --list has their names");
                return Err(ExitCode::from(2));
            }
            ("--only", Some(_)) => only.extend(arguments.next()),
            ("--pace", Some(number)) if number.parse::<f64>().is_ok() => {
                pace = arguments.next().and_then(|number| number.parse().ok());
            }
            _ => return Err(wrong()),
        }
    }
    Ok((pace, only))
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

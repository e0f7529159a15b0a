//! The conformance suite of heartline-testkit on this driver. This program starts itself as the adapter.
//! `cargo test -p heartline-tokio --test conformance -- silent` tries the cases with `silent` in their names.

mod adapter;

use std::env;
use std::process::Command;

use heartline_testkit::conformance::{Suite, Verdict};

/// The cases that do not apply to this driver: none, but where the system does not tell the CPU time of a process.
const NOT_APPLICABLE: &[&str] =
    if cfg!(target_os = "linux") { &[] } else { &["idle-spin", "stalled-spin", "waiting-spin"] };

fn suite() -> Suite {
    let program = env::current_exe().expect("it runs");
    Suite::new(move || {
        let mut command = Command::new(&program);
        command.arg("adapter");
        command
    })
}

/// The cases with one of these words in their names; all of them without a word, or by the name of this test.
fn wanted(words: &[String]) -> Vec<&'static str> {
    let all = words.is_empty() || words.iter().any(|word| word == "conformance");
    let cases = Suite::cases().map(|(name, _)| name);
    cases.filter(|name| all || words.iter().any(|word| name.contains(word.as_str()))).collect()
}

fn every_case_that_applies_passes(cases: &[&str]) {
    let report = suite().only(cases.iter().copied()).run(|_| {});
    report.assert_passed();
    assert_eq!(report.unknown, [""; 0], "abilities that the suite does not know");
    let not_applicable = |name: &&str| matches!(report.verdict(name), Some(Verdict::NotApplicable { .. }));
    let left_out: Vec<&str> = cases.iter().copied().filter(not_applicable).collect();
    let expected: Vec<&str> = NOT_APPLICABLE.iter().copied().filter(|name| cases.contains(name)).collect();
    assert_eq!(left_out, expected, "the cases that do not apply, and those that are known not to");
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "adapter") {
        return adapter::main();
    }
    if arguments.iter().any(|argument| argument == "--list") {
        return println!("conformance: test");
    }
    let words: Vec<String> = arguments.into_iter().filter(|argument| !argument.starts_with('-')).collect();
    every_case_that_applies_passes(&wanted(&words));
}

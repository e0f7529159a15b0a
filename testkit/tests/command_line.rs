//! `heartline-conformance` as it is called.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_heartline-conformance")).args(arguments).output().expect("it starts")
}

#[test]
fn help_is_asked_for_and_printed() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("--only CASE"));
}

#[test]
fn a_case_that_does_not_exist_is_named() {
    let output = run(&["--only", "ecko", "adapter"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("there is no case ecko;"));
}

#[test]
fn an_adapter_that_cannot_be_started_is_named() {
    let output = run(&["--only", "echo", "no/such-adapter"]);
    assert_eq!(output.status.code(), Some(1));
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(report.contains("echo failed: no/such-adapter cannot be started: "), "{report}");
}

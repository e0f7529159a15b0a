//! Whether the tests of the hub would notice: bugs are put into a copy of the source, and the test named for each must
//! fail there. The whole hunt, a few minutes:
//!
//! ```text
//! cargo test --test hub_bugs -- --ignored --nocapture
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

#[path = "hub/bugs/mod.rs"]
mod bugs;
#[path = "support/workshop.rs"]
mod workshop;

use bugs::Bug;
use workshop::{Mutation, read, root};

/// The server's part of the museum, and the hub's clauses.
fn breakable() -> BTreeSet<String> {
    let exhibits = ["30", "31", "34"].map(String::from);
    exhibits.into_iter().chain((1..=12).map(|nth| format!("U{nth}"))).collect()
}

/// The tests of the hub, as cargo names them, each with its doc comment.
fn tests() -> BTreeMap<String, String> {
    let mut tests = BTreeMap::new();
    for entry in fs::read_dir(root().join("tests/hub")).expect("the tests") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let module = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let (mut comment, mut is_test) = (String::new(), false);
        for line in read(&path).lines().map(str::trim) {
            if let Some(more) = line.strip_prefix("///") {
                comment.push_str(more);
            } else if line == "#[test]" {
                is_test = true;
            } else {
                if let (true, Some(rest)) = (is_test, line.strip_prefix("fn ")) {
                    let name = rest.split('(').next().expect("a name");
                    tests.insert(format!("{module}::{name}"), comment.clone());
                }
                comment.clear();
                is_test = false;
            }
        }
    }
    tests
}

fn mutations() -> Vec<Mutation> {
    let mutation = |&Bug { breaks, file, find, put, caught_by }: &Bug| {
        let breaks = breaks.to_string();
        Mutation { breaks, file, find, put, caught_by }
    };
    bugs::all().map(mutation).collect()
}

#[test]
fn every_bug_fits_the_source_exactly_once() {
    workshop::fit_exactly_once(&mutations());
}

#[test]
fn every_clause_has_its_bug_and_every_exhibit_test_its_own() {
    let tests = tests();
    let broken: BTreeSet<_> = bugs::all().map(|bug| bug.breaks.to_string()).collect();
    assert_eq!(broken, breakable());
    for Bug { breaks, caught_by, .. } in bugs::all() {
        let comment = tests.get(*caught_by).unwrap_or_else(|| panic!("{caught_by} is no test"));
        let cites = [format!("**{breaks}.**"), format!("[{breaks}]")].iter().any(|cited| comment.contains(cited));
        assert!(cites, "{caught_by} does not cite {breaks}");
    }
    let caught_by: BTreeSet<_> = bugs::all().map(|bug| bug.caught_by).collect();
    for test in tests.keys().filter(|test| test.starts_with("museum::")) {
        assert!(caught_by.contains(test.as_str()), "nothing shows that {test} can fail");
    }
}

#[test]
#[ignore = "compiles the crate once for every bug"]
fn every_bug_that_is_put_in_is_caught() {
    workshop::hunt("hub", &["proptest", "allocation-counter"], &mutations());
}

//! Whether the museum would notice: every bug in it is put back into a copy of the source, and the test named for it
//! must fail there. The whole hunt, a minute or two:
//!
//! ```text
//! cargo test --test museum_bugs -- --ignored --nocapture
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

#[path = "museum/bugs/mod.rs"]
mod bugs;
#[path = "support/workshop.rs"]
mod workshop;

use bugs::Bug;
use workshop::{Mutation, read, root};

/// The exhibits; 30, 31 and 34 are the server's, and `tests/hub_bugs.rs` puts them back.
fn exhibits() -> BTreeSet<u32> {
    (1..=29).chain([32, 33, 35]).collect()
}

/// The tests of the museum, as cargo names them, with the number in their doc comment.
fn museum() -> BTreeMap<String, u32> {
    let mut tests = BTreeMap::new();
    for entry in fs::read_dir(root().join("tests/museum")).expect("the museum") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let module = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let (mut number, mut is_test) = (None, false);
        for line in read(&path).lines() {
            if let Some((found, _)) = line.strip_prefix("/// **").and_then(|rest| rest.split_once(".**")) {
                number = found.parse().ok();
            } else if line == "#[test]" {
                is_test = true;
            } else if let (true, Some(rest)) = (is_test, line.strip_prefix("fn ")) {
                let name = format!("{module}::{}", rest.split('(').next().expect("a name"));
                let number = number.take().unwrap_or_else(|| panic!("{name} has no number"));
                tests.insert(name, number);
                is_test = false;
            }
        }
    }
    tests
}

fn mutations() -> Vec<Mutation> {
    let mutation = |&Bug { number, file, find, put, caught_by }: &Bug| {
        let breaks = format!("bug {number}");
        Mutation { breaks, file, find, put, caught_by }
    };
    bugs::all().map(mutation).collect()
}

#[test]
fn every_bug_fits_the_source_exactly_once() {
    workshop::fit_exactly_once(&mutations());
}

#[test]
fn every_exhibit_has_its_tests_and_every_test_its_bug() {
    let tests = museum();
    assert_eq!(tests.values().copied().collect::<BTreeSet<_>>(), exhibits(), "exhibits with a test");
    assert_eq!(bugs::all().map(|bug| bug.number).collect::<BTreeSet<_>>(), exhibits(), "exhibits with a bug");
    for Bug { number, caught_by, .. } in bugs::all() {
        assert_eq!(tests.get(*caught_by), Some(number), "the number of {caught_by}");
    }
    let caught_by: BTreeSet<_> = bugs::all().map(|bug| bug.caught_by).collect();
    for test in tests.keys() {
        assert!(caught_by.contains(test.as_str()), "nothing shows that {test} can fail");
    }
}

#[test]
#[ignore = "compiles the crate once for every bug"]
fn every_bug_that_is_put_back_is_caught() {
    workshop::hunt("museum", &[], &mutations());
}

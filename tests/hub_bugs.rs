//! Whether the tests of the hub would notice: bugs are put into a copy of the source, and the test named for each must
//! fail there. The whole hunt, a few minutes:
//!
//! ```text
//! cargo test --test hub_bugs -- --ignored --nocapture
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Instant;

#[path = "hub/bugs/mod.rs"]
mod bugs;
#[path = "support/workshop.rs"]
mod workshop;

use bugs::Bug;
use workshop::{Workshop, complaint, has_failed, read, root};

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

#[test]
fn every_bug_fits_the_source_exactly_once() {
    for Bug { breaks, file, find, put, .. } in bugs::all() {
        let times = read(root().join(file)).matches(find).count();
        assert_eq!(times, 1, "{breaks}: {file} has {times} of: {find}");
        assert_ne!(find, put, "{breaks}: nothing changes");
    }
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
    let start = Instant::now();
    let workshop = Workshop::set_up("hub", &["proptest", "allocation-counter"]);
    let said = workshop.test(&[]);
    for bug in bugs::all() {
        assert!(said.contains(&format!("test {} ... ok\n", bug.caught_by)), "without any bug:\n{said}");
    }
    println!("without any bug: all pass, {:.1} s", start.elapsed().as_secs_f32());
    let mut missed = Vec::new();
    for bug in bugs::all() {
        let began = Instant::now();
        let said = workshop.put_back(bug.file, bug.find, bug.put, bug.caught_by);
        let caught = has_failed(&said, bug.caught_by);
        let (verdict, took) = (if caught { "caught by" } else { "MISSED by" }, began.elapsed().as_secs_f32());
        println!("{:>3}  {verdict} {}, {took:.1} s\n       {}", bug.breaks, bug.caught_by, complaint(&said));
        if !caught {
            missed.push(format!("{} with `{}`:\n{said}", bug.breaks, bug.put));
        }
    }
    println!("{} bugs, {} missed, {:.0} s", bugs::all().count(), missed.len(), start.elapsed().as_secs_f32());
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

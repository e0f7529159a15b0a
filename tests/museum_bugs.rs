//! Whether the museum would notice: every bug in it is put back into a copy of the source, and the test named for it
//! must fail there. The whole hunt, a minute or two:
//!
//! ```text
//! cargo test --test museum_bugs -- --ignored --nocapture
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Instant;

#[path = "museum/bugs/mod.rs"]
mod bugs;
#[path = "support/workshop.rs"]
mod workshop;

use bugs::Bug;
use workshop::{Workshop, complaint, has_failed, read, root};

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

#[test]
fn every_bug_fits_the_source_exactly_once() {
    for Bug { number, file, find, put, .. } in bugs::all() {
        let times = read(root().join(file)).matches(find).count();
        assert_eq!(times, 1, "bug {number}: {file} has {times} of: {find}");
        assert_ne!(find, put, "bug {number} changes nothing");
    }
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
    let start = Instant::now();
    let workshop = Workshop::set_up("museum", &[]);
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
        println!("{:>2}  {verdict} {}, {took:.1} s\n      {}", bug.number, bug.caught_by, complaint(&said));
        if !caught {
            missed.push(format!("bug {} with `{}`:\n{said}", bug.number, bug.put));
        }
    }
    println!("{} bugs, {} missed, {:.0} s", bugs::all().count(), missed.len(), start.elapsed().as_secs_f32());
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

//! Whether the museum would notice: every bug in it is put back into a copy of the source, and the test named for it
//! must fail there. The whole hunt, a minute or two:
//!
//! ```text
//! cargo test --test museum_bugs -- --ignored --nocapture
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

#[path = "museum/bugs/mod.rs"]
mod bugs;

use bugs::Bug;

/// The exhibits; 30, 31 and 34 are the server's.
fn exhibits() -> BTreeSet<u32> {
    (1..=29).chain([32, 33, 35]).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
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

/// A copy of the crate with what the museum needs and nothing else, removed in the end.
struct Workshop(PathBuf);

impl Drop for Workshop {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Workshop {
    fn set_up() -> Self {
        let workshop = Self(std::env::temp_dir().join(format!("heartline-museum-{}", std::process::id())));
        for folder in ["src", "tests/museum", "tests/support"] {
            copy(&root().join(folder), &workshop.0.join(folder));
        }
        // Without it cargo resolves anew from what is there.
        let _ = fs::copy(root().join("Cargo.lock"), workshop.0.join("Cargo.lock"));
        fs::write(workshop.0.join("Cargo.toml"), lean(&read(root().join("Cargo.toml")))).expect("a manifest");
        workshop
    }

    /// What `cargo test` says about the tests chosen by `arguments`.
    fn test(&self, arguments: &[&str]) -> String {
        let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["test", "--offline", "--test", "museum", "--target-dir", "target", "--"])
            .args(arguments)
            .current_dir(&self.0)
            // A bug may leave something unused.
            .env("RUSTFLAGS", "--cap-lints allow")
            .env("RUST_BACKTRACE", "0")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .output()
            .expect("cargo runs");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// What the test that is to catch the bug says with the bug in place.
    fn put_back(&self, bug: &Bug) -> String {
        let path = self.0.join(bug.file);
        let source = read(&path);
        fs::write(&path, source.replacen(bug.find, bug.put, 1)).expect("the copy can be written");
        let said = self.test(&[bug.caught_by, "--exact"]);
        fs::write(&path, source).expect("the copy can be written");
        said
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("a copy");
        }
    }
}

/// The manifest without what only other tests need.
fn lean(manifest: &str) -> String {
    let mut kept = String::new();
    let mut keep = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            keep = ["[package]", "[features]", "[dependencies]"].contains(&line.trim());
        }
        if keep {
            kept.extend([line, "\n"]);
        }
    }
    kept + "[profile.dev]\ndebug = false\n[workspace]\n"
}

/// What the failed test said, in one line.
fn complaint(said: &str) -> String {
    let panic = said.split_once(" panicked at ").map_or("nothing", |(_, rest)| rest);
    let lines = panic.lines().skip(1).take_while(|line| !line.is_empty() && !line.starts_with("note:"));
    lines.map(str::trim).collect::<Vec<_>>().join(" ").chars().take(160).collect()
}

#[test]
#[ignore = "compiles the crate once for every bug"]
fn every_bug_that_is_put_back_is_caught() {
    let start = Instant::now();
    let workshop = Workshop::set_up();
    let said = workshop.test(&[]);
    for bug in bugs::all() {
        assert!(said.contains(&format!("test {} ... ok\n", bug.caught_by)), "without any bug:\n{said}");
    }
    println!("without any bug: all pass, {:.1} s", start.elapsed().as_secs_f32());
    let mut missed = Vec::new();
    for bug in bugs::all() {
        let began = Instant::now();
        let said = workshop.put_back(bug);
        let caught =
            said.contains(&format!("test {} ... FAILED\n", bug.caught_by)) && said.contains("0 passed; 1 failed");
        let (verdict, took) = (if caught { "caught by" } else { "MISSED by" }, began.elapsed().as_secs_f32());
        println!("{:>2}  {verdict} {}, {took:.1} s\n      {}", bug.number, bug.caught_by, complaint(&said));
        if !caught {
            missed.push(format!("bug {} with `{}`:\n{said}", bug.number, bug.put));
        }
    }
    println!("{} bugs, {} missed, {:.0} s", bugs::all().count(), missed.len(), start.elapsed().as_secs_f32());
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

//! A copy of the crate in which bugs are put into the source, to see whether a test notices.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A bug as one replacement in the source, and the test that fails with it.
#[derive(Clone, Debug)]
pub struct Mutation {
    /// What it breaks: a number of the museum, a clause, a document and what is wrong with it.
    pub breaks: String,
    pub file: &'static str,
    /// Text that occurs exactly once in the file.
    pub find: &'static str,
    pub put: &'static str,
    pub caught_by: &'static str,
}

/// Every mutation changes one place of the source, and no other.
pub fn fit_exactly_once(mutations: &[Mutation]) {
    for Mutation { breaks, file, find, put, .. } in mutations {
        let times = read(root().join(file)).matches(find).count();
        assert_eq!(times, 1, "{breaks}: {file} has {times} of: {find}");
        assert_ne!(find, put, "{breaks}: nothing changes");
    }
}

/// Puts each mutation into a copy of the crate and expects its test to fail there, as it passes without. `suite` is a
/// folder of `tests`; `needs` are the dev-dependencies it uses.
pub fn hunt(suite: &'static str, needs: &[&str], mutations: &[Mutation]) {
    let start = Instant::now();
    let workshop = Workshop::set_up(suite, needs);
    let said = workshop.test(&[]);
    for Mutation { caught_by, .. } in mutations {
        assert!(said.contains(&format!("test {caught_by} ... ok\n")), "without any bug:\n{said}");
    }
    println!("without any bug: all pass, {:.1} s", start.elapsed().as_secs_f32());
    let mut missed = Vec::new();
    for mutation in mutations {
        let began = Instant::now();
        let said = workshop.put_in(mutation);
        let Mutation { breaks, put, caught_by, .. } = mutation;
        let caught = has_failed(&said, caught_by);
        let (verdict, took) = (if caught { "caught by" } else { "MISSED by" }, began.elapsed().as_secs_f32());
        println!("{breaks}: {verdict} {caught_by}, {took:.1} s\n    {}", complaint(&said));
        if !caught {
            missed.push(format!("{breaks} with `{put}`:\n{said}"));
        }
    }
    println!("{} bugs, {} missed, {:.0} s", mutations.len(), missed.len(), start.elapsed().as_secs_f32());
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// The copy, with one test binary and nothing else, removed in the end.
struct Workshop {
    path: PathBuf,
    suite: &'static str,
}

impl Drop for Workshop {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Workshop {
    fn set_up(suite: &'static str, needs: &[&str]) -> Self {
        let path = std::env::temp_dir().join(format!("heartline-{suite}-{}", std::process::id()));
        let workshop = Self { path, suite };
        for folder in ["src", "examples", "tests/support", &format!("tests/{suite}")] {
            copy(&root().join(folder), &workshop.path.join(folder));
        }
        // Without it cargo resolves anew from what is there.
        let _ = fs::copy(root().join("Cargo.lock"), workshop.path.join("Cargo.lock"));
        let manifest = lean(&read(root().join("Cargo.toml")), needs);
        fs::write(workshop.path.join("Cargo.toml"), manifest).expect("a manifest");
        workshop
    }

    /// What `cargo test` says about the tests chosen by `arguments`.
    fn test(&self, arguments: &[&str]) -> String {
        let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["test", "--offline", "--test", self.suite, "--target-dir", "target", "--"])
            .args(arguments)
            .current_dir(&self.path)
            // A bug may leave something unused.
            .env("RUSTFLAGS", "--cap-lints allow")
            .env("RUST_BACKTRACE", "0")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .output()
            .expect("cargo runs");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// What the test that is to catch the bug says with the bug in place.
    fn put_in(&self, Mutation { file, find, put, caught_by, .. }: &Mutation) -> String {
        let path = self.path.join(file);
        let source = read(&path);
        fs::write(&path, source.replacen(find, put, 1)).expect("the copy can be written");
        let said = self.test(&[caught_by, "--exact"]);
        fs::write(&path, source).expect("the copy can be written");
        said
    }
}

/// Whether that one test ran and failed; a bug that does not compile is not caught.
fn has_failed(said: &str, test: &str) -> bool {
    said.contains(&format!("test {test} ... FAILED\n")) && said.contains("0 passed; 1 failed")
}

/// What the failed test said, in one line.
fn complaint(said: &str) -> String {
    let panic = said.split_once(" panicked at ").map_or("nothing", |(_, rest)| rest);
    let lines = panic.lines().skip(1).take_while(|line| !line.is_empty() && !line.starts_with("note:"));
    lines.map(str::trim).collect::<Vec<_>>().join(" ").chars().take(160).collect()
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
fn lean(manifest: &str, needs: &[&str]) -> String {
    let (mut kept, mut section) = (String::new(), "");
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line.trim();
        }
        let name = line.split(['=', ' ']).next().unwrap_or_default();
        let keep = match section {
            "[package]" | "[features]" | "[dependencies]" => true,
            "[dev-dependencies]" => line.starts_with('[') || needs.contains(&name),
            _ => false,
        };
        if keep {
            kept.extend([line, "\n"]);
        }
    }
    kept + "[profile.dev]\ndebug = false\n[workspace]\n"
}

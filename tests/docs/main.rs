//! The specification and the front page say what is so.

mod bugs;
mod clauses;
mod readme;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect(path)
}

/// The manifest as it was written, which Cargo adds to a package.
const ORIGINAL: &str = "Cargo.toml.orig";

/// Whether this is what users download, which comes without the other crates.
fn is_packaged() -> bool {
    root().join(ORIGINAL).exists()
}

/// The folders of the crates beside this one.
fn members() -> Vec<String> {
    let manifest = read(if is_packaged() { ORIGINAL } else { "Cargo.toml" });
    let (_, list) = manifest.split_once("\nmembers = [").expect("a workspace");
    let (list, _) = list.split_once(']').expect("the end of the list");
    list.split('"').skip(1).step_by(2).map(String::from).collect()
}

/// Whether this path is one of another crate's.
fn is_a_members(path: &str) -> bool {
    let is_in = |rest: &str| rest.is_empty() || rest.starts_with('/');
    members().iter().any(|member| path.strip_prefix(member.as_str()).is_some_and(is_in))
}

/// Whether packages come without this path.
fn is_left_out(path: &str) -> bool {
    let manifest = read(ORIGINAL);
    let (_, package) = manifest.split_once("\n[package]").expect("a package");
    let (_, list) = package.split_once("\nexclude = [").expect("what packages leave out");
    let (list, _) = list.split_once(']').expect("the end of the list");
    list.split('"').skip(1).step_by(2).any(|left_out| format!("/{path}/").starts_with(left_out))
}

/// Every `.rs` file below a folder, with its text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    files(folder, "rs")
}

/// The folders with tests: this crate's, and in the repository those of the crates beside it.
fn test_folders() -> Vec<String> {
    let elsewhere = if is_packaged() { Vec::new() } else { members() };
    let elsewhere =
        elsewhere.into_iter().map(|member| format!("{member}/tests")).filter(|tests| root().join(tests).exists());
    ["src".to_string(), "tests".to_string()].into_iter().chain(elsewhere).collect()
}

/// Every file with this extension below a folder, with its text.
fn files(folder: &str, extension: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let text = fs::read_to_string(&path).expect("text");
                files.push((path, text));
            }
        }
    }
    files
}

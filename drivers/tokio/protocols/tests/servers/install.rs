//! What is installed here, and how to start it.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::Place;

/// How to start a server at a place.
pub type Start = Box<dyn Fn(&Place) -> Command + Send>;

/// A server of ours on a node package.
pub fn node(script: &'static str, package: &str) -> Option<Start> {
    let packages = cache().join("servers");
    has(package, &packages.join("node_modules").join(package))?;
    Some(Box::new(move |place| {
        let mut command = Command::new("node");
        command.arg(program(script)).arg(place.port.to_string()).arg(place.ledger()).env("SERVERS", &packages);
        command
    }))
}

/// A python program, which begins with these arguments.
pub fn python(package: &str, arguments: impl Fn(&Place) -> Vec<OsString> + Send + 'static) -> Option<Start> {
    let packages = cache().join("python");
    has(package, &packages.join(package))?;
    Some(Box::new(move |place| {
        let mut command = Command::new("python3");
        command.args(arguments(place)).env("PYTHONPATH", &packages).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("LEDGER", place.ledger());
        command
    }))
}

/// A program of Debian's, which is given a configuration of ours behind these arguments.
pub fn debian(path: &'static str, arguments: &'static [&str], config: &'static str, backend: u16) -> Option<Start> {
    has(path, Path::new(path))?;
    Some(Box::new(move |place| {
        let template = std::fs::read_to_string(program(config)).expect("it lies there");
        let filled = template
            .replace("@PORT@", &place.port.to_string())
            .replace("@BACKEND@", &backend.to_string())
            .replace("@DIRECTORY@", &place.directory.display().to_string());
        let file = place.directory.join(config);
        std::fs::write(&file, filled).expect("a directory of our own");
        let mut command = Command::new(path);
        command.args(arguments).arg(file);
        command
    }))
}

/// A file in `programs`.
pub fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/programs").join(name)
}

/// `None`, said aloud, for what is not there; in CI that fails.
fn has(what: &str, path: &Path) -> Option<()> {
    if path.exists() {
        return Some(());
    }
    let line = format!("LEFT OUT: there is no {what} at {}, see .ci/interop-setup\n", path.display());
    let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    assert!(!in_ci, "{line}");
    _ = std::io::stderr().write_all(line.as_bytes()); // Not by `eprintln!`, which the harness keeps to itself.
    None
}

/// Where `.ci/interop-setup` puts packages.
fn cache() -> PathBuf {
    let home = |path: &str| PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(path);
    let base = || std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home(".cache"), PathBuf::from);
    std::env::var_os("HEARTLINE_INTEROP_DIR").map_or_else(|| base().join("heartline/interop"), PathBuf::from)
}

//! What `.ci/interop-setup` has installed here, and how to start it. What is missing is said and left out; with the
//! environment variable `CI` it is a failure.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::Place;

/// How to start a server at a place.
pub type Start = Box<dyn Fn(&Place) -> Command + Send>;

/// A server of ours on a node package.
pub fn node(script: PathBuf, package: &str) -> Option<Start> {
    let packages = cache().join("servers");
    has(package, &packages.join("node_modules").join(package))?;
    Some(Box::new(move |place| {
        let mut command = Command::new("node");
        command.arg(&script).arg(place.port.to_string()).arg(place.ledger()).env("SERVERS", &packages);
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

/// nginx in front of the server on this port of loopback, with a limit on idle connections.
pub fn nginx(backend: u16, idle: Duration) -> Option<Start> {
    nginx_before(&[backend], idle)
}

/// The same in front of several servers. By default nginx takes a server that has refused a connection for dead until a request to it has ended
/// well, and lets one in a second through: with WebSocket connections, which do not end, clients would come back one by one.
pub fn nginx_before(backends: &[u16], idle: Duration) -> Option<Start> {
    let backend = |port: &u16| format!("server 127.0.0.1:{port} max_fails=0;");
    let backends: String = backends.iter().map(backend).collect();
    let config = include_str!("programs/nginx.conf").replace("@BACKENDS@", &backends);
    debian("/usr/sbin/nginx", &["-e", "stderr", "-c"], config.replace("@IDLE@", &seconds(idle)))
}

/// haproxy in front of one server.
pub fn haproxy(backend: u16, idle: Duration) -> Option<Start> {
    let config = include_str!("programs/haproxy.cfg").replace("@BACKEND@", &backend.to_string());
    debian("/usr/sbin/haproxy", &["-db", "-f"], config.replace("@IDLE@", &seconds(idle)))
}

fn seconds(time: Duration) -> String {
    format!("{}s", time.as_secs())
}

/// A program of Debian's, which is given a file with this configuration behind these arguments. In it `@PORT@` and
/// `@DIRECTORY@` are those of its place.
pub fn debian(path: &'static str, arguments: &'static [&str], config: impl Into<String>) -> Option<Start> {
    has(path, Path::new(path))?;
    let config = config.into();
    Some(Box::new(move |place| {
        let directory = place.directory.display().to_string();
        let filled = config.replace("@PORT@", &place.port.to_string()).replace("@DIRECTORY@", &directory);
        let file = place.directory.join("config");
        std::fs::write(&file, filled).expect("a directory of our own");
        let mut command = Command::new(path);
        command.args(arguments).arg(file);
        command
    }))
}

/// `None`, said aloud, for what is not there; in CI that fails.
pub fn has(what: &str, path: &Path) -> Option<()> {
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
pub fn cache() -> PathBuf {
    let home = |path: &str| PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(path);
    let base = || std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home(".cache"), PathBuf::from);
    std::env::var_os("HEARTLINE_INTEROP_DIR").map_or_else(|| base().join("heartline/interop"), PathBuf::from)
}

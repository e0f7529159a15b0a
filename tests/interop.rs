//! Clients that nobody here wrote, against the example server. `.ci/interop-setup` brings them; what is
//! missing is said, and its test skips.

#[path = "../examples/server/server.rs"]
#[allow(dead_code)]
mod server;

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use self::server::{Options, Server, start};

/// [U2] [U3] [U4] [U6] [U10] [U12]
#[test]
fn node_ws() {
    run("node ws", "node", "ws.mjs", &["node_modules/ws"]);
}

/// [U4] [U12]
#[test]
fn reconnecting_websocket() {
    let packages = ["node_modules/ws", "node_modules/reconnecting-websocket"];
    run("reconnecting-websocket", "node", "reconnecting.mjs", &packages);
}

/// [U2] [U3] [U4] [U6] [U10] [U12]
#[test]
fn python_websockets() {
    run("python websockets", "python3", "client.py", &["python/websockets"]);
}

/// [U4] [U6] [U7] [U12]
#[test]
fn the_page_in_chromium() {
    if !chromium().exists() {
        return skip("the page in Chromium", &format!("no {}", chromium().display()));
    }
    run("the page in Chromium", "node", "page.mjs", &["node_modules/playwright-core"]);
}

fn chromium() -> PathBuf {
    std::env::var_os("CHROMIUM").unwrap_or_else(|| "/usr/bin/chromium".into()).into()
}

/// Not through `println!`, which the test harness keeps to itself.
fn skip(what: &str, why: &str) {
    let line = format!("skipped: {what}: {why} (.ci/interop-setup brings what it can)\n");
    _ = std::io::stderr().write_all(line.as_bytes());
}

fn cache() -> PathBuf {
    let home = || std::env::var_os("HOME").unwrap_or_else(|| OsString::from("."));
    let at_home =
        || std::env::var_os("XDG_CACHE_HOME").map_or_else(|| Path::new(&home()).join(".cache"), PathBuf::from);
    std::env::var_os("HEARTLINE_INTEROP_DIR").map_or_else(|| at_home().join("heartline/interop"), PathBuf::from)
}

/// Ends with the test, whatever comes of it.
struct Script(Child);

impl Drop for Script {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Runs a script against a server and does with the server what the script orders.
fn run(what: &str, program: &str, script: &str, packages: &[&str]) {
    let cache = cache();
    if let Some(missing) = packages.iter().find(|package| !cache.join(package).exists()) {
        return skip(what, &format!("no {missing} in {}", cache.display()));
    }
    if Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        return skip(what, &format!("no {program}"));
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let mut server = Some(runtime.block_on(serve(SocketAddr::from(([127, 0, 0, 1], 0)))));
    let address = server.as_ref().expect("just started").address;
    let child = Command::new(program)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(script))
        .arg(address.to_string())
        .env("HEARTLINE_INTEROP_DIR", &cache)
        .env("PYTHONPATH", cache.join("python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("CHROMIUM", chromium())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = Script(child.expect("it answered --version"));
    let mut stdin = child.0.stdin.take().expect("piped");
    let mut said = Vec::new();
    for line in BufReader::new(child.0.stdout.take().expect("piped")).lines() {
        let line = line.expect("text");
        if let Some(order) = line.strip_prefix("order ") {
            runtime.block_on(obey(order, &mut server, address));
            stdin.write_all(b"done\n").expect("it waits");
        }
        said.push(line);
    }
    let status = child.0.wait().expect("its end");
    assert!(status.success() && said.last().is_some_and(|last| last == "passed"), "{what}: {status}\n{said:#?}");
}

async fn obey(order: &str, server: &mut Option<Server>, address: SocketAddr) {
    match (order, server.as_mut()) {
        ("start", None) => *server = Some(serve(address).await),
        ("pause", Some(server)) => server.pause(),
        ("resume", Some(server)) => server.resume(),
        ("crash", Some(_)) => server.take().expect("running").crash().await,
        ("stop", Some(running)) => {
            running.stop().await;
            running.finished().await;
            *server = None;
        }
        _ => panic!("{order}?"),
    }
}

async fn serve(listen: SocketAddr) -> Server {
    let options = Options { listen, spread: Duration::from_millis(500), ..Options::default() };
    start(options).await.expect("a server")
}

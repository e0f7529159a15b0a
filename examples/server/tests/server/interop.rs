//! Clients that others wrote, against the example server. `.ci/interop-setup` installs them. A client that is missing
//! is skipped, and the summary says so; with the environment variable `CI` it is a failure.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use heartline_example_server::{Options, Server, start};

/// How many clients there are, below.
const CLIENTS: usize = 4;

/// [U2] [U3] [U4] [U6] [U10] [U12]
#[test]
fn node_ws() {
    check("node ws", "node", "ws.mjs", &["node_modules/ws"]);
}

/// [U4] [U12]
#[test]
fn reconnecting_websocket() {
    let packages = ["node_modules/ws", "node_modules/reconnecting-websocket"];
    check("reconnecting-websocket", "node", "reconnecting.mjs", &packages);
}

/// [U2] [U3] [U4] [U6] [U10] [U12]
#[test]
fn python_websockets() {
    check("python websockets", "python3", "client.py", &["python/websockets"]);
}

/// [U4] [U6] [U7] [U12]
#[test]
fn the_page_in_chromium() {
    check("the page in Chromium", "node", "page.mjs", &["node_modules/playwright-core", CHROMIUM]);
}

const CHROMIUM: &str = "/usr/bin/chromium";

/// What is missing here, if anything is. (An absolute path stays one when it is joined.)
fn missing(program: &str, packages: &[&str]) -> Option<String> {
    let lacking = packages.iter().map(|package| cache().join(package)).find(|path| !path.exists());
    let quiet = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    lacking.map(|path| path.display().to_string()).or_else(|| quiet.is_err().then(|| program.to_owned()))
}

fn check(client: &str, program: &str, script: &str, packages: &[&str]) {
    let missing = missing(program, packages);
    let outcome = match &missing {
        Some(what) => Err(format!("no {what}, see .ci/interop-setup")),
        None => run(program, script),
    };
    let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    let line = match &outcome {
        Ok(()) => format!("  {client}: passed\n"),
        Err(why) if missing.is_some() && !in_ci => format!("  {client}: SKIPPED: {why}\n"),
        Err(_) => format!("  {client}: FAILED\n"),
    };
    report(line);
    if let (Err(why), true) = (outcome, missing.is_none() || in_ci) {
        panic!("{client}: {why}");
    }
}

/// The last client to end prints the summary. Not through `println!`, which the test harness keeps to itself.
fn report(line: String) {
    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let mut lines = LINES.lock().expect("no thread panicked");
    lines.push(line);
    if lines.len() == CLIENTS {
        lines.sort();
        _ = std::io::stderr().write_all(format!("clients that others wrote:\n{}", lines.concat()).as_bytes());
    }
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
fn run(program: &str, script: &str) -> Result<(), String> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let mut server = Some(runtime.block_on(serve(SocketAddr::from(([127, 0, 0, 1], 0)))));
    let address = server.as_ref().expect("just started").address;
    let child = Command::new(program)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server/interop").join(script))
        .arg(address.to_string())
        .env("HEARTLINE_INTEROP_DIR", cache())
        .env("PYTHONPATH", cache().join("python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("CHROMIUM", CHROMIUM)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = Script(child.expect("it answered --version"));
    let mut stdin = child.0.stdin.take().expect("piped");
    let mut output = Vec::new();
    for line in BufReader::new(child.0.stdout.take().expect("piped")).lines() {
        let line = line.expect("text");
        if let Some(order) = line.strip_prefix("order ") {
            runtime.block_on(obey(order, &mut server, address));
            stdin.write_all(b"done\n").expect("it waits");
        }
        output.push(line);
    }
    let status = child.0.wait().expect("its end");
    let passed = status.success() && output.last().is_some_and(|last| last == "passed");
    passed.then_some(()).ok_or_else(|| format!("{status}\n{output:#?}"))
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

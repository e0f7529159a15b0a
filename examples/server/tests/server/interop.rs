//! Clients that others wrote, against the program: alone, behind nginx, and behind haproxy. `.ci/interop-setup` installs them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use heartline_driver_testing::install::{self, Start};
use heartline_driver_testing::process::Server;

use crate::client::SECRET;

const CHROMIUM: &str = "/usr/bin/chromium";
/// Longer than anything here is idle.
const IDLE: Duration = Duration::from_secs(60);

/// [U2] [U3] [U4] [U6] [U10] [U12]
#[test]
fn node_ws() {
    check("node", "ws.mjs", &["node_modules/ws"]);
}

/// [U4] [U12]
#[test]
fn reconnecting_websocket() {
    check("node", "reconnecting.mjs", &["node_modules/ws", "node_modules/reconnecting-websocket"]);
}

/// [U2] [U3] [U4] [U6] [U10] [U12]
#[test]
fn python_websockets() {
    check("python3", "client.py", &["python/websockets"]);
}

/// [U4] [U6] [U7] [U12] [U19]
#[test]
fn the_page_in_chromium() {
    check("node", "page.mjs", &["node_modules/playwright-core", CHROMIUM]);
}

/// Clients of other protocols are told so by a status, and give up.
#[test]
fn clients_of_socket_io_and_graphql_are_refused() {
    check("node", "refused.mjs", &["node_modules/ws", "node_modules/socket.io-client", "node_modules/graphql-ws"]);
}

/// How to start a proxy before the server on this port.
type Proxy = fn(u16, Duration) -> Option<Start>;

/// The server, and the proxy before it.
struct Site {
    server: Server,
    proxy: Option<Server>,
}

impl Site {
    /// `None` if the proxy is not installed.
    fn start(proxy: Option<Proxy>) -> Option<Self> {
        let front = Arc::new(OnceLock::new());
        let mut server = Server::prepare(example(front.clone()));
        let proxy = match proxy {
            Some(start) => Some(Server::start(start(server.place.port, IDLE)?)),
            None => None,
        };
        let site_port = proxy.as_ref().map_or(server.place.port, |proxy| proxy.place.port);
        front.set(site_port).expect("once");
        server.start_again();
        server.listens();
        proxy.iter().for_each(Server::listens);
        Some(Self { server, proxy })
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.proxy.as_ref().unwrap_or(&self.server).place.port)
    }

    fn obey(&mut self, order: &str) {
        match order {
            "start" => {
                self.server.start_again();
                self.server.listens();
            }
            "pause" => self.server.stop(),
            "resume" => self.server.go_on(),
            "crash" => self.server.kill(),
            "stop" => self.server.terminate(),
            _ => panic!("{order}?"),
        }
    }
}

/// The program, whose clients come in by this port.
fn example(front: Arc<OnceLock<u16>>) -> Start {
    let secret = std::str::from_utf8(SECRET).expect("text");
    Box::new(move |place| {
        let host = format!("127.0.0.1:{}", front.get().unwrap_or(&place.port));
        let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
        command.arg(format!("127.0.0.1:{}", place.port)).args(["--demo", "--host", &host]);
        command.args(["--proxy", "127.0.0.0/8"]).env("CHAT_SECRET", secret);
        command
    })
}

/// Runs a script in each place, if its packages are installed. (An absolute path stays one when it is joined.)
fn check(program: &str, script: &str, packages: &[&str]) {
    if packages.iter().any(|package| install::has(package, &install::cache().join(package)).is_none()) {
        return;
    }
    let proxies = [None, Some(install::nginx as Proxy), Some(install::haproxy as Proxy)];
    // They wait most of the time.
    std::thread::scope(|scope| {
        for proxy in proxies {
            scope.spawn(move || Site::start(proxy).into_iter().for_each(|site| run(program, script, site)));
        }
    });
}

/// Ends with the test, whatever comes of it.
struct Script(Child);

impl Drop for Script {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Does with the server what the script orders.
fn run(program: &str, script: &str, mut site: Site) {
    let child = Command::new(program)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server/interop").join(script))
        .arg(site.address())
        .env("HEARTLINE_INTEROP_DIR", install::cache())
        .env("PYTHONPATH", install::cache().join("python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("CHROMIUM", CHROMIUM)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = Script(child.unwrap_or_else(|error| panic!("{program}: {error}")));
    let mut stdin = child.0.stdin.take().expect("piped");
    let mut output = Vec::new();
    for line in BufReader::new(child.0.stdout.take().expect("piped")).lines() {
        let line = line.expect("text");
        if let Some(order) = line.strip_prefix("order ") {
            site.obey(order);
            stdin.write_all(b"done\n").expect("it waits");
        }
        output.push(line);
    }
    let status = child.0.wait().expect("its end");
    let passed = status.success() && output.last().is_some_and(|last| last == "passed");
    assert!(passed, "{script} at {}: {status}\n{output:#?}", site.address());
}

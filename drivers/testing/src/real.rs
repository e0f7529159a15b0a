//! Proxies that others wrote: `.ci/interop-setup` installs them. One that is missing is said and left out; with the
//! environment variable `CI` it is a failure.

use std::env;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::PATIENCE;
use crate::server::nobody;

/// A proxy that runs until this is dropped.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    file: Option<PathBuf>,
}

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
        self.file.take().map(fs::remove_file);
    }
}

/// User name and password.
pub type Login<'a> = Option<(&'a str, &'a str)>;

/// tinyproxy: `CONNECT`, by Basic authorization if there is a login.
pub fn tinyproxy(login: Login<'_>) -> Option<Running> {
    start("tinyproxy", |address| {
        let login = login.map(|(user, password)| format!("BasicAuth {user} {password}\n")).unwrap_or_default();
        let path = env::temp_dir().join(format!("heartline-tinyproxy-{}-{}", std::process::id(), address.port()));
        let config = format!("Listen 127.0.0.1\nPort {}\nTimeout 60\nLogLevel Critical\n{login}", address.port());
        fs::write(&path, config).expect("a file");
        let mut command = Command::new("tinyproxy");
        command.arg("-d").arg("-c").arg(&path);
        (command, Some(path))
    })
}

/// microsocks: SOCKS 5, by user name and password if there is a login.
pub fn microsocks(login: Login<'_>) -> Option<Running> {
    start("microsocks", |address| {
        let mut command = Command::new("microsocks");
        command.args(["-i", "127.0.0.1", "-p", &address.port().to_string()]);
        if let Some((user, password)) = login {
            command.args(["-u", user, "-P", password]);
        }
        (command, None)
    })
}

/// Starts a program on a port that was free a moment ago, and on another one if somebody else was faster.
fn start(name: &str, command: impl Fn(SocketAddr) -> (Command, Option<PathBuf>)) -> Option<Running> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let address = nobody();
        let (mut command, file) = command(address);
        let child = match command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(child) => child,
            Err(error) => return missing(name, &error.to_string()),
        };
        let mut running = Running { address, child, file };
        while running.child.try_wait().expect("a child").is_none() && begun.elapsed() < PATIENCE {
            if TcpStream::connect(address).is_ok() {
                return Some(running);
            }
            thread::sleep(Duration::from_millis(5)); // It says nothing when it listens.
        }
    }
    missing(name, "it does not listen")
}

fn missing<T>(name: &str, why: &str) -> Option<T> {
    let in_ci = env::var_os("CI").is_some_and(|value| !value.is_empty());
    assert!(!in_ci, "no {name}, see .ci/interop-setup: {why}");
    println!("SKIPPED: no {name}, see .ci/interop-setup: {why}");
    None
}

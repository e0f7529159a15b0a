//! A server as a process that can be killed, stopped and started again.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::PATIENCE;
use crate::install::Start;

/// Where a server runs: its port, and a directory for what it writes.
pub struct Place {
    /// On loopback.
    pub port: u16,
    /// Empty at first, gone with the handle unless the test panics.
    pub directory: PathBuf,
}

impl Place {
    fn new() -> Self {
        let port = free_port();
        let directory = std::env::temp_dir().join(format!("heartline-server-{port}"));
        _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).expect("a directory of our own");
        Self { port, directory }
    }

    /// Where the server writes down what it has received.
    pub fn ledger(&self) -> PathBuf {
        self.directory.join("ledger")
    }

    /// What the server prints.
    pub fn log(&self) -> PathBuf {
        self.directory.join("log")
    }
}

/// A port of loopback, below those that the system gives to clients: one of those could be dialling this very port while its
/// server is down, and meet itself.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u32::from(std::process::id() as u16) * 16;
    let candidate = || 20_000 + ((first + u32::from(NEXT.fetch_add(1, Ordering::Relaxed))) % 12_000) as u16;
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::repeat_with(candidate).take(12_000).find(free).expect("a free port")
}

/// Ends with its handle.
pub struct Server {
    start: Start,
    process: Option<Child>,
    /// Where it runs.
    pub place: Place,
}

impl Server {
    /// A server that is about to listen.
    pub fn start(start: Start) -> Self {
        let mut server = Self::prepare(start);
        server.start_again();
        server
    }

    /// A server that was not started yet.
    pub fn prepare(start: Start) -> Self {
        Self { start, process: None, place: Place::new() }
    }

    /// Another program, or another configuration, for the next [start](Self::start_again) at this place.
    pub fn replace(&mut self, start: Start) {
        self.start = start;
    }

    /// Starts it where it was.
    pub fn start_again(&mut self) {
        let log = || Stdio::from(OpenOptions::new().create(true).append(true).open(self.place.log()).expect("a log"));
        let mut command = (self.start)(&self.place);
        let process = command.stdin(Stdio::null()).stdout(log()).stderr(log()).spawn();
        self.process = Some(process.unwrap_or_else(|error| panic!("{command:?}: {error}")));
    }

    /// Waits until it accepts connections.
    pub fn listens(&self) {
        self.listens_on(Ipv4Addr::LOCALHOST);
    }

    /// The same of one that does not run on loopback.
    pub fn listens_on(&self, address: Ipv4Addr) {
        let began = Instant::now();
        while TcpStream::connect((address, self.place.port)).is_err() {
            assert!(began.elapsed() < PATIENCE, "it does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.as_ref().expect("running").id()
    }

    /// Its address, with this path.
    pub fn url(&self, path: &str) -> String {
        format!("ws://127.0.0.1:{}{path}", self.place.port)
    }

    /// Its end without a word.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("running");
        process.kill().expect("a child of ours");
        process.wait().expect("its end");
    }

    /// Asks it to end, by `SIGTERM`, and waits until it has.
    pub fn terminate(&mut self) {
        self.end_by(Signal::TERM);
    }

    /// The same by `SIGINT`, as Ctrl-C does. Whether it says that all went well.
    pub fn interrupt(&mut self) -> bool {
        self.end_by(Signal::INT).success()
    }

    fn end_by(&mut self, signal: Signal) -> ExitStatus {
        let mut process = self.process.take().expect("running");
        kill_process(Pid::from_child(&process), signal).expect("a child of ours");
        let asked = Instant::now();
        loop {
            if let Some(status) = process.try_wait().expect("a child of ours") {
                return status;
            }
            assert!(asked.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Returns when the whole process stands still.
    pub fn stop(&self) {
        kill_process(self.pid(), Signal::STOP).expect("a child of ours");
        let (_, status) = waitpid(Some(self.pid()), WaitOptions::UNTRACED).expect("a child").expect("a status");
        assert!(status.stopped(), "{status:?}");
    }

    /// Ends a [stop](Self::stop).
    pub fn go_on(&self) {
        kill_process(self.pid(), Signal::CONT).expect("a child of ours");
    }

    fn pid(&self) -> Pid {
        Pid::from_child(self.process.as_ref().expect("running"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            _ = process.kill();
            _ = process.wait();
        }
        if std::thread::panicking() {
            let log = File::open(self.place.log()).and_then(std::io::read_to_string).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            println!("the server's last words:\n{}", lines[lines.len().saturating_sub(20)..].join("\n"));
        } else {
            _ = std::fs::remove_dir_all(&self.place.directory);
        }
    }
}

//! The server under load: a child process with a place, limits and signals.

use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use crate::usage::is_stopped;

/// So long a server may take to listen.
const START: Duration = Duration::from_secs(20);
const LISTENS: &str = "serving on http://";

/// How to start a server. It prints `serving on http://ADDRESS/` when it listens.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Its arguments; port 0 by default.
    pub arguments: Vec<String>,
    /// Added to this process's environment.
    pub environment: Vec<(String, String)>,
    /// The cores it may run on, as `taskset -c` takes them; none for all.
    pub cores: Option<String>,
    /// How many file descriptors it may open; none for as many as this process.
    pub descriptors: Option<u64>,
}

impl Launch {
    /// This program on a free port of loopback, with room for the crowds of the scenarios.
    pub fn program(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: ["127.0.0.1:0", "--connections", "20000"].map(str::to_owned).into(),
            environment: Vec::new(),
            cores: None,
            descriptors: None,
        }
    }

    /// The example server that Cargo has built with the same profile as this program.
    ///
    /// # Errors
    /// It has not.
    pub fn example() -> io::Result<Self> {
        let own = std::env::current_exe()?;
        let found = own.ancestors().skip(1).take(2).map(|folder| folder.join("server")).find(|path| path.is_file());
        found.map(Self::program).ok_or_else(|| {
            let folder = own.parent().unwrap_or(Path::new("")).display();
            io::Error::other(format!("no server in {folder}: cargo build -p heartline-example-server --bin server"))
        })
    }

    /// `prlimit` and `taskset` become the program that they start, so that the child's id is the server's.
    fn command(&self) -> Command {
        let mut words = Vec::new();
        if let Some(descriptors) = self.descriptors {
            words.extend(["prlimit".into(), format!("--nofile={descriptors}:{descriptors}")]);
        }
        if let Some(cores) = &self.cores {
            words.extend(["taskset".into(), "-c".into(), cores.clone()]);
        }
        words.push(self.program.display().to_string());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(&self.arguments).envs(self.environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    /// Starts it, and waits until it listens.
    ///
    /// # Errors
    /// It cannot be started, ends, or does not listen within 20 s.
    pub fn start(&self) -> io::Result<Server> {
        let mut child = self.command().spawn()?;
        let output = child.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        let (said, lines) = channel();
        // To its end, so that the server never waits for its output to be read, nor fails to write it.
        std::thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).for_each(|line| _ = said.send(line));
        });
        let mut server = Server { child, address: ([127, 0, 0, 1], 0).into(), lines };
        server.address = server.listens()?;
        Ok(server)
    }
}

/// A server that runs, until this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    lines: Receiver<String>,
}

impl Server {
    fn listens(&self) -> io::Result<SocketAddr> {
        let until = std::time::Instant::now() + START;
        loop {
            let left = until.saturating_duration_since(std::time::Instant::now());
            let line = self.lines.recv_timeout(left).map_err(|_| io::Error::other("the server does not listen"))?;
            if let Some((_, address)) = line.split_once(LISTENS) {
                return address.trim().trim_end_matches('/').parse().map_err(io::Error::other);
            }
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// It has ended.
    pub fn signal(&mut self, signal: Signal) -> io::Result<()> {
        // A child that was not waited for keeps its id; one that was has none that may be used.
        match self.child.try_wait()? {
            None => Ok(kill_process(Pid::from_child(&self.child), signal)?),
            Some(status) => Err(io::Error::other(format!("the server has ended: {status}"))),
        }
    }

    /// Stops it for so long (SIGSTOP, SIGCONT). Cut short, it goes on.
    ///
    /// # Errors
    /// It has ended.
    pub async fn suspend(&mut self, length: Duration) -> io::Result<()> {
        let pid = self.pid();
        self.signal(Signal::STOP)?;
        let stopped = Suspended(self);
        while is_stopped(pid) == Some(false) {
            sleep(Duration::from_millis(1)).await;
        }
        sleep(length).await;
        drop(stopped);
        Ok(())
    }

    /// How it ended; `None` if it did not within this time.
    ///
    /// # Errors
    /// Of waiting for the process.
    pub async fn ended(&mut self, within: Duration) -> io::Result<Option<ExitStatus>> {
        let until = Instant::now() + within;
        loop {
            let status = self.child.try_wait()?;
            if status.is_some() || Instant::now() >= until {
                return Ok(status);
            }
            sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

struct Suspended<'a>(&'a mut Server);

impl Drop for Suspended<'_> {
    fn drop(&mut self) {
        _ = self.0.signal(Signal::CONT);
    }
}

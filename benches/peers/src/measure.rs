//! One figure: a fresh peer, a fresh client, each on a processor of its own.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Outcome;
use crate::contenders::{Client, Contender};
use crate::work::{HEARTBEAT, Kind, Work};

/// Seconds after which a client is taken for stuck.
const PATIENCE: &str = "300";

/// What a client has reported.
#[derive(Clone, Copy)]
pub struct Sample {
    /// Nanoseconds of CPU.
    pub cpu: f64,
    /// Bytes in use, beyond those before the first connection.
    pub memory: f64,
}

/// Runs a client to its end, under a tool if `tool` names one.
pub fn run(contender: &Contender, work: Work, tool: &[&str]) -> Outcome<Output> {
    let peer = Peer::start()?;
    let mut command = Command::new("timeout");
    command.arg(PATIENCE).args(tool).args(client(contender, work, peer.port)?);
    let output = on_processor(0, || command.stdin(Stdio::null()).output())?;
    let has_measured = String::from_utf8_lossy(&output.stdout).contains("measured ");
    if output.status.success() && has_measured {
        return Ok(output);
    }
    let (name, stderr) = (contender.name, String::from_utf8_lossy(&output.stderr));
    Err(format!("{name}, {}: {}\n{stderr}", work.name, output.status).into())
}

pub fn sample(contender: &Contender, work: Work) -> Outcome<Sample> {
    let output = run(contender, work, &[])?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let numbers = |label: &str| -> Option<Vec<f64>> {
        let line = stdout.lines().find_map(|line| line.strip_prefix(label))?;
        line.split_whitespace().map(|number| number.parse().ok()).collect()
    };
    let before = numbers("before").map_or(0.0, |before| before[0]);
    match numbers("measured").as_deref() {
        Some([cpu, _wall, memory]) => Ok(Sample { cpu: *cpu, memory: memory - before }),
        _ => Err(format!("{} said: {stdout}", contender.name).into()),
    }
}

/// The command line of a client.
fn client(contender: &Contender, work: Work, port: u16) -> Outcome<Vec<String>> {
    let script = match contender.client {
        Client::Node(script) => script,
        Client::Rust(_) => {
            let program = std::env::current_exe()?.to_string_lossy().into_owned();
            let client = [contender.name, work.name].map(str::to_owned);
            return Ok([vec![program, "client".into()], client.into(), vec![work.count.to_string(), port.to_string()]]
                .concat());
        }
    };
    let folder = node_packages().ok_or("no node packages: run .ci/interop-setup")?;
    let url = format!("ws://127.0.0.1:{port}{}", work.path());
    let span = if work.kind == Kind::Idle { work.span().as_millis() } else { 0 };
    let mut arguments = vec!["node".into(), script.into(), folder.to_string_lossy().into_owned(), url];
    arguments.extend([work.size as u64, work.warm_up(), work.count, work.window()].map(|number| number.to_string()));
    arguments.extend([HEARTBEAT.as_millis(), span].map(|number| number.to_string()));
    Ok(arguments)
}

/// Where `.ci/interop-setup` puts them, if it has.
pub fn node_packages() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = || folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
    let packages = folder("HEARTLINE_INTEROP_DIR").or_else(|| Some(cache()?.join("heartline/interop")))?;
    packages.join("node_modules/ws").is_dir().then_some(packages)
}

/// The other side. Dropping it ends it.
struct Peer {
    process: Child,
    port: u16,
}

impl Peer {
    fn start() -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut process = on_processor(1, || command.arg("peer").stdout(Stdio::piped()).spawn())?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let port = line.trim().parse().map_err(|_| "the peer has not started")?;
        Ok(Self { process, port })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// What this starts stays on the processor of this number, of those there are.
fn on_processor<T>(number: usize, start: impl FnOnce() -> std::io::Result<T>) -> Outcome<T> {
    let all = sched_getaffinity(None)?;
    let usable: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu)).collect();
    let mut one = CpuSet::new();
    one.set(usable[number % usable.len()]);
    sched_setaffinity(None, &one)?;
    let started = start();
    sched_setaffinity(None, &all)?;
    Ok(started?)
}

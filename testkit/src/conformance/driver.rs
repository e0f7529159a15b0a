//! The driver under test, as a process that speaks lines.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command as Process, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};
use std::{fs, thread};

use super::bed::Failure;
use super::protocol::{Ability, Command, Report, VERSION};

/// No line may be longer.
const LONGEST_LINE: u64 = 1 << 20;

/// So many lines wait for the suite before the driver has to: far more than a case leads to.
const MOST_WAITING: usize = 100_000;
/// A driver that reports more than this in one case is not right.
const MOST_REPORTS: usize = 1_000_000;

/// A driver that was started.
pub(super) struct Driver {
    child: Child,
    input: Box<dyn Write>,
    lines: Receiver<String>,
    began: Instant,
    pub(super) name: String,
    pub(super) abilities: BTreeSet<Ability>,
    /// Words of `hello` that this version does not know.
    pub(super) unknown: Vec<String>,
    pub(super) pid: Option<u32>,
    pub(super) reports: Vec<Report>,
    /// Both directions, for a failure.
    transcript: Vec<String>,
}

impl Driver {
    /// Starts the process and waits for its `hello`.
    pub(super) fn start(command: &mut Process, patience: Duration) -> Result<Self, Failure> {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| {
            Failure::new(format!("{} cannot be started: {error}", command.get_program().to_string_lossy()))
        })?;
        let input = Box::new(child.stdin.take().expect("its input is piped"));
        let mut output = BufReader::new(child.stdout.take().expect("its output is piped"));
        let (sender, lines) = sync_channel(MOST_WAITING);
        thread::Builder::new().name("conformance-lines".into()).spawn(move || {
            loop {
                let mut line = String::new();
                match output.by_ref().take(LONGEST_LINE).read_line(&mut line) {
                    Ok(length) if length > 0 && sender.send(line).is_ok() => {}
                    _ => return,
                }
            }
        })?;
        let mut driver = Self {
            child,
            input,
            lines,
            began: Instant::now(),
            name: String::new(),
            abilities: BTreeSet::new(),
            unknown: Vec::new(),
            pid: None,
            reports: Vec::new(),
            transcript: Vec::new(),
        };
        driver.greet(patience)?;
        Ok(driver)
    }

    fn greet(&mut self, patience: Duration) -> Result<(), Failure> {
        let Some(Report::Hello { version, name, abilities }) = self.next(patience)? else {
            return Err(Failure::new("the driver does not begin with `hello`"));
        };
        if version != VERSION {
            return Err(Failure::new(format!("the driver speaks version {version}, the suite {VERSION}")));
        }
        self.name = name;
        for word in abilities {
            match word.parse() {
                Ok(ability) => drop(self.abilities.insert(ability)),
                Err(_) => self.unknown.push(word),
            }
        }
        if self.abilities.contains(&Ability::Process) {
            match self.next(patience)? {
                Some(Report::Process(_)) if self.cpu().is_some() => drop(self.abilities.insert(Ability::CpuTime)),
                Some(Report::Process(_)) => {}
                _ => return Err(Failure::new("the ability `process` wants a line `process PID` after `hello`")),
            }
        }
        Ok(())
    }

    pub(super) fn command(&mut self, command: &Command) -> Result<(), Failure> {
        self.transcript.push(format!("{:>8.3}  -> {command}", self.began.elapsed().as_secs_f64()));
        writeln!(self.input, "{command}")
            .and_then(|()| self.input.flush())
            .map_err(|error| Failure::new(format!("the driver takes no commands any more: {error}")))
    }

    /// The next report, if one comes in time. The process number is taken on the way.
    pub(super) fn next(&mut self, within: Duration) -> Result<Option<Report>, Failure> {
        let line = match self.lines.recv_timeout(within) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => return Ok(None),
            Err(RecvTimeoutError::Disconnected) => return Err(Failure::new("the driver's process has ended")),
        };
        let line = line.trim_end_matches(['\r', '\n']);
        self.transcript.push(format!("{:>8.3} <-  {line}", self.began.elapsed().as_secs_f64()));
        let report: Report = line.parse().map_err(|error| Failure::new(format!("the driver reports {error}")))?;
        if let Report::Process(pid) = report {
            self.pid = Some(pid);
        }
        if self.reports.len() == MOST_REPORTS {
            return Err(Failure::new(format!("the driver reported more than {MOST_REPORTS} lines")));
        }
        self.reports.push(report.clone());
        Ok(Some(report))
    }

    pub(super) fn transcript(&self) -> &[String] {
        &self.transcript
    }

    /// Sends a signal by its name, such as `STOP`.
    pub(super) fn signal(&self, signal: &str) -> Result<(), Failure> {
        let pid = self.pid.ok_or_else(|| Failure::new("the driver reported no process"))?;
        let status = Process::new("kill").args([format!("-{signal}"), pid.to_string()]).status()?;
        if status.success() { Ok(()) } else { Err(Failure::new(format!("kill -{signal} {pid} failed"))) }
    }

    /// Waits until the process is really stopped, as far as the system tells.
    pub(super) fn wait_stopped(&self, patience: Duration) -> Result<(), Failure> {
        let until = Instant::now() + patience;
        while self.stat().is_some_and(|stat| stat.first().is_none_or(|state| state != "T")) {
            if Instant::now() > until {
                return Err(Failure::new("the driver's process does not stop"));
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// The CPU time the process has used, if the system tells (Linux).
    pub(super) fn cpu(&self) -> Option<Duration> {
        let stat = self.stat()?;
        // utime and stime are the 14th and 15th field, in ticks of 10 ms; the state is the third.
        let ticks = |field: usize| stat.get(field - 3)?.parse::<u64>().ok();
        Some(Duration::from_millis(10 * (ticks(14)? + ticks(15)?)))
    }

    /// The fields of `/proc/PID/stat` from the third on.
    fn stat(&self) -> Option<Vec<String>> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid?)).ok()?;
        let (_, fields) = stat.rsplit_once(") ")?;
        Some(fields.split(' ').map(str::to_owned).collect())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        _ = self.signal_continue();
        _ = writeln!(self.input, "{}", Command::Quit).and_then(|()| self.input.flush());
        let until = Instant::now() + Duration::from_millis(500);
        while Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(5));
        }
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Driver {
    /// A stopped process could not even quit.
    fn signal_continue(&self) -> Result<(), Failure> {
        match self.stat().and_then(|stat| stat.first().cloned()) {
            Some(state) if state == "T" => self.signal("CONT"),
            _ => Ok(()),
        }
    }
}

//! A part of a test in a child process, which can be stopped as a whole (SIGSTOP) and continued (SIGCONT).

use std::io::{BufRead, BufReader, Lines};
use std::process::{ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

const MARK: &str = "child says ";
const ROLE: &str = "HEARTLINE_TEST_CHILD";

/// Whether this process is the child.
pub fn is_child() -> bool {
    std::env::var_os(ROLE).is_some()
}

/// In the child: tells the parent a line.
pub fn say(line: impl std::fmt::Display) {
    println!("{MARK}{line}");
}

/// In the parent: the child. Ends with its handle.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Child {
    /// [`run_with`](Self::run_with), in the environment of this process.
    pub fn run(test: &str) -> Self {
        Self::run_with(test, [])
    }

    /// Runs the test of this name, of the same test program, in a child process: there [`is_child`].
    pub fn run_with<const N: usize>(test: &str, environment: [(&str, String); N]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(ROLE, "1").envs(environment);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// The next line that the child says.
    pub fn hear(&mut self) -> String {
        let said = |line: String| line.split_once(MARK).map(|(_, said)| said.to_owned());
        self.lines.by_ref().find_map(|line| said(line.unwrap())).expect("the child ended without a word")
    }

    /// Returns when the whole process stands still.
    pub fn stop(&self) {
        kill_process(self.pid(), Signal::STOP).unwrap();
        let (_, status) = waitpid(Some(self.pid()), WaitOptions::UNTRACED).unwrap().unwrap();
        assert!(status.stopped(), "{status:?}");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        kill_process(self.pid(), Signal::CONT).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

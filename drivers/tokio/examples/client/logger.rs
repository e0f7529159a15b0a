//! The lines that a person reads: what happened, when, and why.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Lines with the time. Between two of them, messages with the same outcome are one line.
#[derive(Clone)]
pub struct Logger(Arc<Mutex<Lines>>);

struct Lines {
    began: Instant,
    runs: Vec<Run>,
}

struct Run {
    outcome: String,
    at: Duration,
    first: String,
    last: String,
    count: u32,
}

impl Logger {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Lines { began: Instant::now(), runs: Vec::new() })))
    }

    pub fn elapsed(&self) -> Duration {
        self.lines().began.elapsed()
    }

    pub fn line(&self, text: &str) {
        let mut lines = self.lines();
        lines.end_runs();
        print(lines.began.elapsed(), text);
    }

    /// The message of this key has this outcome.
    pub fn outcome(&self, key: &str, outcome: String) {
        let mut lines = self.lines();
        if let Some(run) = lines.runs.iter_mut().find(|run| run.outcome == outcome) {
            (run.last, run.count) = (key.into(), run.count + 1);
        } else {
            let at = lines.began.elapsed();
            lines.runs.push(Run { outcome, at, first: key.into(), last: key.into(), count: 1 });
        }
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn end_runs(&mut self) {
        for Run { outcome, at, first, last, count } in self.runs.drain(..) {
            let which = if count == 1 { first } else { format!("{count} messages, {first} to {last}") };
            print(at, &format!("{which}: {outcome}"));
        }
    }
}

fn print(at: Duration, text: &str) {
    println!("{:>8.3} s  {text}", at.as_secs_f64());
}

//! The lines that a person reads: what happened, when, and why.
#![allow(dead_code)] // The tour and the tests each use their part.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use heartline::{MessageId, Outcome};

/// Lines with the time; runs of equal outcomes are one line.
#[derive(Clone)]
pub struct Logger(Option<Arc<Mutex<Lines>>>);

pub struct Lines {
    began: Instant,
    run: Option<Run>,
}

struct Run {
    outcome: Outcome<()>,
    at: Duration,
    first: MessageId,
    last: MessageId,
    count: u32,
}

impl Logger {
    pub fn new() -> Self {
        Self(Some(Arc::new(Mutex::new(Lines { began: Instant::now(), run: None }))))
    }

    /// One that prints nothing.
    pub fn silent() -> Self {
        Self(None)
    }

    pub fn line(&self, text: &str) {
        self.write(|lines| {
            lines.end_run();
            print(lines.began.elapsed(), text);
        });
    }

    pub fn outcome(&self, id: MessageId, outcome: &Outcome<()>) {
        self.write(|lines| match &mut lines.run {
            Some(run) if run.outcome == *outcome => (run.last, run.count) = (id, run.count + 1),
            _ => {
                lines.end_run();
                let (outcome, at) = (outcome.clone(), lines.began.elapsed());
                lines.run = Some(Run { outcome, at, first: id, last: id, count: 1 });
            }
        });
    }

    fn write(&self, write: impl FnOnce(&mut Lines)) {
        if let Some(lines) = &self.0 {
            write(&mut lines.lock().expect("no thread panicked"));
        }
    }
}

impl Lines {
    fn end_run(&mut self) {
        if let Some(Run { outcome, at, first, last, count }) = self.run.take() {
            let which = if count == 1 { first.to_string() } else { format!("{count} messages, {first} to {last}") };
            print(at, &format!("{which}: {outcome}"));
        }
    }
}

fn print(at: Duration, text: &str) {
    println!("{:>8.3} s  {text}", at.as_secs_f64());
}

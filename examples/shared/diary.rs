//! The lines that a person reads: what happened, when, and why.
#![allow(dead_code)] // The tour, the tests and the interactive client each use their part.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant as Clock};

use heartline::{Event, MessageId};

use crate::witness::Fate;

/// Lines with the time; runs of equal outcomes are one line.
#[derive(Clone)]
pub struct Diary(Option<Arc<Mutex<Pages>>>);

pub struct Pages {
    began: Clock,
    run: Option<Run>,
}

struct Run {
    fate: Fate,
    at: Duration,
    first: MessageId,
    last: MessageId,
    count: u32,
}

impl Diary {
    pub fn new() -> Self {
        Self(Some(Arc::new(Mutex::new(Pages { began: Clock::now(), run: None }))))
    }

    /// One that nobody reads.
    pub fn silent() -> Self {
        Self(None)
    }

    pub fn line(&self, text: &str) {
        self.write(|pages| {
            pages.outcomes_so_far();
            print(pages.began.elapsed(), text);
        });
    }

    pub fn outcome(&self, id: MessageId, fate: Fate) {
        self.write(|pages| pages.outcome(id, fate));
    }

    fn write(&self, write: impl FnOnce(&mut Pages)) {
        if let Some(pages) = &self.0 {
            write(&mut pages.lock().expect("no thread panicked"));
        }
    }
}

impl Pages {
    fn outcome(&mut self, id: MessageId, fate: Fate) {
        match &mut self.run {
            Some(run) if run.fate == fate => (run.last, run.count) = (id, run.count + 1),
            _ => {
                self.outcomes_so_far();
                self.run = Some(Run { fate, at: self.began.elapsed(), first: id, last: id, count: 1 });
            }
        }
    }

    fn outcomes_so_far(&mut self) {
        if let Some(Run { fate, at, first, last, count }) = self.run.take() {
            let which = if count == 1 { first.to_string() } else { format!("{count} messages, {first} to {last}") };
            print(at, &format!("outcome of {which}: {fate:?}"));
        }
    }
}

fn print(at: Duration, text: &str) {
    println!("{:>8.3} s  {text}", at.as_secs_f64());
}

pub fn describe(event: Event) -> String {
    match event {
        Event::StateChanged { from, to, cause } => format!("{from} → {to}: {cause}"),
        Event::Degraded => "degraded: a ping is slow to be answered".into(),
        Event::Recovered => "recovered".into(),
        Event::Slept { late_ms } => format!("slept: the timer came {late_ms} ms late"),
    }
}

//! The application on top of a client: it sends what is to be sent, checks every message that comes, and reads the
//! clocks. The same for every client.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tungstenite::Bytes;

use crate::work::{Work, is_message, message};

/// The side of a connection that answers.
pub trait Answers {
    /// A message has arrived; what is returned is sent.
    fn take(&mut self, payload: &[u8]) -> Option<Bytes>;
    /// There is nothing more to do on this connection.
    fn is_done(&self) -> bool;
}

/// The load of one connection.
pub struct Load {
    work: Work,
    sent: u64,
    received: u64,
    meter: Option<Meter>,
    opened: Arc<AtomicU64>,
}

impl Load {
    pub fn new(work: Work, opened: Arc<AtomicU64>) -> Self {
        Self { work, sent: 0, received: 0, meter: None, opened }
    }

    /// What is sent when the connection is open.
    pub fn opening(&mut self) -> Vec<Bytes> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        (0..self.work.window()).map(|_| self.next()).collect()
    }

    fn next(&mut self) -> Bytes {
        self.sent += 1;
        Bytes::from(message(self.sent - 1, self.work.size))
    }
}

impl Answers for Load {
    fn take(&mut self, payload: &[u8]) -> Option<Bytes> {
        assert!(is_message(payload, self.received, self.work.size), "message {} is not that", self.received);
        self.received += 1;
        if self.received == self.work.warm_up() {
            self.meter = Some(Meter::start());
        }
        if self.received == self.work.total() {
            self.meter.take().expect("it was started").report();
        }
        (self.work.window() > 0 && self.sent < self.work.total()).then(|| self.next())
    }

    fn is_done(&self) -> bool {
        self.received >= self.work.total()
    }
}

/// The CPU time of all threads of this process, in user and system mode, and the memory it has in use.
pub struct Meter {
    cpu: Duration,
    wall: Instant,
}

impl Meter {
    pub fn start() -> Self {
        mark();
        Self { wall: Instant::now(), cpu: cpu() }
    }

    /// A line for the one who measures: nanoseconds of CPU, nanoseconds gone by, bytes in use.
    pub fn report(self) {
        let (cpu, wall) = (cpu() - self.cpu, self.wall.elapsed());
        mark();
        println!("measured {} {} {}", cpu.as_nanos(), wall.as_nanos(), memory());
    }
}

/// A system call that nobody else makes: between two of them a trace is counted.
fn mark() {
    _ = rustix::process::getppid();
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

pub fn memory() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * rustix::param::page_size() as u64
}

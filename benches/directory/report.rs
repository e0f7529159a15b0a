//! Times, and what they are compared with.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use heartline::ConnId;
use heartline::directory::User;

/// A name of 13 bytes, in no order.
pub fn user(nth: u32) -> User {
    User::from(format!("user-{:08x}", nth.wrapping_mul(0x9e37_79b9)))
}

pub fn conn(nth: u32) -> ConnId {
    ConnId::from_raw(u64::from(nth) + 1).expect("above 0")
}

/// The name of a node, of 5 bytes.
pub fn node(nth: usize) -> String {
    format!("n-{nth:03}")
}

/// An insertion into a `BTreeMap` of so many users, the least that a directory does for a login: what times are compared with. The
/// least of three rounds.
pub fn insertion(users: u32) -> Duration {
    let round = || {
        let all: Vec<User> = (0..users).map(user).collect();
        let mut map = BTreeMap::new();
        let watch = Watch::start();
        for user in all {
            map.insert(user, 0_u64);
        }
        let took = watch.elapsed();
        black_box(map);
        took / users
    };
    [round(), round(), round()].into_iter().min().unwrap_or_default()
}

pub fn ratio(time: Duration, to: Duration) -> f64 {
    time.as_secs_f64() / to.as_secs_f64().max(1e-12)
}

pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Measures one step, and of a long one only the time for which this thread was on a processor: others use the machine too.
pub struct Watch {
    began: Instant,
    processor: Duration,
}

/// Longer than nearly all steps, shorter than the time for which another process has the processor.
const LONG: Duration = Duration::from_micros(100);

impl Watch {
    pub fn start() -> Self {
        // First, as it takes longer.
        let processor = on_processor();
        Self { began: Instant::now(), processor }
    }

    pub fn elapsed(&self) -> Duration {
        let elapsed = self.began.elapsed();
        if elapsed < LONG { elapsed } else { elapsed.min(on_processor() - self.processor) }
    }
}

#[cfg(unix)]
fn on_processor() -> Duration {
    use rustix::time::{ClockId, clock_gettime};

    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(not(unix))]
fn on_processor() -> Duration {
    static ORIGIN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    ORIGIN.elapsed()
}

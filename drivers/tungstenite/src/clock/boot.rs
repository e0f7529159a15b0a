//! The system's clock that counts suspend, and the one thread that watches it. Needs no runtime.

use std::io;
use std::sync::{Mutex, PoisonError};

use heartline::Timestamp;

use super::tick::Tick;
use super::{Source, Watcher};

/// The time now, on the clock of which the table in the module's documentation speaks.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn now() -> Timestamp {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Timestamp::from_nanos(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

#[cfg(any(target_os = "macos", target_os = "ios"))]
pub(super) fn now() -> Timestamp {
    use nix::time::{ClockId, clock_gettime};
    // There since macOS 10.12 and iOS 10, the oldest that Rust supports: it cannot fail.
    let time = clock_gettime(ClockId::from_raw(nix::libc::CLOCK_MONOTONIC_RAW));
    Timestamp::after(time.map(Into::into).unwrap_or_default())
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "ios")))]
pub(super) fn now() -> Timestamp {
    static ORIGIN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    Timestamp::after(ORIGIN.get_or_init(std::time::Instant::now).elapsed())
}

/// What runs until the boot clock reaches a moment, and then calls [`Watcher::check`]. Dropping it ends it.
pub(super) trait Alarm: Send {
    /// Replaces the moment.
    fn set(&self, at: Timestamp) -> io::Result<()>;
}

/// The boot clock with its alarm, which exists only while somebody waits.
#[derive(Default)]
pub(super) struct Boot(Mutex<Option<Box<dyn Alarm>>>);

impl Source for Boot {
    fn now(&self) -> Timestamp {
        now()
    }

    fn set_alarm(&self, at: Option<Timestamp>, watcher: &Watcher) -> io::Result<()> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = at else {
            *slot = None;
            return Ok(());
        };
        match &*slot {
            Some(alarm) => alarm.set(at),
            None => {
                let alarm = start(at, watcher)?;
                *slot = Some(alarm);
                Ok(())
            }
        }
    }
}

/// A timerfd where the system has one to give, else a look at the clock now and then.
fn start(at: Timestamp, watcher: &Watcher) -> io::Result<Box<dyn Alarm>> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Ok(timer) = super::timerfd::Timerfd::start(at, watcher) {
        return Ok(Box::new(timer));
    }
    Ok(Box::new(Tick::start(at, watcher)?))
}

/// The thread of an alarm.
pub(super) fn spawn(run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name("heartline-clock".into()).spawn(run).map(drop)
}

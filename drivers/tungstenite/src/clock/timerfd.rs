//! A kernel timer on the boot clock, and the thread that waits for it. When it expires during suspend, the thread runs
//! as soon as the computer does.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use heartline::Timestamp;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};

use super::Watcher;
use super::boot::{Alarm, spawn};

pub(super) struct Timerfd(Arc<Shared>);

struct Shared {
    timer: OwnedFd,
    ended: AtomicBool,
}

impl Timerfd {
    /// Fails where a sandbox forbids it, or descriptors or threads have run out.
    pub(super) fn start(at: Timestamp, watcher: &Watcher) -> io::Result<Self> {
        let timer = rustix::time::timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC)?;
        let shared = Arc::new(Shared { timer, ended: AtomicBool::new(false) });
        let (of_thread, watcher) = (Arc::clone(&shared), watcher.clone());
        shared.set(at)?;
        spawn(move || of_thread.run(&watcher))?;
        Ok(Self(shared))
    }
}

impl Alarm for Timerfd {
    fn set(&self, at: Timestamp) -> io::Result<()> {
        self.0.set(at)
    }
}

impl Drop for Timerfd {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::SeqCst);
        // The thread gets up, finds that it has ended, and closes the timer.
        let _ = self.0.set(Timestamp::ORIGIN);
    }
}

impl Shared {
    fn set(&self, at: Timestamp) -> io::Result<()> {
        // Zero would disarm the timer. A moment that has passed expires at once.
        let nanos = at.as_nanos().max(1);
        let it_value = Timespec { tv_sec: (nanos / 1_000_000_000) as _, tv_nsec: (nanos % 1_000_000_000) as _ };
        let once = Itimerspec { it_interval: Timespec::default(), it_value };
        rustix::time::timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &once)?;
        Ok(())
    }

    fn run(&self, watcher: &Watcher) {
        loop {
            let mut expirations = [0; 8];
            match rustix::io::read(&self.timer, &mut expirations) {
                Err(rustix::io::Errno::INTR) => continue,
                // Cannot happen to a timer that blocks; if it does, do not run in circles.
                Err(_) => return,
                Ok(_) if self.ended.load(Ordering::SeqCst) => return,
                Ok(_) => watcher.check(),
            }
        }
    }
}

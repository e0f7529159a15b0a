//! A look at the clock now and then, for systems whose waits stand still during suspend.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use heartline::Timestamp;

use super::Watcher;
use super::boot::{self, Alarm, spawn};

/// A wake-up from suspend is noticed this much later at most.
const TICK: Duration = Duration::from_secs(5);

pub(super) struct Tick(Arc<Shared>);

struct Shared {
    now: fn() -> Timestamp,
    tick: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    at: Option<Timestamp>,
    ended: bool,
}

impl Tick {
    /// Fails where threads have run out.
    pub(super) fn start(at: Timestamp, watcher: &Watcher) -> io::Result<Self> {
        let watcher = watcher.clone();
        Self::start_on(boot::now, TICK, at, move || watcher.check())
    }

    fn start_on(
        now: fn() -> Timestamp,
        tick: Duration,
        at: Timestamp,
        check: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let state = Mutex::new(State { at: Some(at), ended: false });
        let shared = Arc::new(Shared { now, tick, state, changed: Condvar::new() });
        let of_thread = Arc::clone(&shared);
        spawn(move || {
            while of_thread.wait() {
                check();
            }
        })?;
        Ok(Self(shared))
    }
}

impl Alarm for Tick {
    fn set(&self, at: Timestamp) -> io::Result<()> {
        self.0.state().at = Some(at);
        self.0.changed.notify_one();
        Ok(())
    }
}

impl Drop for Tick {
    fn drop(&mut self) {
        self.0.state().ended = true;
        self.0.changed.notify_one();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until the clock has reached the moment: true, and the moment is used up. False at the end.
    fn wait(&self) -> bool {
        let mut state = self.state();
        while !state.ended {
            let Some(at) = state.at else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = at.saturating_since((self.now)());
            if left.is_zero() {
                state.at = None;
                return true;
            }
            let woken = self.changed.wait_timeout(state, left.min(self.tick));
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::sync::mpsc;

    use super::*;

    const HOUR: Timestamp = Timestamp::after(Duration::from_secs(3600));
    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_clock_that_jumps_over_the_moment_is_noticed_at_the_next_look() {
        static NOW: AtomicU64 = AtomicU64::new(0);
        static LOOKED: AtomicBool = AtomicBool::new(false);
        let (send, checked) = mpsc::channel();
        let now = || {
            LOOKED.store(true, Ordering::SeqCst);
            Timestamp::from_nanos(NOW.load(Ordering::SeqCst))
        };
        let tick = Tick::start_on(now, Duration::from_millis(1), HOUR, move || send.send(()).unwrap());
        while !LOOKED.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        assert_eq!(checked.try_recv(), Err(mpsc::TryRecvError::Empty));
        NOW.store(HOUR.as_nanos(), Ordering::SeqCst);
        assert_eq!(checked.recv_timeout(LONG), Ok(()));
        drop(tick);
        assert_eq!(checked.recv_timeout(LONG), Err(mpsc::RecvTimeoutError::Disconnected), "the thread has ended");
    }

    #[test]
    fn an_earlier_moment_is_not_waited_for_until_the_next_look() {
        let (send, checked) = mpsc::channel();
        let tick = Tick::start_on(|| HOUR, 50 * LONG, Timestamp::MAX, move || send.send(()).unwrap()).unwrap();
        tick.set(HOUR).unwrap();
        assert_eq!(checked.recv_timeout(LONG), Ok(()));
    }
}

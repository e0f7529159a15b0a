//! What other threads see of a client, and wait for.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use heartline_tungstenite::client::{End, Status};

/// The status, and the threads that wait.
#[derive(Default)]
pub(crate) struct Board {
    status: Mutex<Status>,
    threads: Arc<Threads>,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, Status> {
        // Nothing under the lock can panic half-way through a change.
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn status(&self) -> Status {
        self.lock().clone()
    }

    pub(crate) fn show(&self, status: Status) {
        let ended = status.end.is_some();
        let old = std::mem::replace(&mut *self.lock(), status);
        drop(old); // outside of the lock
        if ended {
            self.threads.notify();
        }
    }

    pub(crate) fn end(&self) -> Option<Arc<End>> {
        self.lock().end.clone()
    }

    /// Waits for the end of the client, for no longer than this.
    pub(crate) fn closed(&self, timeout: Option<Duration>) -> Option<Arc<End>> {
        self.wait(timeout, |_| self.end().map_or(Poll::Pending, Poll::Ready))
    }

    /// Polls this thread's future until it is ready, for no longer than this. Whatever wakes one thread lets all look
    /// again, so that two of them may wait for the same.
    pub(crate) fn wait<T>(
        &self,
        timeout: Option<Duration>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Option<T> {
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let waker = Waker::from(self.threads.clone());
        loop {
            let woken = *self.threads.lock();
            if let Poll::Ready(found) = poll(&mut Context::from_waker(&waker)) {
                return Some(found);
            }
            if !self.threads.wait(woken, until) {
                return None;
            }
        }
    }
}

/// Wakes every thread that waits.
#[derive(Default)]
struct Threads {
    /// How often.
    woken: Mutex<u64>,
    changed: Condvar,
}

impl Threads {
    fn lock(&self) -> MutexGuard<'_, u64> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn notify(&self) {
        *self.lock() += 1;
        self.changed.notify_all();
    }

    /// Waits for a call of [`notify`](Self::notify) after that many, until then. False if there was none.
    fn wait(&self, woken: u64, until: Option<Instant>) -> bool {
        let mut now = self.lock();
        while *now == woken {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            now = match left {
                Some(Duration::ZERO) => return false,
                Some(left) => self.changed.wait_timeout(now, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.changed.wait(now).unwrap_or_else(PoisonError::into_inner),
            };
        }
        true
    }
}

impl Wake for Threads {
    fn wake(self: Arc<Self>) {
        self.notify();
    }
}

//! A log that others can read, and wait for.

use std::fmt::Debug;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// How long anything real is waited for before the test counts as failed.
pub const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub struct Log<T>(Arc<(Mutex<Vec<T>>, Condvar)>);

impl<T> Clone for Log<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self(Arc::new((Mutex::new(Vec::new()), Condvar::new())))
    }
}

impl<T: Clone + Debug> Log<T> {
    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.0.lock().expect("nobody panics while holding the log")
    }

    pub fn push(&self, entry: T) {
        self.lock().push(entry);
        self.0.1.notify_all();
    }

    /// Adds an entry behind the first so many.
    pub fn insert(&self, at: usize, entry: T) {
        self.lock().insert(at, entry);
        self.0.1.notify_all();
    }

    pub fn all(&self) -> Vec<T> {
        self.lock().clone()
    }

    /// Waits until the log is as it should be.
    pub fn wait(&self, what: &str, mut reached: impl FnMut(&[T]) -> bool) -> Vec<T> {
        let waited = self.0.1.wait_timeout_while(self.lock(), PATIENCE, |log| !reached(log));
        let (log, timeout) = waited.expect("nobody panics while holding the log");
        let log = log.clone();
        assert!(!timeout.timed_out(), "waited in vain for {what}:\n{log:#?}");
        log
    }
}

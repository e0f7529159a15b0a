//! A timer on a [`Clock`]: tokio's timer for every day, the watcher for the morning after.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use heartline::Timestamp;
use heartline_tungstenite::clock::Sleeper;
use tokio::time::Instant;

use super::Clock;

/// The longest that tokio's timer is asked to wait at once; it refuses moments too far away.
const FAR: Duration = Duration::from_secs(24 * 60 * 60);

/// Waits until a [`Clock`] reaches a moment that may be moved at any time.
///
/// Moving it later, as a busy connection does with every message, costs neither a system call nor a lock: what was set
/// for the earlier moment stays, comes too early once, and is set anew then.
///
/// Dropping it ends the wait; nothing else happens.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::{future::poll_fn, time::Duration};
///
/// use heartline_tokio::clock::{Clock, Sleep};
///
/// let clock = Clock::tokio(); // in an application: Clock::boot()
/// let due = clock.now().saturating_add(Duration::from_secs(20));
/// let mut sleep = Sleep::new(&clock);
/// sleep.reset(Some(due));
/// poll_fn(|cx| sleep.poll(cx)).await;
/// assert!(clock.now() >= due);
/// # }
/// ```
pub struct Sleep {
    clock: Clock,
    at: Option<Timestamp>,
    /// From the first moment set on.
    sleeper: Option<Sleeper>,
    /// From the first poll that waits on.
    timer: Option<Pin<Box<tokio::time::Sleep>>>,
    /// The moment for which `timer` is set, if it still counts.
    armed: Option<Timestamp>,
}

impl Sleep {
    /// Without a moment yet: it waits for none. May be called outside a runtime.
    pub fn new(clock: &Clock) -> Self {
        Self { clock: clock.clone(), at: None, sleeper: None, timer: None, armed: None }
    }

    /// Waits for `at` from now on instead; `None` and [`Timestamp::MAX`] are never.
    ///
    /// Poll it afterwards: the task that polled it before is woken for an earlier moment only after another poll. May
    /// be called outside a runtime.
    pub fn reset(&mut self, at: Option<Timestamp>) {
        let at = at.filter(|at| *at != Timestamp::MAX);
        if at == self.at {
            return;
        }
        self.at = at;
        if at.is_some() && self.sleeper.is_none() {
            self.sleeper = Some(Sleeper::new(&self.clock.0));
        }
        if let Some(sleeper) = &self.sleeper {
            sleeper.set(at);
        }
    }

    /// Ready once the clock has reached the moment, and at every poll after that until [`reset`](Self::reset). Never
    /// ready without a moment, and then nobody is woken.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, or in one without timers, as tokio's own timers do.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (Some(at), Some(sleeper)) = (self.at, &self.sleeper) else { return Poll::Pending };
        sleeper.register(cx.waker());
        loop {
            let now = self.clock.now();
            if now >= at {
                // After a suspend tokio's timer is late: whatever comes next sets it anew.
                self.armed = None;
                return Poll::Ready(());
            }
            ready!(self.timer(at, now).poll(cx));
            self.armed = None;
        }
    }

    /// Tokio's timer, set for `at` or earlier.
    fn timer(&mut self, at: Timestamp, now: Timestamp) -> Pin<&mut tokio::time::Sleep> {
        let wait = at.saturating_since(now).min(FAR);
        let stale = self.armed.is_none_or(|armed| armed > at);
        if stale {
            self.armed = Some(now.saturating_add(wait));
        }
        let timer = match &mut self.timer {
            Some(timer) => {
                if stale {
                    timer.as_mut().reset(Instant::now() + wait);
                }
                timer
            }
            none => none.insert(Box::pin(tokio::time::sleep(wait))),
        };
        timer.as_mut()
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("at", &self.at).finish_non_exhaustive()
    }
}

//! Time that goes on while the computer is suspended, and a timer that notices the wake-up by itself.
//!
//! [`std::time::Instant`] and most timers stand still during suspend on Linux, Android, macOS and iOS: after a night's
//! sleep a deadline of 20 s still has its 20 s to wait. A [`Clock`] counts the night, and a [`Sleeper`] whose deadline passed in
//! it is woken as soon as the computer runs again. Both drivers take theirs from here, so a process with both has one watcher.
//!
//! # What each system gives
//!
//! | system | [`Clock::boot`] reads | suspend counts | the wake-up is noticed by | compiled and tested |
//! |---|---|---|---|---|
//! | Linux | `CLOCK_BOOTTIME` | yes | a timerfd on that clock, at once | yes |
//! | Android | `CLOCK_BOOTTIME` | yes | a timerfd on that clock, at once | no |
//! | macOS, iOS | `CLOCK_MONOTONIC_RAW`, which is `mach_continuous_time` | yes | a look at the clock every 5 s | no |
//! | Windows | `Instant`, which is `QueryPerformanceCounter` | yes | a look at the clock every 5 s | no |
//! | OpenBSD | `Instant`, which is `CLOCK_MONOTONIC` | yes | a look at the clock every 5 s | no |
//! | others | `Instant` | as `Instant` does; no on FreeBSD | a look at the clock every 5 s | no |
//!
//! "No" in the last column: nobody has compiled or run this crate there yet; the rows follow the documents below.
//!
//! - Linux: [clock_gettime(2)], [timerfd_create(2)] (the clock for timers since Linux 3.15).
//! - macOS: [clock_gettime(3)] says which clocks go on during sleep. Its `CLOCK_MONOTONIC` goes on too, but can step
//!   back ([erlang/otp#5825]), so it is not used. The `Instant` of the standard library stands still.
//! - Windows: `QueryPerformanceCounter` [counts standby and hibernation][qpc]; waits with a timeout [do not][mio].
//! - FreeBSD, OpenBSD: [the commit that compares them][freebsd].
//!
//! [clock_gettime(2)]: https://man7.org/linux/man-pages/man2/clock_gettime.2.html
//! [timerfd_create(2)]: https://man7.org/linux/man-pages/man2/timerfd_create.2.html
//! [clock_gettime(3)]: https://keith.github.io/xcode-man-pages/clock_gettime.3.html
//! [erlang/otp#5825]: https://github.com/erlang/otp/pull/5825
//! [qpc]: https://learn.microsoft.com/windows/win32/sysinfo/acquiring-high-resolution-time-stamps
//! [mio]: https://github.com/tokio-rs/mio/issues/2006
//! [freebsd]: https://reviews.freebsd.org/rG108de784513d87bbe850e7b003a73e26b5b54caa
//!
//! # What it costs
//!
//! One thread and one file descriptor for the whole process, however many clients it has: they begin with the first
//! deadline and end when the last [`Sleeper`] is dropped. Where it has a timerfd, the thread runs only when
//! the timer expires: 250 ms after the earliest deadline that was not moved in the meantime, so at most four times a
//! second. With no deadline set it does not run at all.
//!
//! Without a timerfd (another system, no free descriptor, a sandbox that forbids the call) the thread looks at the
//! clock every 5 s, but only while a deadline is set. Without a thread nothing watches: a deadline that passes during
//! suspend is noticed when the driver's own timer expires. Neither is an error and neither panics; the next new
//! [`Sleeper`] tries again.

mod boot;
mod tick;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod timerfd;
mod watcher;

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use heartline::Timestamp;

pub use watcher::{Sleeper, Watcher};

use watcher::Sleepers;

/// The clock that a client reads. Clones read the same clock.
///
/// The default is [`Clock::boot`].
#[derive(Clone)]
pub struct Clock(Arc<Sleepers>);

impl Clock {
    /// The system's clock that counts suspend, where it has one: see the table of [this module](self).
    ///
    /// Every call gives the same clock, so that timestamps of all clients of a process can be compared. On Linux and
    /// Android its origin is the system's start.
    pub fn boot() -> Self {
        static BOOT: OnceLock<Clock> = OnceLock::new();
        BOOT.get_or_init(|| Self::custom(boot::Boot::default())).clone()
    }

    /// A clock of your own, for instance one that a test moves.
    pub fn custom(source: impl Source) -> Self {
        Self(Sleepers::new(Box::new(source)))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.0.now()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::boot()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// What a [`Clock`] reads, and what tells it that time was skipped.
///
/// A driver waits by a timer of its own, for the time that [`now`](Self::now) says is left, and looks again when that
/// timer expires. So a source has to call [`Watcher::check`] only when its time moves on without that timer's. A source
/// that stands still for good while tokio's time is paused makes such a runtime run through its virtual time without
/// end: move both.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use std::{io, time::Duration};
///
/// use heartline::Timestamp;
/// use heartline_tungstenite::clock::{Clock, Source, Watcher};
///
/// /// Real time, plus what a test says was slept.
/// #[derive(Clone, Default)]
/// struct Suspended(Arc<Mutex<(Duration, Option<Watcher>)>>);
///
/// impl Suspended {
///     fn suspend(&self, by: Duration) {
///         let watcher = {
///             let mut state = self.0.lock().unwrap();
///             state.0 += by;
///             state.1.clone()
///         };
///         if let Some(watcher) = watcher {
///             watcher.check();
///         }
///     }
/// }
///
/// impl Source for Suspended {
///     fn now(&self) -> Timestamp {
///         Clock::boot().now().saturating_add(self.0.lock().unwrap().0)
///     }
///     fn set_alarm(&self, at: Option<Timestamp>, watcher: &Watcher) -> io::Result<()> {
///         self.0.lock().unwrap().1 = at.map(|_| watcher.clone());
///         Ok(())
///     }
/// }
///
/// let time = Suspended::default();
/// let clock = Clock::custom(time.clone());
/// let before = clock.now();
/// time.suspend(Duration::from_secs(3600));
/// assert!(clock.now() >= before.saturating_add(Duration::from_secs(3600)));
/// ```
pub trait Source: Send + Sync + 'static {
    /// The time now. It never goes back. It is read whenever a driver does something, and must not block.
    fn now(&self) -> Timestamp;

    /// Asks for one call of [`Watcher::check`], from any thread, as soon as [`now`](Self::now) has reached `at`; it
    /// replaces what was asked for before. `None`: nothing waits any more.
    ///
    /// `at` is up to 250 ms later than the deadline it stands for, so that in normal operation the driver's own timer
    /// comes first. A check too early, or one too many, does no harm. Do not call `check` inside this function, nor while
    /// holding a lock that this function or `now` takes: it would wait for itself.
    ///
    /// The default does nothing: right for a clock that the driver's own timer keeps up with.
    ///
    /// # Errors
    ///
    /// There is no alarm. Drivers wait by their own timers alone, and nothing is asked again until the next new
    /// [`Sleeper`] gets a deadline.
    fn set_alarm(&self, at: Option<Timestamp>, watcher: &Watcher) -> io::Result<()> {
        let _ = (at, watcher);
        Ok(())
    }
}

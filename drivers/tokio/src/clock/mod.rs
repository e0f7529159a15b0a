//! Time that goes on while the computer is suspended, and a timer that notices the wake-up by itself.
//!
//! tokio's timers stand still during suspend on Linux, Android, macOS and iOS: after a night's sleep a deadline of 20 s
//! still has its 20 s to wait. A [`Clock`] counts the night, and a [`Sleep`] whose deadline passed in it ends as soon as
//! the computer runs again. What each system gives, how the wake-up is noticed and what that costs is said in
//! [`heartline_tungstenite::clock`].
//!
//! Without a thread to watch, a deadline that passes during suspend is noticed when tokio's own timer expires or something
//! else polls the [`Sleep`].

mod sleep;

use std::fmt;

use heartline::Timestamp;
use heartline_tungstenite::clock::Clock as SharedClock;
pub use heartline_tungstenite::clock::{Source, Watcher};

pub use sleep::Sleep;

/// The clock that a client reads: that of [`heartline_tungstenite::clock`], or that of tokio's timers. Clones read the same
/// clock.
///
/// The default is [`Clock::boot`].
#[derive(Clone, Default)]
pub struct Clock(SharedClock);

impl Clock {
    /// The system's clock that counts suspend, where it has one.
    ///
    /// Every call gives the same clock, so that timestamps of all clients of a process can be compared. On Linux and
    /// Android its origin is the system's start.
    pub fn boot() -> Self {
        Self(SharedClock::boot())
    }

    /// The clock of tokio's timers, which `tokio::time::pause` and `tokio::time::advance` control: for tests.
    ///
    /// Its origin is the moment of this call: call it inside the paused runtime. It does not count suspend, and
    /// nothing watches for a wake-up.
    pub fn tokio() -> Self {
        Self::custom(Tokio(tokio::time::Instant::now()))
    }

    /// A clock of your own, for instance one that a test moves. Where tokio's time is paused, its source moves with
    /// it, or the runtime runs through its virtual time without end.
    pub fn custom(source: impl Source) -> Self {
        Self(SharedClock::custom(source))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.0.now()
    }
}

impl From<SharedClock> for Clock {
    fn from(clock: SharedClock) -> Self {
        Self(clock)
    }
}

impl From<Clock> for SharedClock {
    fn from(clock: Clock) -> Self {
        clock.0
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Tokio's time since this origin.
struct Tokio(tokio::time::Instant);

impl Source for Tokio {
    fn now(&self) -> Timestamp {
        Timestamp::after(self.0.elapsed())
    }
}

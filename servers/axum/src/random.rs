//! Numbers that nobody has to guess, and that need not be secret.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

/// From the operating system's randomness, another one each time.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(())
}

/// A time from zero to this.
pub(crate) fn draw(most: Duration) -> Duration {
    most.mul_f64(random() as f64 / u64::MAX as f64)
}

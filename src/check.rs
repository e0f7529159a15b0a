//! Whether a setting lies in its range.

use alloc::string::String;
use core::fmt;
use core::time::Duration;

pub(crate) const MILLISECOND: Duration = Duration::from_millis(1);
pub(crate) const NANOSECOND: Duration = Duration::from_nanos(1);
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(crate) const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A setting outside its range.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{field} is {value}; allowed is {allowed}")]
pub struct ConfigError {
    /// Which setting, as a path from the settings.
    pub field: &'static str,
    /// What it was set to.
    pub value: String,
    /// What it may be set to.
    pub allowed: String,
}

/// Both ends are allowed.
pub(crate) fn within<T: PartialOrd + fmt::Debug>(
    field: &'static str,
    value: T,
    low: T,
    high: T,
) -> Result<(), ConfigError> {
    if low <= value && value <= high {
        return Ok(());
    }
    let allowed = alloc::format!("{low:?} to {high:?}");
    Err(ConfigError { field, value: alloc::format!("{value:?}"), allowed })
}

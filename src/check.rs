//! Whether a setting lies in its range.

use alloc::string::String;
use core::fmt;
use core::ops::RangeInclusive;
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

impl ConfigError {
    /// For settings of a crate on top of this one: whether one lies in its range, both ends included.
    ///
    /// # Errors
    /// With the field, its value and the range, if it does not.
    pub fn within<T: PartialOrd + fmt::Debug>(
        field: &'static str,
        value: T,
        allowed: RangeInclusive<T>,
    ) -> Result<(), Self> {
        if allowed.contains(&value) {
            return Ok(());
        }
        let allowed = alloc::format!("{:?} to {:?}", allowed.start(), allowed.end());
        Err(Self { field, value: alloc::format!("{value:?}"), allowed })
    }
}

/// Both ends are allowed.
pub(crate) fn within<T: PartialOrd + fmt::Debug>(
    field: &'static str,
    value: T,
    low: T,
    high: T,
) -> Result<(), ConfigError> {
    ConfigError::within(field, value, low..=high)
}

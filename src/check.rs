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
    pub value: SettingValue,
    /// What it may be set to.
    pub allowed: Allowed,
}

/// What a setting was set to, or an end of its range.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SettingValue {
    /// A time.
    Duration(Duration),
    /// A count, or a size in bytes.
    Number(u64),
    /// Anything else, as it was given.
    Text(String),
}

/// What a setting may be set to.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Allowed {
    /// From the first to the second, both included.
    Range(SettingValue, SettingValue),
    /// What these words say.
    Text(String),
}

// Values are formatted when they are shown, so that a program that never shows one carries no code for it.
impl fmt::Display for SettingValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duration(duration) => fmt::Debug::fmt(duration, formatter),
            Self::Number(number) => number.fmt(formatter),
            Self::Text(text) => fmt::Debug::fmt(text, formatter),
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(low, high) => write!(formatter, "{low} to {high}"),
            Self::Text(text) => formatter.write_str(text),
        }
    }
}

impl From<Duration> for SettingValue {
    fn from(duration: Duration) -> Self {
        Self::Duration(duration)
    }
}

impl From<usize> for SettingValue {
    fn from(number: usize) -> Self {
        Self::Number(number as u64)
    }
}

macro_rules! number {
    ($($int:ty)*) => {$(
        impl From<$int> for SettingValue {
            fn from(number: $int) -> Self {
                Self::Number(number.into())
            }
        }
    )*};
}

number!(u8 u16 u32 u64);

impl ConfigError {
    /// For settings of a crate on top of this one: whether one lies in its range, both ends included.
    ///
    /// # Errors
    /// With the field, its value and the range, if it does not.
    pub fn within<T: PartialOrd + Into<SettingValue>>(
        field: &'static str,
        value: T,
        allowed: RangeInclusive<T>,
    ) -> Result<(), Self> {
        if allowed.contains(&value) {
            return Ok(());
        }
        let (low, high) = allowed.into_inner();
        Err(Self { field, value: value.into(), allowed: Allowed::Range(low.into(), high.into()) })
    }
}

/// The `Config` of a module: its `Settings` that were found valid by their method `check`.
macro_rules! config {
    () => {
        /// [`Settings`] that were found valid; they can be read, not changed.
        #[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "serde", serde(try_from = "Settings", into = "Settings"))]
        pub struct Config(Settings);

        impl Config {
            /// The settings as a config, if each of them lies in its range.
            ///
            /// # Errors
            /// The first value that does not, with its field and the allowed range.
            pub fn new(settings: Settings) -> Result<Self, $crate::check::ConfigError> {
                settings.check()?;
                Ok(Self(settings))
            }

            /// The settings again, to build another config from.
            pub fn into_settings(self) -> Settings {
                self.0
            }
        }

        impl core::ops::Deref for Config {
            type Target = Settings;

            fn deref(&self) -> &Settings {
                &self.0
            }
        }

        impl TryFrom<Settings> for Config {
            type Error = $crate::check::ConfigError;

            fn try_from(settings: Settings) -> Result<Self, $crate::check::ConfigError> {
                Self::new(settings)
            }
        }

        impl From<Config> for Settings {
            fn from(config: Config) -> Self {
                config.0
            }
        }
    };
}
pub(crate) use config;

/// Both ends are allowed.
pub(crate) fn within<T: PartialOrd + Into<SettingValue>>(
    field: &'static str,
    value: T,
    low: T,
    high: T,
) -> Result<(), ConfigError> {
    ConfigError::within(field, value, low..=high)
}

//! The name of a connection.

use core::fmt;
use core::num::NonZeroU64;

/// The name of a connection: minted by a session with each dial or by a hub with each admission, strictly
/// increasing, never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ConnId(NonZeroU64);

impl ConnId {
    /// The id with this number; only the machine that mints ids knows whether it exists. Ids begin at 1:
    /// `None` for 0.
    pub const fn from_raw(raw: u64) -> Option<Self> {
        match NonZeroU64::new(raw) {
            Some(raw) => Some(Self(raw)),
            None => None,
        }
    }

    /// The number, for logs.
    pub const fn as_raw(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for ConnId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "conn {}", self.0)
    }
}

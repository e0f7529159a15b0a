//! The order of logins: a hybrid clock (Kulkarni and others, Logical Physical Clocks, 2014).

use core::fmt;

use super::node::Node;

/// The time of day: milliseconds since 1970 in UTC, as the node's own clock says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct UnixTime(u64);

impl UnixTime {
    /// So many milliseconds after 1970 began.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970 began.
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

/// How many logins have their place within one millisecond: 2¹⁶.
const BITS: u32 = 16;

/// When a login was, for the order of logins on all nodes: milliseconds of the wall in the upper 48 bits, or more if a
/// higher stamp was heard; then the node.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Stamp {
    /// The time.
    pub time: u64,
    /// Where.
    pub node: Node,
}

impl Stamp {
    /// The milliseconds of its time.
    pub const fn millis(&self) -> u64 {
        self.time >> BITS
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{} on {}", self.millis(), self.time & ((1 << BITS) - 1), self.node)
    }
}

/// Ahead of the wall by how many milliseconds a stamp is remarkable.
const FAR_AHEAD: u64 = 10_000;

/// Makes stamps' times.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HybridClock {
    latest: u64,
}

impl HybridClock {
    /// A time above all that were made or heard, and no less than the wall, except at the end of the type.
    pub(super) fn next(&mut self, wall: UnixTime) -> u64 {
        let wall = wall.0.min(u64::MAX >> BITS) << BITS;
        self.latest = self.latest.saturating_add(1).max(wall);
        self.latest
    }

    /// Whether the time is far ahead of the wall.
    pub(super) fn heard(&mut self, time: u64, wall: UnixTime) -> bool {
        self.latest = self.latest.max(time);
        time >> BITS > wall.0.saturating_add(FAR_AHEAD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_up_however_the_wall_goes() {
        let mut clock = HybridClock::default();
        let walls = [5, 5, 3, 9, 0].map(UnixTime::from_millis);
        let times = walls.map(|wall| clock.next(wall));
        assert!(times.is_sorted_by(|earlier, later| earlier < later), "{times:?}");
        assert_eq!([times[0], times[3]], [5 << BITS, 9 << BITS]);
    }

    #[test]
    fn a_time_is_above_what_was_heard() {
        let mut clock = HybridClock::default();
        assert!(!clock.heard(10_000 << BITS, UnixTime::from_millis(0)));
        assert!(clock.heard(10_001 << BITS, UnixTime::from_millis(0)));
        assert_eq!(clock.next(UnixTime::from_millis(1)), (10_001 << BITS) + 1);
    }

    #[test]
    fn times_end_with_their_type() {
        let mut clock = HybridClock::default();
        clock.heard(u64::MAX, UnixTime::default());
        assert_eq!(clock.next(UnixTime::from_millis(u64::MAX)), u64::MAX);
    }
}

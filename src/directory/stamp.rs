//! The order of logins: a hybrid clock (Kulkarni and others, Logical Physical Clocks, 2014).

use core::fmt;

use super::node::Node;

/// The time of day by a node's wall clock: milliseconds since the beginning of 1970 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct UnixTime(u64);

impl UnixTime {
    /// This many milliseconds after the beginning of 1970.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the beginning of 1970.
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

/// The lower bits of a time: 2¹⁶ logins have their place within one millisecond.
const BITS: u32 = 16;

/// The place of a login in the order of the logins on all nodes: by time, of equal times by node.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Stamp {
    /// Milliseconds since the beginning of 1970 by the wall clock of the node, in the upper 48 bits; a count in the lower 16. It is higher
    /// where the node had heard a higher stamp.
    pub time: u64,
    /// The node of the login.
    pub node: Node,
}

impl Stamp {
    /// The milliseconds of its time, since the beginning of 1970.
    pub const fn millis(&self) -> u64 {
        self.time >> BITS
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{} on {}", self.millis(), self.time & ((1 << BITS) - 1), self.node)
    }
}

/// Another node's wall clock is reported if it is more than this many milliseconds ahead.
pub(super) const FAR_AHEAD: u64 = 10_000;

/// It is right again if it is no more than this many ahead: how long a hello takes is not to decide.
pub(super) const RIGHT_AGAIN: u64 = 5_000;

/// Makes the times of stamps.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HybridClock {
    latest: u64,
    /// How far its first time that is not the wall clock's is above those heard.
    first_step: u16,
}

impl HybridClock {
    /// With a number drawn at random: a process that starts again and hears the same stamps does not make those of the one before, as
    /// other claims may name these.
    pub(super) const fn new(drawn: u64) -> Self {
        Self { latest: 0, first_step: (drawn % 4096) as u16 }
    }

    /// A time above all that were made or heard, and not below the wall clock, except at the end of the type.
    pub(super) fn next(&mut self, wall: UnixTime) -> u64 {
        let wall = wall.0.min(u64::MAX >> BITS) << BITS;
        if self.latest >= wall {
            let step = 1 + u64::from(core::mem::take(&mut self.first_step));
            self.latest = self.latest.saturating_add(step);
        } else {
            self.latest = wall;
        }
        self.latest
    }

    pub(super) fn heard(&mut self, time: u64) {
        self.latest = self.latest.max(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_up_however_the_wall_clock_is_set() {
        let mut clock = HybridClock::default();
        let walls = [5, 5, 3, 9, 0].map(UnixTime::from_millis);
        let times = walls.map(|wall| clock.next(wall));
        assert!(times.is_sorted_by(|earlier, later| earlier < later), "{times:?}");
        assert_eq!([times[0], times[3]], [5 << BITS, 9 << BITS]);
    }

    #[test]
    fn a_time_is_above_every_time_that_was_heard() {
        let mut clock = HybridClock::default();
        clock.heard(10_001 << BITS);
        clock.heard(10_000 << BITS);
        assert_eq!(clock.next(UnixTime::from_millis(1)), (10_001 << BITS) + 1);
    }

    /// [D3]
    #[test]
    fn processes_that_heard_the_same_differ_in_the_times_they_make() {
        let [one, other] = [7, 4095].map(|drawn| {
            let mut clock = HybridClock::new(drawn);
            clock.heard(1 << 40);
            [1, 2].map(|_| clock.next(UnixTime::default()) - (1 << 40))
        });
        assert_eq!((one, other), ([8, 9], [4096, 4097]));
        assert_eq!(HybridClock::new(7).next(UnixTime::from_millis(5)), 5 << BITS, "the wall clock is taken as it is");
    }

    #[test]
    fn the_highest_time_is_followed_by_itself() {
        let mut clock = HybridClock::default();
        clock.heard(u64::MAX);
        assert_eq!(clock.next(UnixTime::from_millis(u64::MAX)), u64::MAX);
    }
}

//! Counters of a directory.

/// What a directory has counted since it was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Stats {
    /// Packets that could not be read: of another version, or damaged.
    pub unreadable: u64,
    /// Packets and inputs that made no sense where they arrived, those of forgotten nodes included.
    pub ignored: u64,
    /// Inputs after the directory stopped, and for connections and messages that have ended.
    pub stale: u64,
    /// Packets of changes that came before an earlier one, and were dropped to be asked for again.
    pub gaps: u64,
    /// Questions sent to other nodes for what was missed.
    pub asked: u64,
    /// Buckets of claims that were replaced because they differed.
    pub repaired: u64,
    /// Bytes sent to other nodes for what they missed.
    pub answered_bytes: u64,
    /// Connections closed because their user logged in elsewhere, knowing of them.
    pub superseded: u64,
    /// Connections closed because their user logged in elsewhere, when neither node knew of the other login.
    pub concurrent: u64,
    /// Stamps more than 10 s ahead of the own wall.
    pub skewed: u64,
    /// Claims and nodes beyond the limits.
    pub excess: u64,
    /// Messages sent to other nodes, those that were sent once more included.
    pub relayed: u64,
    /// Messages to other nodes, by what became of them; those that were not sent included.
    pub routed: u64,
    /// The user was on no node.
    pub offline: u64,
    /// Too much was waiting.
    pub full: u64,
    /// Volatile, for a slow connection.
    pub dropped: u64,
    /// No answer came in time.
    pub unknown: u64,
    /// How often the directory was found to have been suspended.
    pub suspensions: u64,
    /// Messages, broadcasts and questions of a step that were not pulled.
    pub undelivered: u64,
}

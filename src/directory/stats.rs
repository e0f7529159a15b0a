//! What a directory counts. No counter decides anything.

/// What a directory has counted since it was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Stats {
    /// Packets that could not be read: of another version or kind, or damaged.
    pub unreadable: u64,
    /// Packets and inputs that made no sense where they arrived, those of forgotten nodes included.
    pub ignored: u64,
    /// Inputs after the directory stopped, and for connections and messages that have ended.
    pub stale: u64,
    /// Packets of changes that were dropped because earlier changes are missing, which are then asked for.
    pub gaps: u64,
    /// Questions to other nodes for what was missed.
    pub asked: u64,
    /// Buckets of another node's claims, of which there are 256, that were replaced because they differed.
    pub repaired: u64,
    /// Bytes sent to other nodes because they had missed something.
    pub answered_bytes: u64,
    /// Connections closed because their user logged in on another node that knew of them.
    pub superseded: u64,
    /// Connections closed because their user logged in on another node, when neither node knew of the other login.
    pub concurrent: u64,
    /// Hellos of nodes whose wall clocks are more than 10 s ahead of the one here: one of the two is wrong.
    pub skewed: u64,
    /// Claims and hellos that were ignored because of `max_claims` and `max_nodes`.
    pub excess: u64,
    /// Messages sent to other nodes. One that was sent twice counts twice.
    pub relayed: u64,
    /// Relays that ended as routed. This counter and the next four are those of [`Outcome`](super::Outcome); each relay counts in one of
    /// them, also if it was not sent.
    pub routed: u64,
    /// Relays that ended as offline.
    pub offline: u64,
    /// Relays that ended as full.
    pub full: u64,
    /// Relays that ended as dropped.
    pub dropped: u64,
    /// Relays that ended as unknown.
    pub unknown: u64,
    /// Messages of other nodes that came behind later ones of the same connection for the same user, and were not delivered.
    pub overtaken: u64,
    /// Interruptions that the broker reported: something may have been lost, broadcasts included, which nobody repairs.
    pub interrupted: u64,
    /// Suspensions of the node for longer than a [`lease`](super::Settings::lease).
    pub suspensions: u64,
    /// What a step handed on that was not pulled: deliveries, broadcasts, questions, answers, and outcomes of relays that were not sent.
    pub undelivered: u64,
}

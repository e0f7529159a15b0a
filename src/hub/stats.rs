//! What a hub counts. No counter decides anything.

/// What a hub has counted since it was made. Every counter stops at `u32::MAX`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Stats {
    /// Connections admitted.
    pub admitted: u32,
    /// Connections denied.
    pub denied: u32,
    /// Logins that registered a user.
    pub logins: u32,
    /// Logins refused.
    pub logins_refused: u32,
    /// Connections replaced by a newer login.
    pub superseded: u32,
    /// Messages routed, one for each recipient.
    pub routed: u32,
    /// Messages for users who were not online.
    pub offline: u32,
    /// Volatile messages that were not routed to a slow connection, one for each recipient.
    pub dropped: u32,
    /// Connections closed because they did not log in.
    pub closed_anonymous: u32,
    /// Connections closed because they showed no life.
    pub closed_silent: u32,
    /// Connections closed because they did not read.
    pub closed_slow: u32,
    /// Pings sent.
    pub pings: u32,
    /// Waits for an answer that a late timer started anew.
    pub slept: u32,
    /// Replies that were not given because of `reply_gap`.
    pub unanswered: u32,
    /// Inputs for connections that were closing or gone, other than the end of a close: nothing changed.
    pub stale: u32,
    /// Inputs for connections that never existed: nothing changed.
    pub ignored: u32,
    /// Messages and replies that were not pulled.
    pub undelivered: u32,
}

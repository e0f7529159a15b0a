//! What a hub counts. No counter decides anything.

/// What a hub has counted since it was made. At one a nanosecond a counter lasts for 584
/// years.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Stats {
    /// Connections admitted.
    pub admitted: u64,
    /// Connections denied.
    pub denied: u64,
    /// Logins that registered a user.
    pub logins: u64,
    /// Logins refused.
    pub logins_refused: u64,
    /// Logins refused because the user's connections replaced each other too often.
    pub contested: u64,
    /// Connections replaced by a newer login.
    pub superseded: u64,
    /// Messages routed, one for each recipient.
    pub routed: u64,
    /// Messages for users who were not online.
    pub offline: u64,
    /// Messages that were not routed because too much waited to be written, one for each recipient.
    pub full: u64,
    /// Volatile messages that were not routed to a slow connection, one for each recipient.
    pub dropped: u64,
    /// Connections closed because they did not log in.
    pub closed_anonymous: u64,
    /// Connections closed because they showed no life.
    pub closed_silent: u64,
    /// Connections closed because they were slow for too long, or had more unwritten than budget and reserve.
    pub closed_slow: u64,
    /// Connections closed because their login had expired.
    pub closed_expired: u64,
    /// Connections closed because the hub was over `total_budget` for too long and they had the most unwritten.
    pub closed_overloaded: u64,
    /// Connections closed because they sent too much.
    pub closed_flooding: u64,
    /// Frames after which a connection was paused, or closed for sending too much.
    pub pauses: u64,
    /// Connections that entered a room.
    pub joined: u64,
    /// Connections that were not let into a room.
    pub joins_refused: u64,
    /// Pings sent.
    pub pings: u64,
    /// Suspensions of the server, after each of which all waits started anew.
    pub suspensions: u64,
    /// Replies that were not given because of `reply_gap`.
    pub unanswered: u64,
    /// Inputs for connections that were closing or gone, other than the end of a close: nothing changed.
    pub stale: u64,
    /// Inputs for connections that never existed: nothing changed.
    pub ignored: u64,
    /// Messages and replies that were not pulled. A pong is no reply but owed, and is never among them.
    pub undelivered: u64,
}

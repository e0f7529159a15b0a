//! Counters of a connection.

/// What a connection has counted since it was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Packets handed to async-nats, which may have lost them since.
    pub published: u64,
    /// Packets that were dropped when they were to be published: there was no connection, or no room.
    pub unpublished: u64,
    /// Packets that were dropped because they are longer than this broker takes, as one that was connected later may take less.
    pub too_long: u64,
    /// Packets that arrived, the own ones included.
    pub received: u64,
    /// Packets that arrived and were dropped, as those before them were not taken in time; or more, as async-nats does not report each.
    pub untaken: u64,
    /// How often an interruption was told.
    pub interruptions: u64,
    /// How often the connection was made anew.
    pub reconnects: u64,
    /// Bytes that wait to be sent, with 256 for each packet besides its payload. Not a counter: now.
    pub waiting: usize,
}

//! Counters of a connection.

/// What a connection has counted since it was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Packets handed to async-nats. It may have lost them since.
    pub published: u64,
    /// Packets that were dropped instead of being published: there was no connection, or no room.
    pub unpublished: u64,
    /// Packets that were dropped because they are longer than the broker takes: one that was connected to later may take less than the first.
    pub too_long: u64,
    /// Packets that arrived and found room, this node's own included.
    pub received: u64,
    /// Packets that arrived and were dropped, because those before them were not taken in time. async-nats does not report each, so it may be
    /// more.
    pub untaken: u64,
    /// Interruptions reported.
    pub interruptions: u64,
    /// How often the connection was made anew.
    pub reconnects: u64,
    /// Bytes that wait to be sent now, 256 for each packet besides its payload included. A gauge, not a counter.
    pub waiting: usize,
}

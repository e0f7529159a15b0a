//! Counters. None of them decides anything.

use crate::loss::Loss;

/// What a session has counted. Every counter stops at `u32::MAX`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Stats {
    /// Connections dialled.
    pub dials: u32,
    /// Connections that became ready.
    pub ready: u32,
    /// Connections ended by a close frame.
    pub lost_to_close: u32,
    /// Dials refused with an HTTP status.
    pub lost_to_status: u32,
    /// Connections and dials ended by the transport.
    pub lost_to_transport: u32,
    /// Dials given up after `connect_timeout`.
    pub lost_to_connect_timeout: u32,
    /// Connections given up after `greeting_timeout`.
    pub lost_to_greeting_timeout: u32,
    /// Connections given up by the heartbeat.
    pub lost_to_heartbeat: u32,
    /// Pings sent.
    pub pings: u32,
    /// Pongs received.
    pub pongs: u32,
    /// Inputs for a connection that had ended: nothing changed.
    pub stale: u32,
    /// Inputs that make no sense in the state they met, or name what never was: nothing changed.
    pub ignored: u32,
    /// Messages that made room for newer ones.
    pub evictions: u32,
    /// Messages transmitted again.
    pub redeliveries: u32,
    /// Events that nobody pulled in time, and aborts of stale connections likewise.
    pub dropped: u32,
    /// Inbound messages whose `Deliver` nobody pulled.
    pub undelivered: u32,
}

pub(crate) fn count(counter: &mut u32) {
    *counter = counter.saturating_add(1);
}

impl Stats {
    pub(crate) fn lost(&mut self, loss: Loss) {
        count(match loss {
            Loss::Close(_) => &mut self.lost_to_close,
            Loss::Status(_) => &mut self.lost_to_status,
            Loss::Transport(_) => &mut self.lost_to_transport,
            Loss::ConnectTimeout => &mut self.lost_to_connect_timeout,
            Loss::GreetingTimeout => &mut self.lost_to_greeting_timeout,
            Loss::HeartbeatTimeout => &mut self.lost_to_heartbeat,
        });
    }
}

//! What a session counts. No counter decides anything.

use super::loss::Loss;
pub use super::round_trip::RoundTrip;
use crate::count::count;

/// What a session has counted since it was made. Every counter stops at `u32::MAX`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Stats {
    /// Connections dialled.
    pub dials: u32,
    /// Connections that became ready.
    pub ready: u32,
    /// Connections ended by a close frame.
    pub lost_to_close: u32,
    /// Connections ended by the application ([`Loss::Application`]).
    pub lost_to_application: u32,
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
    /// Connections given up because a message was not acknowledged.
    pub lost_to_ack_timeout: u32,
    /// Pings sent.
    pub pings: u32,
    /// Pongs received.
    pub pongs: u32,
    /// Inputs for a connection that had ended: nothing changed.
    pub stale: u32,
    /// Inputs that make no sense in the state they met (a second `Close` that shortens nothing is one) or name what does
    /// not exist, and `sent` or `rejected` for a message that is not lent: nothing changed. No alarm by itself.
    pub ignored: u32,
    /// Messages that made room for newer ones.
    pub evictions: u32,
    /// Messages transmitted again.
    pub redeliveries: u32,
    /// Events, and aborts of stale connections, that were not pulled in time.
    pub dropped: u32,
    /// Inbound messages whose `Deliver` was not pulled.
    pub undelivered: u32,
}

impl Stats {
    pub(crate) fn lost(&mut self, loss: Loss) {
        count(match loss {
            Loss::Close(_) => &mut self.lost_to_close,
            Loss::Application(_) => &mut self.lost_to_application,
            Loss::Status(_) => &mut self.lost_to_status,
            Loss::Transport(_) => &mut self.lost_to_transport,
            Loss::ConnectTimeout => &mut self.lost_to_connect_timeout,
            Loss::GreetingTimeout => &mut self.lost_to_greeting_timeout,
            Loss::HeartbeatTimeout => &mut self.lost_to_heartbeat,
            Loss::AckTimeout => &mut self.lost_to_ack_timeout,
        });
    }
}

//! What a hub keeps of each connection.

use core::mem::take;
use core::time::Duration;

use super::action::Action;
use super::limit::{Bucket, Price};
use super::pending::Owed;
use crate::close_code::CloseCode;
use crate::conn::ConnId;
use crate::heartbeat::Heartbeat;
use crate::time::{Deadline, Timestamp};

#[derive(Clone, Debug)]
pub(super) struct Connection<K> {
    pub(super) phase: Phase<K>,
    pub(super) heartbeat: Heartbeat,
    /// Bytes that were queued and not written.
    pub(super) unwritten: u64,
    /// No reply to an unknown event or a refused login before this.
    pub(super) reply_allowed: Deadline,
    /// The deadline under which the machine keeps this connection.
    pub(super) wake: Deadline,
    pub(super) owed: Owed,
    /// What it may still send.
    messages: Bucket,
    bytes: Bucket,
    /// Nothing is read from it before this.
    pub(super) paused: Timestamp,
}

/// The state of a connection, with what only that state knows.
#[derive(Clone, Debug)]
pub(super) enum Phase<K> {
    Anonymous {
        until: Deadline,
    },
    LoggedIn(K),
    /// Its close was decided; its inputs no longer count.
    Closing {
        until: Deadline,
        code: CloseCode,
        retry_after: Option<Duration>,
    },
    /// Gone as soon as its `Abort` is pulled.
    Aborting,
}

impl<K> Phase<K> {
    /// Whether the inputs of the connection count.
    pub(super) fn is_live(&self) -> bool {
        matches!(self, Self::Anonymous { .. } | Self::LoggedIn(_))
    }

    pub(super) fn user(&self) -> Option<&K> {
        match self {
            Self::LoggedIn(user) => Some(user),
            Self::Anonymous { .. } | Self::Closing { .. } | Self::Aborting => None,
        }
    }
}

impl<K> Connection<K> {
    /// An anonymous connection that has to log in before `until`.
    pub(super) fn new(until: Deadline, heartbeat: Heartbeat) -> Self {
        Self {
            phase: Phase::Anonymous { until },
            heartbeat,
            unwritten: 0,
            reply_allowed: Deadline::at(Timestamp::ORIGIN),
            wake: Deadline::NEVER,
            owed: Owed::default(),
            messages: Bucket::default(),
            bytes: Bucket::default(),
            paused: Timestamp::ORIGIN,
        }
    }

    /// A proof of life. A pause is not silence, which begins at its end.
    #[inline(always)]
    pub(super) fn alive(&mut self, now: Timestamp) {
        self.heartbeat.alive(now.max(self.paused));
    }

    /// Charges a frame. True if that was too much.
    #[inline(always)]
    pub(super) fn charge(&mut self, [message, byte]: &[Price; 2], now: Timestamp, bytes: u32) -> bool {
        let messages = self.messages.charge(message, now, 1);
        let bytes = self.bytes.charge(byte, now, bytes.into());
        self.paused = self.paused.max(messages.paid).max(bytes.paid);
        messages.exceeded | bytes.exceeded
    }

    /// Charges the further recipients of a broadcast.
    pub(super) fn charge_copies(&mut self, [message, byte]: &[Price; 2], now: Timestamp, copies: u32, bytes: u32) {
        let (copies, bytes) = (u64::from(copies), u64::from(copies) * u64::from(bytes));
        let messages = self.messages.charge_up_to_burst(message, now, copies);
        let bytes = self.bytes.charge_up_to_burst(byte, now, bytes);
        self.paused = self.paused.max(messages.paid).max(bytes.paid);
    }

    pub(super) fn deadline(&self) -> Deadline {
        let heartbeat = self.heartbeat.deadline().map_or(Deadline::NEVER, Deadline::at);
        match self.phase {
            Phase::Anonymous { until } => heartbeat.min(until),
            Phase::LoggedIn(_) => heartbeat,
            Phase::Closing { until, .. } => until,
            Phase::Aborting => Deadline::NEVER,
        }
    }

    /// The next action that this connection is owed; `conn` is its name.
    pub(super) fn next_action<M>(&mut self, conn: ConnId) -> Option<Action<K, M>> {
        let Owed { abort, close, pong, ping } = &mut self.owed;
        if take(abort) {
            return Some(Action::Abort { conn });
        }
        if take(pong) {
            return Some(Action::Pong { conn });
        }
        if take(ping) {
            return Some(Action::Ping { conn });
        }
        match self.phase {
            Phase::Closing { code, retry_after, .. } if take(close) => Some(Action::Close { conn, code, retry_after }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both buckets and the heartbeat included, with its id, as it stands in the table.
    #[test]
    fn a_connection_of_a_user_with_a_short_name_takes_128_bytes() {
        assert_eq!(size_of::<(ConnId, Connection<u64>)>(), 128);
    }
}

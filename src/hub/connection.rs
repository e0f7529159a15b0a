//! What a hub keeps of each connection.

use core::time::Duration;

use super::action::Action;
use super::backlog::{Backlog, MOST_UNWRITTEN};
use super::limit::{Bucket, Price};
use super::pending::Owed;
use super::sources::SourceId;
use crate::close_code::CloseCode;
use crate::conn::ConnId;
use crate::heartbeat::Heartbeat;
use crate::time::{Deadline, Timestamp, nanos};

#[derive(Clone, Debug)]
pub(super) struct Connection<K> {
    pub(super) phase: Phase,
    pub(super) owed: Owed,
    /// The code that it is closed with.
    code: Option<CloseCode>,
    pub(super) source: SourceId,
    /// Who logged in on it, also while it is being closed.
    pub(super) user: Option<K>,
    /// The end of the time to log in, of the login, or of the close handshake.
    pub(super) until: Deadline,
    /// For how many milliseconds its client should stay away; `u32::MAX` for no such wish.
    retry_after: u32,
    pub(super) heartbeat: Heartbeat,
    /// Bytes that were queued and not written.
    pub(super) unwritten: u64,
    /// When it has been slow for too long; never while it is not slow.
    pub(super) slow_until: Deadline,
    /// Whether more than `volatile_above` bytes are unwritten; false once its close is decided.
    pub(super) slow: bool,
    /// No reply to an unknown event or a refused login before this.
    pub(super) reply_allowed: Deadline,
    /// The deadline under which the machine keeps this connection.
    pub(super) wake: Deadline,
    /// What it may still send.
    messages: Bucket,
    bytes: Bucket,
    /// In how many it is.
    pub(super) rooms: u16,
}

/// The state of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Anonymous,
    LoggedIn,
    /// Logged in, and was told, or is owed to be told, that the login expires.
    Expiring,
    /// Its close was decided; its inputs no longer count.
    Closing,
    /// Gone as soon as its `Abort` is pulled.
    Aborting,
}

impl Phase {
    /// Whether the inputs of the connection count.
    pub(super) const fn is_live(self) -> bool {
        matches!(self, Self::Anonymous | Self::LoggedIn | Self::Expiring)
    }
}

impl<K> Connection<K> {
    /// An anonymous connection that has to log in before `until`.
    pub(super) fn new(until: Deadline, heartbeat: Heartbeat) -> Self {
        Self {
            phase: Phase::Anonymous,
            owed: Owed::default(),
            code: None,
            source: SourceId::NONE,
            user: None,
            until,
            retry_after: u32::MAX,
            heartbeat,
            unwritten: 0,
            slow_until: Deadline::NEVER,
            slow: false,
            reply_allowed: Deadline::at(Timestamp::ORIGIN),
            wake: Deadline::NEVER,
            messages: Bucket::default(),
            bytes: Bucket::default(),
            rooms: 0,
        }
    }

    /// A login, or one that renews the login before it.
    pub(super) fn log_in(&mut self, user: K, until: Deadline) {
        (self.user, self.until) = (Some(user), until);
        self.phase = Phase::LoggedIn;
    }

    /// Its close was decided.
    pub(super) fn close(&mut self, until: Deadline, code: CloseCode, retry_after: Option<Duration>) {
        (self.until, self.code) = (until, Some(code));
        self.retry_after = retry_after.map_or(u32::MAX, whole_millis);
    }

    /// A proof of life. A pause is not silence, which begins at its end: there the latest life was put.
    #[inline(always)]
    pub(super) fn alive(&mut self, now: Timestamp) {
        self.heartbeat.alive_no_earlier(now);
    }

    /// Charges a frame, which is a proof of life: at once, or, if this says that the connection is paused, when
    /// [`pause`](Self::pause) is called.
    #[inline(always)]
    pub(super) fn charge(&mut self, [message, byte]: &[Price; 2], now: Timestamp, bytes: u32) -> bool {
        let messages = self.messages.charge(message, now, 1);
        let bytes = self.bytes.charge(byte, now, bytes);
        if messages | bytes {
            return true;
        }
        self.heartbeat.alive(now);
        false
    }

    /// Charges the further recipients of a broadcast.
    pub(super) fn charge_copies(&mut self, prices: &[Price; 2], now: Timestamp, copies: u32, bytes: u32) {
        let (copies, bytes) = (u64::from(copies), u64::from(copies) * u64::from(bytes));
        self.messages.charge_up_to_burst(&prices[0], now, copies);
        self.bytes.charge_up_to_burst(&prices[1], now, bytes);
        self.pause(prices);
    }

    /// Nothing is read from it until it has paid, and so nothing is to be expected.
    pub(super) fn pause(&mut self, prices: &[Price; 2]) {
        self.alive(self.paused(prices));
    }

    /// Nothing is read from it before this.
    pub(super) fn paused(&self, [message, byte]: &[Price; 2]) -> Timestamp {
        self.messages.paid(message).max(self.bytes.paid(byte))
    }

    /// Whether it has sent far too much.
    pub(super) fn floods(&self, [message, byte]: &[Price; 2], now: Timestamp) -> bool {
        self.messages.exceeded(message, now) | self.bytes.exceeded(byte, now)
    }

    /// `notice` is the time before the end of a login at which it is announced.
    pub(super) fn deadline(&self, notice: Duration) -> Deadline {
        let heartbeat = self.heartbeat.deadline().map_or(Deadline::NEVER, Deadline::at);
        match self.phase {
            Phase::Anonymous | Phase::Expiring => heartbeat.min(self.until).min(self.slow_until),
            Phase::LoggedIn => heartbeat.min(self.until.earlier(notice)).min(self.slow_until),
            Phase::Closing => self.until,
            Phase::Aborting => Deadline::NEVER,
        }
    }

    /// Bytes were queued; how many more are unwritten.
    pub(super) fn queued(&mut self, bytes: u32) -> u64 {
        let before = self.unwritten;
        self.unwritten = before.saturating_add(bytes.into()).min(MOST_UNWRITTEN);
        self.unwritten - before
    }

    /// Bytes were written; how many fewer are unwritten.
    pub(super) fn written(&mut self, bytes: u32) -> u64 {
        let fewer = self.unwritten.min(bytes.into());
        self.unwritten -= fewer;
        fewer
    }

    /// It is no longer slow; whether it was.
    pub(super) fn recover(&mut self) -> bool {
        self.slow_until = Deadline::NEVER;
        core::mem::take(&mut self.slow)
    }

    /// The next action that this connection is owed; `conn` is its name.
    pub(super) fn next_action<M>(
        &mut self,
        conn: ConnId,
        now: Timestamp,
        backlog: &mut Backlog,
    ) -> Option<Action<K, M>> {
        if self.owed.take(Owed::ABORT) {
            return Some(Action::Abort { conn });
        }
        if self.owed.take(Owed::PONG) {
            return Some(Action::Pong { conn });
        }
        if self.owed.take(Owed::PING) {
            return Some(Action::Ping { conn });
        }
        if self.owed.take(Owed::EXPIRING) {
            let expires_in = self.until.instant().saturating_since(now);
            return Some(Action::Expiring { conn, expires_in });
        }
        if self.owed.take(Owed::MISSED) {
            return backlog.told(conn).map(|messages| Action::Missed { conn, messages });
        }
        if self.owed.take(Owed::CLOSE) {
            let wait = Some(self.retry_after).filter(|wait| *wait < u32::MAX);
            return Some(Action::Close {
                conn,
                code: self.code?,
                retry_after: wait.map(|wait| Duration::from_millis(wait.into())),
            });
        }
        None
    }
}

/// Rounded up, so that nobody comes back too soon; up to 49 days.
fn whole_millis(wait: Duration) -> u32 {
    u32::try_from(nanos(wait).div_ceil(1_000_000)).unwrap_or(u32::MAX).min(u32::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both buckets, the heartbeat, the source, the login's end and the name of who is closing included, with its id, as
    /// it stands in the table.
    ///
    /// [U18]
    #[test]
    fn a_connection_of_a_user_with_a_short_name_takes_128_bytes() {
        assert_eq!(size_of::<(ConnId, Connection<u64>)>(), 128);
    }
}

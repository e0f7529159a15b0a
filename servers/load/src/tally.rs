//! What attackers did, and what was done to them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The close code of RFC 6455 §7.1.5 for a connection that ended without a close frame.
pub const NO_CLOSE_FRAME: u16 = 1006;

/// How often each code was seen.
pub type Codes = BTreeMap<u16, u64>;

/// What attackers did, and what was done to them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Attack {
    /// How long it took; zero if it was cut short by the end of its phase.
    pub took: Duration,
    /// TCP connections that were made.
    pub connected: u64,
    /// Those that were not made, or of which no answer came.
    pub failed: u64,
    /// Requests that were denied, by status.
    pub denied: Codes,
    /// Logins that succeeded.
    pub logged_in: u64,
    /// Logins that were refused.
    pub login_refused: u64,
    /// Frames that were sent whole.
    pub frames_sent: u64,
    /// Bytes of these.
    pub bytes_sent: u64,
    /// Frames that were received.
    pub frames_received: u64,
    /// Bytes that were received.
    pub bytes_received: u64,
    /// Attackers' connections that the server ended, by close code.
    pub closed: Codes,
    /// Connections of users who only receive what attackers send, ended by the server, by close code.
    pub recipients_closed: Codes,
}

/// An [`Attack`] that is going on.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Attack>);

impl Tally {
    /// What there is to count.
    pub fn count(&self) -> MutexGuard<'_, Attack> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a code.
pub fn add(codes: &mut Codes, code: u16) {
    *codes.entry(code).or_default() += 1;
}

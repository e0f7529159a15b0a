//! What happened to sockets, counted.

use std::sync::Arc;

use tokio::task::JoinError;

use super::gate::Refused;
use super::watch::Late;
use crate::count::Count;

/// What happened to sockets since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct SocketStats {
    /// Open now, upgraded ones included.
    pub open: u64,
    /// Accepted and served.
    pub accepted: u64,
    /// Reset at once, because there were [`max_connections`](crate::serve::Limits::max_connections).
    pub refused_full: u64,
    /// Reset at once, because its source had [`max_per_source`](crate::serve::Limits::max_per_source).
    pub refused_source: u64,
    /// Errors of accept, such as too few file descriptors.
    pub accept_errors: u64,
    /// TLS handshakes that failed.
    pub failed_handshakes: u64,
    /// TLS handshakes that took longer than [`handshake_timeout`](crate::serve::Limits::handshake_timeout).
    pub late_handshakes: u64,
    /// Heads that took longer than [`header_timeout`](crate::serve::Limits::header_timeout), of silent sockets too.
    pub late_heads: u64,
    /// Bodies that took longer than [`body_timeout`](crate::serve::Limits::body_timeout).
    pub late_bodies: u64,
    /// Idle connections that were closed after [`keep_alive_timeout`](crate::serve::Limits::keep_alive_timeout).
    pub idle: u64,
    /// Clients that read nothing for [`write_timeout`](crate::serve::Limits::write_timeout).
    pub late_readers: u64,
    /// Connections that ended with an error: what was sent is not HTTP, or the connection broke in a request.
    pub broken: u64,
    /// Handlers that panicked; each costs its connection.
    pub panicked: u64,
}

/// Reads the [`SocketStats`] of a server while it runs. A handle: clones read the same.
#[derive(Clone)]
pub struct Monitor(pub(super) Arc<Counts>);

#[derive(Default)]
pub(super) struct Counts {
    pub(super) open: Count,
    pub(super) accepted: Count,
    pub(super) accept_errors: Count,
    pub(super) failed_handshakes: Count,
    pub(super) late_handshakes: Count,
    pub(super) broken: Count,
    refused_full: Count,
    refused_source: Count,
    late_heads: Count,
    late_bodies: Count,
    idle: Count,
    late_readers: Count,
    panicked: Count,
}

impl Counts {
    /// The end of a connection's task.
    pub(super) fn joined(&self, joined: Result<(), JoinError>) {
        if joined.is_err_and(|error| error.is_panic()) {
            self.panicked.add();
        }
    }

    pub(super) fn refused(&self, why: Refused) {
        match why {
            Refused::Full => self.refused_full.add(),
            Refused::Source => self.refused_source.add(),
        }
    }

    pub(super) fn late(&self, what: Late) {
        match what {
            Late::Head => self.late_heads.add(),
            Late::Body => self.late_bodies.add(),
            Late::Idle => self.idle.add(),
            Late::Write => self.late_readers.add(),
        }
    }
}

impl Monitor {
    /// What happened so far. The counts are read one after another, not at one moment.
    pub fn stats(&self) -> SocketStats {
        let counts = &self.0;
        SocketStats {
            open: counts.open.get(),
            accepted: counts.accepted.get(),
            refused_full: counts.refused_full.get(),
            refused_source: counts.refused_source.get(),
            accept_errors: counts.accept_errors.get(),
            failed_handshakes: counts.failed_handshakes.get(),
            late_handshakes: counts.late_handshakes.get(),
            late_heads: counts.late_heads.get(),
            late_bodies: counts.late_bodies.get(),
            idle: counts.idle.get(),
            late_readers: counts.late_readers.get(),
            broken: counts.broken.get(),
            panicked: counts.panicked.get(),
        }
    }
}

impl std::fmt::Debug for Monitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Monitor").field(&self.stats()).finish()
    }
}

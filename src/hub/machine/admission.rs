//! Who comes in.

use core::time::Duration;

use super::*;
use crate::hub::source::{PerSource, Source};

impl<K: Ord + Clone> Machine<K> {
    pub(in crate::hub) fn admit<'c>(
        &mut self,
        config: &'c Config,
        now: Timestamp,
        request: &Request<'_>,
    ) -> Result<Admitted<'c>, Denied> {
        self.advance(config, now);
        let source = config.per_source.as_ref().zip(request.source);
        let source = source.map(|(limits, address)| (limits, limits.source(address)));
        let admitted = self.check(config, request).and_then(|protocol| {
            self.check_source(source)?;
            let conn = self.enter(config, source).ok_or((Denial::TooManyConnections, Duration::ZERO))?;
            Ok(Admitted { conn, protocol })
        });
        count(if admitted.is_ok() { &mut self.stats.admitted } else { &mut self.stats.denied });
        admitted.map_err(|(reason, wait)| {
            let retry_after = reason.is_temporary().then(|| self.return_from(config.retry_after.max(wait)));
            Denied { reason, retry_after }
        })
    }

    /// The subprotocol for a request that may be admitted, as far as its source does not matter.
    fn check<'c>(&self, config: &'c Config, request: &Request<'_>) -> Result<Option<&'c str>, (Denial, Duration)> {
        let denied = |reason| (reason, Duration::ZERO);
        if self.shutdown.is_some() {
            return Err(denied(Denial::ShuttingDown));
        }
        let protocol = config.admission.check(request).map_err(denied)?;
        if self.backlog.is_over() {
            return Err(denied(Denial::Overloaded));
        }
        if self.conns.len() >= config.max_connections as usize {
            return Err(denied(Denial::TooManyConnections));
        }
        if self.anonymous.len() >= config.max_anonymous as usize {
            return Err(denied(Denial::Anonymous));
        }
        Ok(protocol)
    }

    /// What prevents a connection from a source, and after how long it may no longer.
    fn check_source(&self, source: Option<(&PerSource, Source)>) -> Result<(), (Denial, Duration)> {
        let Some((limits, source)) = source else { return Ok(()) };
        let wait = self.sources.wait(source, &Price::new(limits.admissions.as_ref()), self.now);
        let full = self.sources.connections(source) >= limits.connections;
        if full || wait > Duration::ZERO { Err((Denial::Source, wait)) } else { Ok(()) }
    }

    fn enter(&mut self, config: &Config, source: Option<(&PerSource, Source)>) -> Option<ConnId> {
        if !self.watches(config) {
            self.watch(config);
        }
        let (heartbeat, ping) = Heartbeat::start(&config.heartbeat, self.now);
        let until = self.later(config.login_timeout);
        let conn = self.conns.insert(Connection::new(until, heartbeat))?;
        if let Some((limits, source)) = source {
            self.enter_source(config, conn, limits, source);
        }
        self.anonymous.insert(conn);
        if ping {
            self.ping(conn);
        }
        self.arm(conn);
        Some(conn)
    }

    fn enter_source(&mut self, config: &Config, conn: ConnId, limits: &PerSource, source: Source) {
        self.sweep_sources(config);
        let id = self.sources.enter(source, &Price::new(limits.admissions.as_ref()), self.now);
        if let Some(found) = self.conns.get_mut(conn) {
            found.source = id;
        }
    }

    /// A connection is gone.
    pub(super) fn leave_source(&mut self, id: SourceId) {
        self.sources.leave(id, self.now);
        self.compact_sources();
    }

    /// Forgets the sources that it is no longer worth to know.
    pub(super) fn sweep_sources(&mut self, config: &Config) {
        self.sources.sweep(self.now, 2 * config.max_connections as usize);
        self.compact_sources();
    }

    fn compact_sources(&mut self) {
        let Some(places) = self.sources.compact(self.conns.len()) else { return };
        for found in self.conns.values_mut() {
            found.source = found.source.moved(&places);
        }
    }

    /// A time to come back after, of `least` to twice as much.
    pub(super) fn return_from(&mut self, least: Duration) -> Duration {
        least.saturating_add(Duration::from_nanos(between(0, nanos(least), self.random.next())))
    }
}

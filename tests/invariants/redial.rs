//! What an observer knows of losses, retries and dials.

use std::time::Duration;

use heartline::{Cause, Config, Instant, Loss, Verdict};

#[derive(Clone, Debug)]
pub struct Redial {
    last_dial: Option<Instant>,
    attempt: u32,
    ready_at: Option<Instant>,
    /// The scheduled dial, and what the server asked for.
    scheduled: Option<(Instant, Instant)>,
}

impl Redial {
    pub fn new() -> Self {
        Self { last_dial: None, attempt: 0, ready_at: None, scheduled: None }
    }

    /// The earliest dial that the gap allows.
    fn gap(&self, config: &Config) -> Instant {
        self.last_dial.map_or(Instant::ORIGIN, |last| last.saturating_add(config.min_dial_gap))
    }

    /// The state became `Connecting`. At the very end of time there is no later moment to wait for.
    pub fn dialled(&mut self, config: &Config, now: Instant) {
        let gap = self.gap(config);
        assert!(gap <= now, "[R2] dialled at {now:?}, not before {gap:?} was allowed");
        self.last_dial = Some(now);
    }

    /// A timer dialled: it must have been time.
    pub fn came_due(&self, now: Instant, punctual: bool) {
        let (at, _) = self.scheduled.expect("[R1] a dial that was never scheduled");
        assert!(at <= now && (!punctual || at == now), "[R1] dialled at {now:?}, scheduled at {at:?}");
    }

    pub fn connecting(&mut self, attempt: u32) {
        assert_eq!(attempt, self.attempt, "[R3] the attempt of a dial");
        self.scheduled = None;
    }

    pub fn ready(&mut self, now: Instant) {
        self.ready_at = Some(now);
    }

    /// `Connect` from `Idle`, `Closed` or `Closing`.
    pub fn begun(&mut self) {
        self.attempt = 0;
        self.ready_at = None;
        self.scheduled = None;
    }

    /// A loss; says how the session must take it. `asked` is what the server wished.
    pub fn lost(&mut self, config: &Config, now: Instant, loss: Loss, asked: Option<Duration>, open: bool) -> Cause {
        let ready = self.ready_at.take().filter(|_| open);
        if ready.is_some_and(|ready| now.saturating_since(ready) >= config.stable_after) {
            self.attempt = 0;
        }
        let asked = asked.unwrap_or_default().min(config.retry_after_max);
        let away = match config.retry.verdict(loss) {
            Verdict::Stop => return Cause::Stopped(loss),
            Verdict::Retry => asked,
            Verdict::RetryAfter(least) => asked.max(least),
        };
        if config.max_attempts.is_some_and(|max| self.attempt >= max) {
            return Cause::Exhausted(loss);
        }
        self.attempt += 1;
        self.scheduled = Some((Instant::MAX, now.saturating_add(away)));
        Cause::Lost(loss)
    }

    /// The retry after a loss was announced.
    pub fn scheduled(&mut self, config: &Config, attempt: u32, at: Instant) {
        let (_, not_before) = self.scheduled.expect("[R1] a retry without a loss");
        assert_eq!(attempt, self.attempt, "[R3] the attempt of a retry");
        let nanosecond = Duration::from_nanos(1);
        let (shortest, longest) = (config.backoff.min.max(nanosecond), config.backoff.max.max(nanosecond));
        let delayed = |from: Instant| (from.saturating_add(shortest)..=from.saturating_add(longest)).contains(&at);
        let gap = self.gap(config);
        let behind_the_gap = delayed(gap) && not_before.saturating_add(at.saturating_since(gap)) < gap;
        let lawful = behind_the_gap || (at >= gap && delayed(not_before));
        let moments = format!("asked for from {not_before:?}, the gap over at {gap:?}");
        assert!(lawful, "[R2, R4] a retry at {at:?}, {moments}, {shortest:?} to {longest:?} after");
        self.scheduled = Some((at, not_before));
    }

    /// `Connect` where only the gap is in the way.
    pub fn held_up(&mut self, config: &Config, now: Instant, attempt: u32, at: Instant) {
        assert_eq!((attempt, at), (self.attempt, self.gap(config)), "[R6] a dial that waits for the gap");
        self.scheduled = Some((at, now));
    }

    /// A scheduled dial is hurried by `Connect`, or by the network. The moment it must move to: `None` where
    /// it is no sooner than planned.
    pub fn hurried(&mut self, config: &Config, now: Instant, cause: Cause) -> Option<Instant> {
        let (at, not_before) = self.scheduled.expect("[R1] waiting for nothing");
        let wish = if cause == Cause::NetworkChanged { not_before } else { Instant::ORIGIN };
        let earliest = self.gap(config).max(wish);
        if earliest > now && earliest >= at {
            return None;
        }
        self.scheduled = Some((earliest, not_before.min(earliest)));
        Some(earliest)
    }
}

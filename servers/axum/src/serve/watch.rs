//! What a connection is waited for, and until when.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::serve::Limits;

/// Where a connection is in HTTP; shared by its task and the bodies that it carries, and known to its socket.
pub(super) struct Watch {
    limits: Limits,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    since: Instant,
    /// Since when a write makes no progress.
    stalled: Option<Instant>,
    /// Counts requests, so that the end of an old one's body is not taken for that of a later one.
    turn: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// The head of a request is awaited, or the rest of it.
    Head,
    /// A request's body is awaited.
    Body,
    /// A handler runs, or its response streams.
    Answer,
    /// No request is under way.
    Idle,
}

/// What a connection took too long for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Late {
    Head,
    Body,
    Idle,
    Write,
}

impl Watch {
    /// Of a connection whose first request is awaited from now on.
    pub(super) fn new(limits: Limits) -> Self {
        let state = State { phase: Phase::Head, since: Instant::now(), stalled: None, turn: 0 };
        Self { limits, state: Mutex::new(state) }
    }

    /// Until when the connection may go on like this, and what for. `None` for as long as it likes.
    pub(super) fn deadline(&self) -> Option<(Instant, Late)> {
        let State { phase, since, stalled, .. } = *self.lock();
        let phase = match phase {
            Phase::Head => Some((since + self.limits.header_timeout, Late::Head)),
            Phase::Body => Some((since + self.limits.body_timeout, Late::Body)),
            Phase::Idle => Some((since + self.limits.keep_alive_timeout, Late::Idle)),
            Phase::Answer => None,
        };
        let write = stalled.map(|since| (since + self.limits.write_timeout, Late::Write));
        phase.into_iter().chain(write).min_by_key(|(deadline, _)| *deadline)
    }

    /// Something was read.
    pub(super) fn read(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Idle {
            state.enter(Phase::Head);
        }
    }

    /// A write made progress, or did not.
    pub(super) fn wrote(&self, progress: bool) {
        let mut state = self.lock();
        match (progress, state.stalled) {
            (true, Some(_)) => state.stalled = None,
            (false, None) => state.stalled = Some(Instant::now()),
            _ => {}
        }
    }

    /// The head of a request was read. Its number is asked for at the ends of its bodies.
    pub(super) fn request(&self, has_body: bool) -> u64 {
        let mut state = self.lock();
        state.enter(if has_body { Phase::Body } else { Phase::Answer });
        state.turn += 1;
        state.turn
    }

    /// The body of this request ended, or nobody wants the rest.
    pub(super) fn request_over(&self, turn: u64) {
        let mut state = self.lock();
        if state.turn == turn && state.phase == Phase::Body {
            state.enter(Phase::Answer);
        }
    }

    /// The body of the response to this request ended.
    pub(super) fn response_over(&self, turn: u64) {
        let mut state = self.lock();
        if state.turn == turn && matches!(state.phase, Phase::Body | Phase::Answer) {
            state.enter(Phase::Idle);
        }
    }

    /// A panic while it is held changes nothing, so that a poisoned lock is as good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits() -> Limits {
        Limits {
            header_timeout: 2 * SECOND,
            body_timeout: 3 * SECOND,
            keep_alive_timeout: 5 * SECOND,
            write_timeout: 7 * SECOND,
            ..Limits::default()
        }
    }

    fn left(watch: &Watch) -> Option<(Duration, Late)> {
        watch.deadline().map(|(deadline, late)| (deadline - Instant::now(), late))
    }

    #[tokio::test(start_paused = true)]
    async fn each_phase_of_a_request_has_its_own_deadline() {
        let watch = Watch::new(limits());
        advance(SECOND).await;
        watch.read();
        assert_eq!(left(&watch), Some((SECOND, Late::Head)), "a byte does not move the first deadline");
        let turn = watch.request(true);
        advance(SECOND).await;
        watch.read();
        assert_eq!(left(&watch), Some((2 * SECOND, Late::Body)));
        watch.request_over(turn);
        assert_eq!(left(&watch), None);
        watch.response_over(turn);
        advance(SECOND).await;
        assert_eq!(left(&watch), Some((4 * SECOND, Late::Idle)));
        watch.read();
        assert_eq!(left(&watch), Some((2 * SECOND, Late::Head)), "the first byte of the next request");
        advance(SECOND).await;
        watch.read();
        assert_eq!(left(&watch), Some((SECOND, Late::Head)), "but not the second");
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_makes_no_progress_has_a_deadline_in_every_phase() {
        let watch = Watch::new(limits());
        watch.request(false);
        watch.wrote(false);
        advance(SECOND).await;
        watch.wrote(false);
        assert_eq!(left(&watch), Some((6 * SECOND, Late::Write)));
        watch.wrote(true);
        assert_eq!(left(&watch), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_an_old_body_changes_nothing_for_a_later_request() {
        let watch = Watch::new(limits());
        let first = watch.request(true);
        watch.response_over(first);
        let _second = watch.request(true);
        watch.request_over(first);
        watch.response_over(first);
        assert_eq!(left(&watch), Some((3 * SECOND, Late::Body)));
    }
}

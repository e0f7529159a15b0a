//! What an observer knows of the heartbeat, for drivers that pull everything.

use std::time::Duration;

use heartline::{Event, Instant, Pulse, Rhythm};

/// An open connection, seen from outside.
#[derive(Clone, Debug)]
pub struct Watch {
    pulse: Pulse,
    last_life: Instant,
    last_ping: Instant,
    unanswered: bool,
    degraded: bool,
    /// When this silence was put off, if it was.
    grace: Option<Instant>,
}

/// What a step said about the heartbeat.
#[derive(Clone, Copy, Default, Debug)]
pub struct Beats {
    pub pings: usize,
    pub degraded: usize,
    pub recovered: usize,
    pub slept: usize,
    pub dead: bool,
}

/// What the step was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    Ready,
    Life,
    Timer,
    NetworkChanged,
    Other,
}

impl Beats {
    pub fn hear(&mut self, event: Event) {
        match event {
            Event::Degraded => self.degraded += 1,
            Event::Recovered => self.recovered += 1,
            Event::Slept { .. } => self.slept += 1,
            Event::StateChanged { .. } => {}
        }
    }
}

impl Watch {
    pub fn new(pulse: Pulse, now: Instant) -> Self {
        Self { pulse, last_life: now, last_ping: now, unanswered: false, degraded: false, grace: None }
    }

    fn interval(&self) -> Option<Duration> {
        match self.pulse.rhythm {
            Rhythm::Off | Rhythm::Listen { .. } => None,
            Rhythm::WhenIdle { interval, .. } | Rhythm::Steady { interval, .. } => Some(interval),
        }
    }

    fn patience(&self) -> Option<Duration> {
        match self.pulse.rhythm {
            Rhythm::Off => None,
            Rhythm::WhenIdle { timeout, .. } => Some(timeout),
            Rhythm::Steady { timeout, .. } => timeout,
            Rhythm::Listen { window } => Some(window),
        }
    }

    /// Since when an answer (`Listen`: anything) is missing.
    fn missing_since(&self) -> Option<Instant> {
        match self.pulse.rhythm {
            Rhythm::Listen { .. } => Some(self.grace.map_or(self.last_life, |grace| grace.max(self.last_life))),
            _ => self.unanswered.then_some(self.last_ping),
        }
    }

    fn death(&self) -> Option<Instant> {
        Some(self.missing_since()?.saturating_add(self.patience()?)).filter(|at| *at < Instant::MAX)
    }

    fn ping_due(&self) -> Option<Instant> {
        let from = match self.pulse.rhythm {
            Rhythm::WhenIdle { .. } => self.last_life,
            _ => self.last_ping,
        };
        Some(from.saturating_add(self.interval()?)).filter(|at| *at < Instant::MAX && !self.unanswered)
    }

    fn slow(&self) -> Option<Instant> {
        let slow = self.missing_since()?.saturating_add(self.pulse.slow_after?);
        (!self.degraded && slow < Instant::MAX).then_some(slow)
    }

    /// One step on an open connection.
    pub fn step(&mut self, now: Instant, step: Step, beats: Beats, punctual: bool) {
        self.check_verdicts(now, step, beats, punctual);
        self.check_pings(now, step, beats, punctual);
        if step == Step::Life {
            assert_eq!(beats.recovered, usize::from(self.degraded), "[H8] recovered");
            (self.last_life, self.unanswered, self.degraded, self.grace) = (now, false, false, None);
        } else {
            assert_eq!(beats.recovered, 0, "[H8] recovered without a proof of life");
        }
        let slow = self.slow().filter(|slow| *slow <= now && step == Step::Timer);
        let degraded = slow.is_some() && !beats.dead && beats.slept == 0;
        assert_eq!(beats.degraded, usize::from(degraded), "[H8] degraded: {self:?} at {now:?}");
        assert!(!punctual || !degraded || slow == Some(now), "[H8] degraded at {now:?}, not at {slow:?}");
        self.degraded |= degraded;
        if beats.slept > 0 {
            self.grace = Some(now);
        }
        if beats.pings > 0 {
            self.last_ping = now;
            self.unanswered = self.patience().is_some();
        }
    }

    fn check_verdicts(&self, now: Instant, step: Step, beats: Beats, punctual: bool) {
        let Some(death) = self.death().filter(|death| *death <= now && step == Step::Timer) else {
            assert!(!beats.dead && beats.slept == 0, "[H4] a verdict before its time: {self:?} at {now:?}");
            return;
        };
        let late = now.saturating_since(death);
        let forgiven = late > self.pulse.late_tolerance && self.grace.is_none();
        assert_eq!((beats.slept, beats.dead), (usize::from(forgiven), !forgiven), "[H6] {self:?} at {now:?}");
        assert!(!punctual || late.is_zero(), "[H9] a late verdict");
    }

    fn check_pings(&self, now: Instant, step: Step, beats: Beats, punctual: bool) {
        let wanted = match step {
            Step::Ready => matches!(self.pulse.rhythm, Rhythm::Steady { .. }),
            Step::NetworkChanged => self.interval().is_some() && !self.unanswered,
            Step::Timer if beats.slept > 0 => self.interval().is_some(),
            Step::Timer => !beats.dead && self.ping_due().is_some_and(|due| due <= now),
            Step::Life | Step::Other => false,
        };
        assert_eq!(beats.pings, usize::from(wanted), "[H2, H3, R7] pings: {self:?}, {step:?} at {now:?}");
        let due = self.ping_due().filter(|_| punctual && step == Step::Timer && wanted);
        assert!(due.is_none_or(|due| due == now), "[H2] a ping at {now:?}, not at {due:?}");
    }

    /// After the step: with timers on time nothing is overdue, and no verdict is further than H9 says.
    pub fn check_punctual(&self, now: Instant) {
        for (name, due) in [("death", self.death()), ("slow", self.slow()), ("ping", self.ping_due())] {
            assert!(due.is_none_or(|due| due > now), "[H2, H4, H8] {name} is overdue: {self:?} at {now:?}");
        }
        if let Some(bound) = self.pulse.rhythm.detection_time() {
            let last = self.last_life.saturating_add(bound);
            assert!(now < last || last == Instant::MAX, "[H9] open {:?} after the last life", bound);
        }
    }
}

//! Whether the other side is still there: a machine of its own, for either side of a connection.

use core::time::Duration;

use crate::time::{Deadline, Instant};

/// How a connection is watched.
///
/// Which one fits depends on who counts what. A client behind proxies that close idle connections
/// wants [`WhenIdle`](Self::WhenIdle). A server that counts only what the client *sends* needs
/// [`Steady`](Self::Steady), because a steady broadcast would keep `WhenIdle` from ever sending.
/// Where the server does the sending, [`Listen`](Self::Listen) is enough and costs no traffic.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Rhythm {
    /// Nothing is sent and silence proves nothing.
    Off,
    /// Ping `interval` after the last proof of life; no proof of life within `timeout` of the ping is death.
    WhenIdle {
        /// Silence that leads to a ping.
        interval: Duration,
        /// How long a ping may stay unanswered.
        timeout: Duration,
    },
    /// Ping at the start and every `interval` after, whatever arrives.
    Steady {
        /// From one ping to the next.
        interval: Duration,
        /// How long a ping may stay unanswered, at most `interval`; `None` expects no answer at all,
        /// for a server that never gives one.
        timeout: Option<Duration>,
    },
    /// Never ping; silence for `window` is death. Twice the period of the sender is usual.
    Listen {
        /// Silence that is death.
        window: Duration,
    },
}

impl Rhythm {
    /// The longest time from the last proof of life to the verdict, if timers are on time.
    /// `None` where there is never a verdict.
    pub fn detection_time(&self) -> Option<Duration> {
        match *self {
            Self::Off | Self::Steady { timeout: None, .. } => None,
            Self::WhenIdle { interval, timeout } | Self::Steady { interval, timeout: Some(timeout) } => {
                Some(interval.saturating_add(timeout))
            }
            Self::Listen { window } => Some(window),
        }
    }

    /// The silence that is death: since the ping, or for `Listen` since the last proof of life.
    const fn patience(&self) -> Option<Duration> {
        match *self {
            Self::Off => None,
            Self::WhenIdle { timeout, .. } => Some(timeout),
            Self::Steady { timeout, .. } => timeout,
            Self::Listen { window } => Some(window),
        }
    }

    const fn interval(&self) -> Option<Duration> {
        match *self {
            Self::WhenIdle { interval, .. } | Self::Steady { interval, .. } => Some(interval),
            Self::Off | Self::Listen { .. } => None,
        }
    }
}

/// Everything a [`Heartbeat`] goes by. One value serves any number of connections.
///
/// A [`Config`](crate::Config) checks the values it is given; taken alone nothing is checked, and
/// the machine stays total whatever stands here: a zero interval only makes it beat at every timer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Pulse {
    /// How the connection is watched.
    pub rhythm: Rhythm,
    /// How long a ping is unanswered (`Listen`: how long silence lasts) before the link counts as
    /// degraded. `None` for never.
    pub slow_after: Option<Duration>,
    /// A verdict later than this is not believed at once: the process was suspended, not the link dead.
    pub late_tolerance: Duration,
}

impl Default for Pulse {
    /// Ping after 20 s of silence, dead after 10 s more, slow after 3 s, 5 s of tolerance.
    fn default() -> Self {
        Self {
            rhythm: Rhythm::WhenIdle { interval: Duration::from_secs(20), timeout: Duration::from_secs(10) },
            slow_after: Some(Duration::from_secs(3)),
            late_tolerance: Duration::from_secs(5),
        }
    }
}

/// What a timer found.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Beat {
    /// Nothing is due.
    Quiet,
    /// Send a ping now.
    Ping,
    /// The link is slow; said once until the next proof of life.
    Degraded,
    /// The timer came so late that its verdict is put off once. `ping` says whether to send one.
    Slept {
        /// How much later than the verdict was due.
        late: Duration,
        /// Whether to probe with a ping.
        ping: bool,
    },
    /// The other side is gone, and this heartbeat is over.
    Dead,
}

/// What a pong taught.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Pong {
    /// The link was degraded and is not any more.
    pub recovered: bool,
    /// The round trip of the ping it answers; `None` if it is not certain which one that is.
    pub round_trip: Option<Duration>,
}

/// The heartbeat of one connection: 32 bytes, no clock, no allocation.
///
/// A proof of life only stores the time; the deadline moves when a timer finds that it is early.
/// That is what keeps a busy connection from re-arming a timer for every message.
///
/// ```
/// use core::time::Duration;
/// use heartline::{Beat, Heartbeat, Instant, Pulse, Rhythm};
///
/// let second = Duration::from_secs(1);
/// let pulse = Pulse {
///     rhythm: Rhythm::WhenIdle { interval: 20 * second, timeout: 10 * second },
///     slow_after: None,
///     late_tolerance: 5 * second,
/// };
/// let at = |seconds| Instant::after(seconds * second);
/// let (mut heartbeat, ping_now) = Heartbeat::start(&pulse, at(0));
/// assert!(!ping_now);
/// heartbeat.alive(at(7));                                   // a message
/// assert_eq!(heartbeat.deadline(), Some(at(20)));           // has not moved
/// assert_eq!(heartbeat.timer(&pulse, at(20)), Beat::Quiet); // but is early
/// assert_eq!(heartbeat.timer(&pulse, at(27)), Beat::Ping);
/// assert_eq!(heartbeat.timer(&pulse, at(37)), Beat::Dead);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Heartbeat {
    last_life: Instant,
    last_ping: Instant,
    wake: Deadline,
    /// The last ping has had no proof of life after it, and one is expected.
    awaiting: bool,
    /// Pings without a pong. Only if there is one is it certain which ping a pong answers (Karn's question);
    /// at the end of `u8` nobody knows any more.
    unanswered: u8,
    degraded: bool,
    /// This silence has had its one grace.
    grace_used: bool,
}

impl Heartbeat {
    /// Begins to watch at `now`. The flag says whether a ping is to be sent at once (`Steady`).
    pub fn start(pulse: &Pulse, now: Instant) -> (Self, bool) {
        let mut heartbeat = Self {
            last_life: now,
            last_ping: now,
            wake: Deadline::NEVER,
            awaiting: false,
            unanswered: 0,
            degraded: false,
            grace_used: false,
        };
        let ping = matches!(pulse.rhythm, Rhythm::Steady { .. });
        if ping {
            heartbeat.beat(pulse, now);
        }
        heartbeat.arm(pulse, now);
        (heartbeat, ping)
    }

    /// The other side showed life: any inbound message. True if the link was degraded until now.
    #[inline]
    pub fn alive(&mut self, now: Instant) -> bool {
        self.last_life = now;
        self.awaiting = false;
        self.grace_used = false;
        core::mem::replace(&mut self.degraded, false)
    }

    /// A pong arrived: life, and perhaps a round trip.
    pub fn pong(&mut self, now: Instant) -> Pong {
        let round_trip = (self.unanswered == 1).then(|| now.saturating_since(self.last_ping));
        if self.unanswered < u8::MAX {
            self.unanswered = self.unanswered.saturating_sub(1);
        }
        Pong { recovered: self.alive(now), round_trip }
    }

    /// Pings out of turn, because something made the link doubtful. True if a ping is to be sent: not while
    /// one is unanswered, and never for a rhythm that does not ping.
    pub fn probe(&mut self, pulse: &Pulse, now: Instant) -> bool {
        let ping = pulse.rhythm.interval().is_some() && !self.awaiting;
        if ping {
            self.beat(pulse, now);
            self.arm(pulse, now);
        }
        ping
    }

    /// When [`timer`](Self::timer) wants to be called. Moved by timers and probes, never by life.
    pub fn deadline(&self) -> Option<Instant> {
        self.wake.get()
    }

    /// Judges the deadlines. Legal at any time; an early call finds nothing.
    pub fn timer(&mut self, pulse: &Pulse, now: Instant) -> Beat {
        let found = self.judge(pulse, now);
        self.arm(pulse, now);
        found
    }

    fn judge(&mut self, pulse: &Pulse, now: Instant) -> Beat {
        if self.death(pulse).passed(now) {
            let late = now.saturating_since(self.death(pulse).instant());
            if late <= pulse.late_tolerance || self.grace_used {
                return Beat::Dead;
            }
            self.grace_used = true;
            let ping = pulse.rhythm.interval().is_some();
            self.beat(pulse, now);
            return Beat::Slept { late, ping };
        }
        if self.slow(pulse).passed(now) {
            self.degraded = true;
            return Beat::Degraded;
        }
        if self.next_ping(pulse).passed(now) {
            self.beat(pulse, now);
            return Beat::Ping;
        }
        Beat::Quiet
    }

    /// Records a ping; for `Listen`, which has none, the start of one more window.
    fn beat(&mut self, pulse: &Pulse, now: Instant) {
        self.last_ping = now;
        match pulse.rhythm {
            Rhythm::Off | Rhythm::Listen { .. } => {}
            Rhythm::WhenIdle { .. } | Rhythm::Steady { .. } => {
                self.awaiting = pulse.rhythm.patience().is_some();
                self.unanswered = self.unanswered.saturating_add(1);
            }
        }
    }

    /// Since when an answer (`Listen`: any sign) has been missing.
    fn silent_since(&self, pulse: &Pulse) -> Option<Instant> {
        match pulse.rhythm {
            Rhythm::Off => None,
            Rhythm::Listen { .. } => Some(self.last_life.max(self.last_ping)),
            Rhythm::WhenIdle { .. } | Rhythm::Steady { .. } => self.awaiting.then_some(self.last_ping),
        }
    }

    fn death(&self, pulse: &Pulse) -> Deadline {
        match (self.silent_since(pulse), pulse.rhythm.patience()) {
            (Some(since), Some(patience)) => Deadline::at(since.saturating_add(patience)),
            _ => Deadline::NEVER,
        }
    }

    fn slow(&self, pulse: &Pulse) -> Deadline {
        match (self.silent_since(pulse), pulse.slow_after) {
            (Some(since), Some(slow)) if !self.degraded => Deadline::at(since.saturating_add(slow)),
            _ => Deadline::NEVER,
        }
    }

    fn next_ping(&self, pulse: &Pulse) -> Deadline {
        match pulse.rhythm {
            Rhythm::Off | Rhythm::Listen { .. } => Deadline::NEVER,
            Rhythm::WhenIdle { .. } if self.awaiting => Deadline::NEVER,
            Rhythm::WhenIdle { interval, .. } => Deadline::at(self.last_life.saturating_add(interval)),
            Rhythm::Steady { interval, .. } => Deadline::at(self.last_ping.saturating_add(interval)),
        }
    }

    /// The earliest moment at which anything can be due. While a ping is unanswered that includes
    /// the next ping, were the answer to come at once: so an answer need not move the deadline.
    fn arm(&mut self, pulse: &Pulse, now: Instant) {
        let after_answer = match pulse.rhythm.interval() {
            Some(interval) if self.awaiting => Deadline::at(now.saturating_add(interval)),
            _ => Deadline::NEVER,
        };
        // For `Listen` silence begins with life itself, so that after a recovery it can be slow again that soon.
        let slow_again = match (pulse.rhythm, pulse.slow_after) {
            (Rhythm::Listen { .. }, Some(slow)) if self.degraded => Deadline::at(now.saturating_add(slow)),
            _ => Deadline::NEVER,
        };
        let due = self.death(pulse).min(self.slow(pulse)).min(self.next_ping(pulse));
        self.wake = due.min(after_answer).min(slow_again);
    }

    /// For the fingerprint: everything `judge` goes by.
    pub(crate) fn deadlines(&self, pulse: &Pulse) -> [Deadline; 4] {
        [self.wake, self.death(pulse), self.slow(pulse), self.next_ping(pulse)]
    }

    /// For the fingerprint.
    pub(crate) fn flags(&self) -> [bool; 3] {
        [self.awaiting, self.degraded, self.grace_used]
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Instant {
        Instant::after(Duration::from_secs(seconds))
    }

    fn pulse(rhythm: Rhythm, slow_after: Option<u64>) -> Pulse {
        Pulse { rhythm, slow_after: slow_after.map(Duration::from_secs), late_tolerance: SECOND }
    }

    fn when_idle(interval: u64, timeout: u64) -> Rhythm {
        Rhythm::WhenIdle { interval: Duration::from_secs(interval), timeout: Duration::from_secs(timeout) }
    }

    fn steady(interval: u64, timeout: Option<u64>) -> Rhythm {
        Rhythm::Steady { interval: Duration::from_secs(interval), timeout: timeout.map(Duration::from_secs) }
    }

    /// Calls the timer whenever it wants to be called, up to and with `until`.
    fn run(heartbeat: &mut Heartbeat, pulse: &Pulse, until: Instant) -> Vec<(u64, Beat)> {
        let mut beats = Vec::new();
        while let Some(due) = heartbeat.deadline().filter(|due| *due <= until) {
            let beat = heartbeat.timer(pulse, due);
            if beat != Beat::Quiet {
                beats.push((due.as_nanos() / 1_000_000_000, beat));
            }
            if beat == Beat::Dead {
                break;
            }
            assert!(heartbeat.deadline().is_none_or(|next| next > due), "a timer that does not move on");
        }
        beats
    }

    #[test]
    fn off_wants_no_timer_at_all() {
        let pulse = pulse(Rhythm::Off, None);
        let (mut heartbeat, ping) = Heartbeat::start(&pulse, at(0));
        assert!(!ping && heartbeat.deadline().is_none());
        assert_eq!(heartbeat.timer(&pulse, Instant::MAX), Beat::Quiet);
        assert!(!heartbeat.probe(&pulse, at(1)));
    }

    #[test]
    fn an_idle_link_is_pinged_exactly_interval_after_the_last_life_even_if_the_timeout_is_longer() {
        let pulse = pulse(when_idle(5, 20), None);
        let (mut heartbeat, _) = Heartbeat::start(&pulse, at(0));
        assert_eq!(run(&mut heartbeat, &pulse, at(5)), [(5, Beat::Ping)]);
        assert_eq!(run(&mut heartbeat, &pulse, at(11)), []);
        heartbeat.pong(at(11));
        assert_eq!(run(&mut heartbeat, &pulse, at(16)), [(16, Beat::Ping)]);
        assert_eq!(run(&mut heartbeat, &pulse, at(99)), [(36, Beat::Dead)]);
    }

    #[test]
    fn a_steady_heart_beats_whatever_arrives() {
        let pulse = pulse(steady(5, None), None);
        let (mut heartbeat, ping) = Heartbeat::start(&pulse, at(0));
        assert!(ping);
        heartbeat.alive(at(4));
        assert_eq!(run(&mut heartbeat, &pulse, at(12)), [(5, Beat::Ping), (10, Beat::Ping)]);
    }

    #[test]
    fn a_steady_heart_with_a_timeout_gives_up_on_silence() {
        let pulse = pulse(steady(5, Some(5)), None);
        let (mut heartbeat, _) = Heartbeat::start(&pulse, at(0));
        heartbeat.alive(at(1));
        assert_eq!(run(&mut heartbeat, &pulse, at(99)), [(5, Beat::Ping), (10, Beat::Dead)]);
    }

    #[test]
    fn listening_never_pings_and_gives_up_after_one_window() {
        let pulse = pulse(Rhythm::Listen { window: 10 * SECOND }, Some(6));
        let (mut heartbeat, ping) = Heartbeat::start(&pulse, at(0));
        assert!(!ping && !heartbeat.probe(&pulse, at(1)));
        heartbeat.alive(at(3));
        assert_eq!(run(&mut heartbeat, &pulse, at(99)), [(9, Beat::Degraded), (13, Beat::Dead)]);
    }

    #[test]
    fn a_link_that_recovered_is_degraded_again_in_time() {
        let pulse = pulse(Rhythm::Listen { window: 20 * SECOND }, Some(6));
        let (mut heartbeat, _) = Heartbeat::start(&pulse, at(0));
        assert_eq!(run(&mut heartbeat, &pulse, at(7)), [(6, Beat::Degraded)]);
        assert!(heartbeat.alive(at(7)));
        assert_eq!(run(&mut heartbeat, &pulse, at(99)), [(13, Beat::Degraded), (27, Beat::Dead)]);
    }

    #[test]
    fn a_late_verdict_gets_one_grace_and_no_second() {
        let pulse = pulse(when_idle(5, 5), None);
        let (mut heartbeat, _) = Heartbeat::start(&pulse, at(0));
        assert_eq!(heartbeat.timer(&pulse, at(5)), Beat::Ping);
        assert_eq!(heartbeat.timer(&pulse, at(3600)), Beat::Slept { late: 3590 * SECOND, ping: true });
        assert_eq!(heartbeat.timer(&pulse, at(7200)), Beat::Dead);
    }

    #[test]
    fn life_after_a_grace_earns_the_next_one() {
        let pulse = pulse(Rhythm::Listen { window: 5 * SECOND }, None);
        let (mut heartbeat, _) = Heartbeat::start(&pulse, at(0));
        assert_eq!(heartbeat.timer(&pulse, at(100)), Beat::Slept { late: 95 * SECOND, ping: false });
        assert_eq!(heartbeat.deadline(), Some(at(105)));
        heartbeat.alive(at(104));
        assert_eq!(heartbeat.timer(&pulse, at(200)), Beat::Slept { late: 91 * SECOND, ping: false });
    }

    #[test]
    fn a_verdict_within_the_tolerance_stands() {
        let pulse = pulse(when_idle(5, 5), None);
        let (mut heartbeat, _) = Heartbeat::start(&pulse, at(0));
        heartbeat.timer(&pulse, at(5));
        assert_eq!(heartbeat.timer(&pulse, at(11)), Beat::Dead);
    }

    #[test]
    fn degraded_is_said_once_and_recovered_once() {
        let pulse = pulse(when_idle(5, 9), Some(2));
        let (mut heartbeat, _) = Heartbeat::start(&pulse, at(0));
        assert_eq!(run(&mut heartbeat, &pulse, at(13)), [(5, Beat::Ping), (7, Beat::Degraded)]);
        assert!(heartbeat.alive(at(13)));
        assert!(!heartbeat.alive(at(13)));
    }

    #[test]
    fn a_round_trip_is_measured_even_if_a_message_came_before_the_pong() {
        let pulse = pulse(when_idle(5, 5), None);
        let (mut heartbeat, _) = Heartbeat::start(&pulse, at(0));
        heartbeat.timer(&pulse, at(5));
        heartbeat.alive(at(6));
        assert_eq!(heartbeat.pong(at(7)).round_trip, Some(2 * SECOND));
        assert_eq!(heartbeat.pong(at(8)).round_trip, None, "nobody asked");
    }

    #[test]
    fn a_pong_that_may_belong_to_two_pings_is_no_sample() {
        let pulse = pulse(steady(5, None), None);
        let (mut heartbeat, _) = Heartbeat::start(&pulse, at(0));
        heartbeat.timer(&pulse, at(5));
        assert_eq!(heartbeat.pong(at(7)).round_trip, None, "of the ping at 0 or at 5");
        heartbeat.timer(&pulse, at(10));
        assert_eq!(heartbeat.pong(at(12)).round_trip, None, "of the ping at 5 or at 10");
        assert_eq!(heartbeat.pong(at(13)).round_trip, Some(3 * SECOND));
    }

    #[test]
    fn a_server_that_never_answers_leaves_no_pong_certain() {
        let pulse = pulse(steady(5, None), None);
        let (mut heartbeat, _) = Heartbeat::start(&pulse, at(0));
        for beat in 1..300 {
            heartbeat.timer(&pulse, at(5 * beat));
        }
        assert!((0..300).all(|_| heartbeat.pong(at(1496)).round_trip.is_none()));
    }

    #[test]
    fn a_probe_waits_while_a_ping_is_unanswered() {
        let pulse = pulse(when_idle(5, 5), None);
        let (mut heartbeat, _) = Heartbeat::start(&pulse, at(0));
        assert!(heartbeat.probe(&pulse, at(1)));
        assert!(!heartbeat.probe(&pulse, at(2)));
        assert_eq!(run(&mut heartbeat, &pulse, at(99)), [(6, Beat::Dead)]);
    }
}

//! Whether the other side is still there: a machine of its own, for either side of a connection.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::check::{ConfigError, DAY, MILLISECOND, within};
use crate::time::{Deadline, Span, Timestamp};

const NANOSECOND: Duration = Duration::from_nanos(1);

/// How a connection is watched.
///
/// Which mode fits depends on who counts what. A client behind proxies that close idle connections wants
/// [`WhenIdle`](Self::WhenIdle). A server that counts only what the client *sends* needs
/// [`Periodic`](Self::Periodic), because a steady broadcast would keep `WhenIdle` from ever sending.
/// Where the server does the sending, or where no ping exists (browsers), [`Listen`](Self::Listen) is enough.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum HeartbeatMode {
    /// Nothing is sent and silence proves nothing.
    Off,
    /// Ping `interval` after the last proof of life; no proof of life within `timeout` of the ping is death.
    WhenIdle {
        /// Silence that leads to a ping: 1 ms to a day.
        interval: Duration,
        /// How long a ping may stay unanswered: 1 ms to a day.
        timeout: Duration,
    },
    /// Ping at the start and every `interval` after, whatever arrives.
    Periodic {
        /// From one ping to the next: 1 ms to a day.
        interval: Duration,
        /// How long a ping may stay unanswered, 1 ms to `interval`; `None` expects no answer at all, for a
        /// server that never gives one.
        timeout: Option<Duration>,
    },
    /// Never ping; silence for `timeout` is death. Twice the period of the sender is usual.
    Listen {
        /// Silence that is death: 1 ms to a day.
        timeout: Duration,
    },
}

impl HeartbeatMode {
    /// The longest time from the last proof of life until the link is declared dead, if timers are on time.
    /// `None` if it never is.
    pub fn detection_time(&self) -> Option<Duration> {
        let before_the_wait = self.interval().unwrap_or_default();
        Some(before_the_wait.saturating_add(self.timeout()?))
    }

    /// The silence that is death: since the ping, or for `Listen` since the last proof of life.
    const fn timeout(&self) -> Option<Duration> {
        match *self {
            Self::Off => None,
            Self::WhenIdle { timeout, .. } | Self::Listen { timeout } => Some(timeout),
            Self::Periodic { timeout, .. } => timeout,
        }
    }

    /// `None` for a mode that does not ping.
    pub(crate) const fn interval(&self) -> Option<Duration> {
        match *self {
            Self::WhenIdle { interval, .. } | Self::Periodic { interval, .. } => Some(interval),
            Self::Off | Self::Listen { .. } => None,
        }
    }
}

impl fmt::Display for HeartbeatMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Off => formatter.write_str("off"),
            Self::WhenIdle { interval, timeout } => {
                write!(formatter, "ping after {interval:?}, dead after {timeout:?}")
            }
            Self::Periodic { interval, timeout: Some(timeout) } => {
                write!(formatter, "ping every {interval:?}, dead after {timeout:?}")
            }
            Self::Periodic { interval, timeout: None } => write!(formatter, "ping every {interval:?}, never dead"),
            Self::Listen { timeout } => write!(formatter, "dead after {timeout:?} of silence"),
        }
    }
}

/// The settings of a [`Heartbeat`]. One value serves any number of connections.
///
/// A [`Config`](crate::Config) checks its values. A heartbeat that is used alone checks nothing and stays
/// total all the same: a zero interval only makes it ping at every timer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct HeartbeatConfig {
    /// How the connection is watched. Default `WhenIdle` with 20 s and 10 s (python websockets: 20 and 20),
    /// below the 30 and 60 s after which proxies commonly close an idle connection.
    pub mode: HeartbeatMode,
    /// How long a ping is unanswered before the link counts as degraded: 1 ms to a day, or `None` for never. One that
    /// is not shorter than the mode's timeout never comes to pass. Default 3 s.
    pub slow_after: Option<Duration>,
    /// By how much a timer may be late before it is taken for a suspended process rather than a dead link:
    /// up to a day. Default 5 s.
    pub late_tolerance: Duration,
}

impl Default for HeartbeatConfig {
    fn default() -> Self {
        Self {
            mode: HeartbeatMode::WhenIdle { interval: Duration::from_secs(20), timeout: Duration::from_secs(10) },
            slow_after: Some(Duration::from_secs(3)),
            late_tolerance: Duration::from_secs(5),
        }
    }
}

impl HeartbeatConfig {
    /// The same with the mode that a server dictates; `None` for a mode that no config would accept.
    pub(crate) fn dictated(&self, mode: HeartbeatMode) -> Option<Self> {
        let dictated = Self { mode, ..*self };
        dictated.check().is_ok().then_some(dictated)
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if let Some(interval) = self.mode.interval() {
            within("heartbeat.mode.interval", interval, MILLISECOND, DAY)?;
        }
        let longest = match self.mode {
            HeartbeatMode::Periodic { interval, .. } => interval,
            HeartbeatMode::Off | HeartbeatMode::WhenIdle { .. } | HeartbeatMode::Listen { .. } => DAY,
        };
        if let Some(timeout) = self.mode.timeout() {
            within("heartbeat.mode.timeout", timeout, MILLISECOND, longest)?;
        }
        if let Some(slow) = self.slow_after {
            within("heartbeat.slow_after", slow, MILLISECOND, DAY)?;
        }
        within("heartbeat.late_tolerance", self.late_tolerance, Duration::ZERO, DAY)
    }
}

/// What a timer of a [`Heartbeat`] came to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub enum HeartbeatEvent {
    /// Send a ping now.
    Ping,
    /// The link is slow; reported once until the next proof of life.
    Degraded,
    /// The timer came so late that the process must have been suspended: the wait for an answer starts anew, once.
    Slept {
        /// Whether to send a ping (`Listen` never does).
        ping: bool,
    },
    /// The other side is gone, and this heartbeat is over.
    Dead,
}

/// What a [`Heartbeat`] learns from a pong.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Pong {
    /// The link was degraded and no longer is.
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
/// use heartline::Timestamp;
/// use heartline::heartbeat::{Heartbeat, HeartbeatConfig, HeartbeatEvent, HeartbeatMode};
///
/// let second = Duration::from_secs(1);
/// let config = HeartbeatConfig {
///     mode: HeartbeatMode::WhenIdle { interval: 20 * second, timeout: 10 * second },
///     slow_after: None,
///     late_tolerance: 5 * second,
/// };
/// let at = |seconds| Timestamp::after(seconds * second);
/// let on_time = Duration::ZERO;
/// let (mut heartbeat, ping_now) = Heartbeat::start(&config, at(0));
/// assert!(!ping_now);
/// heartbeat.alive(at(7));                                          // a message
/// assert_eq!(heartbeat.deadline(), Some(at(20)));                  // has not moved
/// assert_eq!(heartbeat.timer(&config, at(20), on_time), None);     // but is early
/// assert_eq!(heartbeat.timer(&config, at(27), on_time), Some(HeartbeatEvent::Ping));
/// assert_eq!(heartbeat.timer(&config, at(37), on_time), Some(HeartbeatEvent::Dead));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Heartbeat {
    last_life: Timestamp,
    /// Without a ping since, the moment at which the wait started anew.
    last_ping: Timestamp,
    wake: Deadline,
    /// The number of the latest ping, which is its token; 0 before the first.
    token: u32,
    flags: u8,
    /// Pings without a pong, up to `u8::MAX`.
    unanswered: u8,
    /// A ping was sent since this way of watching began: `last_ping` is its moment.
    pinged: bool,
}

/// There has been no proof of life since the latest ping, and one is expected.
const AWAITING: u8 = 1;
const DEGRADED: u8 = 2;
/// The wait of this silence was started anew once.
const GRACE_USED: u8 = 4;

impl Heartbeat {
    /// Starts to watch at `now`. The flag says whether to send a ping at once (`Periodic`).
    pub fn start(config: &HeartbeatConfig, now: Timestamp) -> (Self, bool) {
        let mut heartbeat = Self {
            last_life: now,
            last_ping: now,
            wake: Deadline::NEVER,
            token: 0,
            flags: 0,
            unanswered: 0,
            pinged: false,
        };
        let (_, ping) = heartbeat.restart(config, now);
        (heartbeat, ping)
    }

    /// Watches the same connection in another way from `now` on; pings sent before are no longer timed, tokens go on
    /// counting. The flags say whether the link was degraded until now, and whether to send a ping at once.
    pub fn restart(&mut self, config: &HeartbeatConfig, now: Timestamp) -> (bool, bool) {
        let recovered = self.alive(now);
        self.pinged = false;
        let ping = matches!(config.mode, HeartbeatMode::Periodic { .. });
        if ping {
            self.ping(config, now);
        }
        self.arm(config, now);
        (recovered, ping)
    }

    /// Nothing was read until now, so that no answer can have been seen: the wait starts anew, without a ping. Pings sent
    /// before are neither awaited nor timed any more. It is no proof of life.
    pub fn unread(&mut self, config: &HeartbeatConfig, now: Timestamp) {
        self.flags &= DEGRADED;
        self.last_ping = now;
        self.pinged = false;
        self.arm(config, now);
    }

    /// The owner of many heartbeats was suspended until now: as [`unread`](Self::unread), but an idle link is pinged no
    /// sooner than `turn` from now, so that the owner can spread the pings, and no later than without a suspension if that
    /// is later.
    pub fn suspended(&mut self, config: &HeartbeatConfig, now: Timestamp, turn: Duration) {
        let pinged = self.last_ping;
        self.unread(config, now);
        if let Some(interval) = config.mode.interval() {
            let due = now.saturating_add(turn).since_origin();
            self.last_ping = pinged.max(Timestamp::after(due.saturating_sub(interval)));
            self.arm(config, now);
        }
    }

    /// The other side showed life: any inbound bytes. True if the link was degraded until now.
    #[inline]
    pub fn alive(&mut self, now: Timestamp) -> bool {
        self.last_life = now;
        core::mem::replace(&mut self.flags, 0) & DEGRADED != 0
    }

    /// As [`alive`](Self::alive), unless there was life later than this.
    #[inline(always)]
    pub(crate) fn alive_no_earlier(&mut self, now: Timestamp) {
        self.alive(self.last_life.max(now));
    }

    /// A pong arrived: life, and perhaps a round trip.
    ///
    /// `token` is the number of the ping that it answers. Only the latest ping is timed. Without a token the
    /// pong is taken for the answer to the latest ping if no other ping is unanswered.
    #[inline]
    pub fn pong(&mut self, config: &HeartbeatConfig, now: Timestamp, token: Option<u32>) -> Pong {
        let pinged = self.answered(token);
        let recovered = self.alive_and_armed(config, now);
        Pong { recovered, round_trip: pinged.map(|at| now.saturating_since(at)) }
    }

    /// When the ping was sent that a pong with this token answers, if that is certain.
    #[inline]
    pub(crate) fn answered(&mut self, token: Option<u32>) -> Option<Timestamp> {
        let certain = match token {
            Some(token) if token == self.token => core::mem::take(&mut self.unanswered) > 0,
            Some(_) => false,
            // Once the count is at its end nobody knows any more.
            None if self.unanswered == u8::MAX => false,
            None => {
                let only = self.unanswered == 1;
                self.unanswered = self.unanswered.saturating_sub(1);
                only
            }
        };
        if certain && self.pinged { Some(self.last_ping) } else { None }
    }

    /// As [`alive`](Self::alive), and the deadline moves at once: an early timer for each ping is saved.
    #[inline]
    pub(crate) fn alive_and_armed(&mut self, config: &HeartbeatConfig, now: Timestamp) -> bool {
        let recovered = self.alive(now);
        match config.mode {
            // As `arm` would, without a question.
            HeartbeatMode::WhenIdle { interval, .. } => self.wake = Deadline::at(now.plus(Span::of(interval))),
            _ => self.arm(config, now),
        }
        recovered
    }

    /// Pings out of turn, because something made the link doubtful. True if a ping is to be sent: never in
    /// a mode that does not ping, not while one is unanswered, and not within `gap` of the latest.
    pub fn probe(&mut self, config: &HeartbeatConfig, now: Timestamp, gap: Duration) -> bool {
        let recent = self.pinged && now < self.last_ping.saturating_add(gap);
        let ping = config.mode.interval().is_some() && !self.is(AWAITING) && !recent;
        if ping {
            self.ping(config, now);
            self.arm(config, now);
        }
        ping
    }

    /// When to call [`timer`](Self::timer). Moved by timers, probes and pongs, never by other life.
    #[inline]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.wake.get()
    }

    /// The number of the latest ping on this connection, for its payload; they begin at 1.
    pub fn token(&self) -> u32 {
        self.token
    }

    /// Checks what is due. An early call does nothing.
    ///
    /// `late` is how much later the timer was called than it was due, as measured by the timer's owner: with
    /// one timer for many purposes that is the lateness of the earliest of them, not of this heartbeat's own.
    pub fn timer(&mut self, config: &HeartbeatConfig, now: Timestamp, late: Duration) -> Option<HeartbeatEvent> {
        self.timer_late(config, now, Span::of(late))
    }

    /// As [`timer`](Self::timer).
    pub(crate) fn timer_late(
        &mut self,
        config: &HeartbeatConfig,
        now: Timestamp,
        late: Span,
    ) -> Option<HeartbeatEvent> {
        let event = self.due(config, now, late);
        self.arm(config, now);
        event
    }

    fn due(&mut self, config: &HeartbeatConfig, now: Timestamp, late: Span) -> Option<HeartbeatEvent> {
        let tolerance = Span::of(config.late_tolerance);
        if late > tolerance && self.waited(config, now) > tolerance && !self.is(GRACE_USED) {
            let ping = self.ping(config, now);
            self.flags |= GRACE_USED;
            return Some(HeartbeatEvent::Slept { ping });
        }
        if self.death(config).passed(now) {
            return Some(HeartbeatEvent::Dead);
        }
        if self.slow(config).passed(now) {
            self.flags |= DEGRADED;
            return Some(HeartbeatEvent::Degraded);
        }
        if self.next_ping(config).passed(now) {
            self.ping(config, now);
            return Some(HeartbeatEvent::Ping);
        }
        None
    }

    /// How long an answer has been waited for, where its absence is death.
    fn waited(&self, config: &HeartbeatConfig, now: Timestamp) -> Span {
        if config.mode.timeout().is_some() { self.silent_since(config).lateness(now) } else { Span::ZERO }
    }

    /// Starts a wait, with a ping if the mode has pings.
    fn ping(&mut self, config: &HeartbeatConfig, now: Timestamp) -> bool {
        self.last_ping = now;
        let pings = config.mode.interval().is_some();
        if pings {
            self.token = self.token.wrapping_add(1).max(1);
            self.unanswered = self.unanswered.saturating_add(1);
            self.pinged = true;
            if config.mode.timeout().is_some() {
                self.flags |= AWAITING;
            }
        }
        pings
    }

    fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Since when an answer (`Listen`: any sign) has been missing; never if none is.
    fn silent_since(&self, config: &HeartbeatConfig) -> Deadline {
        match config.mode {
            HeartbeatMode::Listen { .. } => self.idle_since(),
            HeartbeatMode::WhenIdle { .. } | HeartbeatMode::Periodic { .. } if self.is(AWAITING) => self.pinged_at(),
            _ => Deadline::NEVER,
        }
    }

    fn idle_since(&self) -> Deadline {
        Deadline::at(self.last_life.max(self.last_ping))
    }

    fn pinged_at(&self) -> Deadline {
        Deadline::at(self.last_ping)
    }

    fn death(&self, config: &HeartbeatConfig) -> Deadline {
        Deadline::after(self.silent_since(config), Span::of_option(config.mode.timeout()))
    }

    /// Only a ping can be answered slowly: without one, silence means nothing before it means death.
    fn slow(&self, config: &HeartbeatConfig) -> Deadline {
        let asked = self.is(AWAITING) && !self.is(DEGRADED);
        if asked { Deadline::after(self.pinged_at(), Span::of_option(config.slow_after)) } else { Deadline::NEVER }
    }

    fn next_ping(&self, config: &HeartbeatConfig) -> Deadline {
        let since = match config.mode {
            HeartbeatMode::WhenIdle { .. } if self.is(AWAITING) => Deadline::NEVER,
            HeartbeatMode::WhenIdle { .. } => self.idle_since(),
            HeartbeatMode::Off | HeartbeatMode::Periodic { .. } | HeartbeatMode::Listen { .. } => self.pinged_at(),
        };
        Deadline::after(since, Span::of_option(config.mode.interval()))
    }

    /// The earliest moment at which anything can be due, even if a message came now: it could not move the
    /// deadline. A message may end a wait, so that an idle link is to be pinged again.
    #[inline(never)]
    fn arm(&mut self, config: &HeartbeatConfig, now: Timestamp) {
        self.wake = match config.mode {
            HeartbeatMode::Off => Deadline::NEVER,
            HeartbeatMode::WhenIdle { .. } | HeartbeatMode::Periodic { .. } if !self.is(AWAITING) => {
                self.next_ping(config)
            }
            HeartbeatMode::WhenIdle { interval, .. } => {
                let answered_now = Deadline::at(now.plus(Span::of(interval)));
                self.death(config).min(self.slow(config)).min(answered_now)
            }
            HeartbeatMode::Periodic { .. } => self.death(config).min(self.slow(config)).min(self.next_ping(config)),
            HeartbeatMode::Listen { .. } => self.death(config),
        };
    }

    /// Until when the link is known to have been good: the last proof of life, or `now` where no life is expected.
    pub(crate) fn good_until(&self, config: &HeartbeatConfig, now: Timestamp) -> Timestamp {
        if config.mode.timeout().is_some() { self.last_life } else { now }
    }

    /// Everything that decides what this heartbeat will do, relative to `now`, if [`probe`](Self::probe) is called with
    /// `gap`.
    pub(crate) fn fingerprint(&self, config: &HeartbeatConfig, now: Timestamp, gap: Duration, into: &mut Vec<u64>) {
        let recent_until = if self.pinged { self.last_ping.saturating_add(gap) } else { now };
        into.push(Deadline::at(recent_until).distance(now, Duration::ZERO)[0]);
        for deadline in [self.wake, self.death(config), self.slow(config), self.next_ping(config)] {
            into.extend(deadline.distance(now, Duration::ZERO));
        }
        let waited = self.waited(config, now).min(Span::of(config.late_tolerance.saturating_add(NANOSECOND)));
        into.extend([u64::from(self.flags), waited.as_nanos()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    const SECOND: Duration = Duration::from_secs(1);
    const ON_TIME: Duration = Duration::ZERO;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::after(Duration::from_secs(seconds))
    }

    fn config(mode: HeartbeatMode, slow_after: Option<u64>) -> HeartbeatConfig {
        HeartbeatConfig { mode, slow_after: slow_after.map(Duration::from_secs), late_tolerance: SECOND }
    }

    fn when_idle(interval: u64, timeout: u64) -> HeartbeatMode {
        HeartbeatMode::WhenIdle { interval: Duration::from_secs(interval), timeout: Duration::from_secs(timeout) }
    }

    fn periodic(interval: u64, timeout: Option<u64>) -> HeartbeatMode {
        HeartbeatMode::Periodic { interval: Duration::from_secs(interval), timeout: timeout.map(Duration::from_secs) }
    }

    fn listen(timeout: u64) -> HeartbeatMode {
        HeartbeatMode::Listen { timeout: Duration::from_secs(timeout) }
    }

    /// Calls the timer whenever it is due, up to and with `until`.
    fn run(heartbeat: &mut Heartbeat, config: &HeartbeatConfig, until: u64) -> Vec<(u64, HeartbeatEvent)> {
        let mut events = Vec::new();
        while let Some(due) = heartbeat.deadline().filter(|due| *due <= at(until)) {
            let event = heartbeat.timer(config, due, ON_TIME);
            events.extend(event.map(|event| (due.since_origin().as_secs(), event)));
            if event == Some(HeartbeatEvent::Dead) {
                break;
            }
            assert!(heartbeat.deadline().is_none_or(|next| next > due), "a timer that does not move on");
        }
        events
    }

    #[test]
    fn off_needs_no_timer_and_does_nothing_when_called() {
        let config = config(HeartbeatMode::Off, None);
        let (mut heartbeat, ping) = Heartbeat::start(&config, at(0));
        assert!(!ping && heartbeat.deadline().is_none());
        assert_eq!(heartbeat.timer(&config, Timestamp::MAX, Duration::MAX), None);
        assert!(!heartbeat.probe(&config, at(1), ON_TIME));
    }

    #[test]
    fn an_idle_link_is_pinged_exactly_interval_after_the_last_life_even_if_the_timeout_is_longer() {
        let config = config(when_idle(5, 20), None);
        let (mut heartbeat, _) = Heartbeat::start(&config, at(0));
        assert_eq!(run(&mut heartbeat, &config, 11), [(5, HeartbeatEvent::Ping)]);
        heartbeat.pong(&config, at(11), None);
        assert_eq!(run(&mut heartbeat, &config, 16), [(16, HeartbeatEvent::Ping)]);
        assert_eq!(run(&mut heartbeat, &config, 99), [(36, HeartbeatEvent::Dead)]);
    }

    #[test]
    fn a_periodic_heartbeat_pings_whatever_arrives_and_gives_up_on_silence() {
        let config = config(periodic(5, Some(5)), Some(2));
        let (mut heartbeat, ping) = Heartbeat::start(&config, at(0));
        assert!(ping);
        heartbeat.alive(at(1));
        let events = [(5, HeartbeatEvent::Ping), (7, HeartbeatEvent::Degraded), (10, HeartbeatEvent::Dead)];
        assert_eq!(run(&mut heartbeat, &config, 99), events);
    }

    #[test]
    fn a_periodic_heartbeat_without_a_timeout_only_pings() {
        let config = config(periodic(5, None), Some(2));
        let (mut heartbeat, _) = Heartbeat::start(&config, at(0));
        assert_eq!(run(&mut heartbeat, &config, 12), [(5, HeartbeatEvent::Ping), (10, HeartbeatEvent::Ping)]);
    }

    #[test]
    fn listening_never_pings_and_gives_up_after_the_timeout() {
        let config = config(listen(20), Some(6));
        let (mut heartbeat, ping) = Heartbeat::start(&config, at(0));
        assert!(!ping && !heartbeat.probe(&config, at(1), ON_TIME));
        assert_eq!(run(&mut heartbeat, &config, 7), []);
        assert!(!heartbeat.alive(at(7)), "it was never slow");
        assert_eq!(run(&mut heartbeat, &config, 99), [(27, HeartbeatEvent::Dead)]);
    }

    #[test]
    fn a_late_timer_gives_a_running_wait_one_grace_and_no_second() {
        let config = config(when_idle(5, 5), None);
        let (mut heartbeat, _) = Heartbeat::start(&config, at(0));
        assert_eq!(heartbeat.timer(&config, at(5), ON_TIME), Some(HeartbeatEvent::Ping));
        let slept = Some(HeartbeatEvent::Slept { ping: true });
        assert_eq!(heartbeat.timer(&config, at(3600), 3590 * SECOND), slept);
        assert_eq!((heartbeat.token(), heartbeat.deadline()), (2, Some(at(3605))));
        assert_eq!(heartbeat.timer(&config, at(7200), 3595 * SECOND), Some(HeartbeatEvent::Dead));
    }

    #[test]
    fn after_a_suspension_an_idle_link_is_pinged_in_its_turn_and_nothing_sent_before_is_awaited() {
        for (mode, dead) in [(when_idle(20, 10), 113), (periodic(20, Some(10)), 113)] {
            let config = config(mode, None);
            let (mut heartbeat, _) = Heartbeat::start(&config, at(0));
            run(&mut heartbeat, &config, 20);
            heartbeat.alive(at(21));
            run(&mut heartbeat, &config, 41);
            heartbeat.suspended(&config, at(100), 3 * SECOND);
            assert_eq!(heartbeat.pong(&config, at(100), None).round_trip, None, "{mode}");
            heartbeat.suspended(&config, at(100), 3 * SECOND);
            let mut idle = heartbeat.clone();
            idle.last_life = at(21);
            idle.arm(&config, at(100));
            assert_eq!(
                run(&mut idle, &config, 200),
                [(103, HeartbeatEvent::Ping), (dead, HeartbeatEvent::Dead)],
                "{mode}"
            );
        }
    }

    #[test]
    fn a_suspension_moves_no_ping_that_is_not_due_and_starts_a_silence_anew() {
        for (mode, due) in [(when_idle(20, 10), 25), (periodic(20, None), 20)] {
            let config = config(mode, None);
            let (mut heartbeat, _) = Heartbeat::start(&config, at(0));
            heartbeat.alive(at(5));
            heartbeat.suspended(&config, at(7), SECOND);
            assert_eq!(heartbeat.deadline(), Some(at(due)), "{mode}");
        }
        let config = config(listen(30), None);
        let (mut heartbeat, _) = Heartbeat::start(&config, at(0));
        heartbeat.suspended(&config, at(40), 9 * SECOND);
        assert_eq!(run(&mut heartbeat, &config, 99), [(70, HeartbeatEvent::Dead)]);
    }

    #[test]
    fn life_after_a_grace_earns_the_next_one() {
        let config = config(listen(5), None);
        let (mut heartbeat, _) = Heartbeat::start(&config, at(0));
        let slept = Some(HeartbeatEvent::Slept { ping: false });
        assert_eq!(heartbeat.timer(&config, at(100), 95 * SECOND), slept);
        assert_eq!(heartbeat.deadline(), Some(at(105)));
        heartbeat.alive(at(104));
        assert_eq!(heartbeat.timer(&config, at(200), 95 * SECOND), slept);
    }

    #[test]
    fn the_lateness_is_the_owners_and_not_that_of_the_verdict() {
        let config = config(listen(30), None);
        let (mut heartbeat, _) = Heartbeat::start(&config, at(0));
        heartbeat.alive(at(20));
        let punctual = heartbeat.clone().timer(&config, at(52), SECOND);
        assert_eq!(punctual, Some(HeartbeatEvent::Dead), "within the tolerance");
        assert_eq!(heartbeat.timer(&config, at(52), 22 * SECOND), Some(HeartbeatEvent::Slept { ping: false }));
    }

    #[test]
    fn a_wait_that_began_after_the_timer_was_due_is_fresh() {
        let config = config(when_idle(5, 5), None);
        let (mut heartbeat, _) = Heartbeat::start(&config, at(0));
        assert!(heartbeat.probe(&config, at(50), ON_TIME));
        assert_eq!(heartbeat.timer(&config, at(51), 46 * SECOND), None);
        assert_eq!(heartbeat.timer(&config, at(55), ON_TIME), Some(HeartbeatEvent::Dead));
    }

    #[test]
    fn the_latest_ping_is_timed_by_the_first_pong_with_its_token() {
        let config = config(periodic(5, None), None);
        let (mut heartbeat, _) = Heartbeat::start(&config, at(0));
        run(&mut heartbeat, &config, 5);
        assert_eq!(heartbeat.token(), 2);
        assert_eq!(heartbeat.pong(&config, at(6), Some(1)).round_trip, None, "of an older ping");
        assert_eq!(heartbeat.pong(&config, at(7), Some(9)).round_trip, None, "of no ping");
        assert_eq!(heartbeat.pong(&config, at(8), Some(2)).round_trip, Some(3 * SECOND));
        assert_eq!(heartbeat.pong(&config, at(9), Some(2)).round_trip, None, "a second time");
    }

    #[test]
    fn without_a_token_a_pong_is_certain_only_if_no_other_ping_is_unanswered() {
        let config = config(periodic(5, None), None);
        let (mut heartbeat, _) = Heartbeat::start(&config, at(0));
        run(&mut heartbeat, &config, 5);
        assert_eq!(heartbeat.pong(&config, at(7), None).round_trip, None, "of the ping at 0 or at 5");
        run(&mut heartbeat, &config, 10);
        assert_eq!(heartbeat.pong(&config, at(12), None).round_trip, None, "of the ping at 5 or at 10");
        assert_eq!(heartbeat.pong(&config, at(13), None).round_trip, Some(3 * SECOND));
        assert_eq!(heartbeat.pong(&config, at(14), None).round_trip, None, "nobody asked");
    }

    #[test]
    fn after_more_unanswered_pings_than_can_be_counted_only_a_token_is_certain() {
        let config = config(periodic(5, None), None);
        let (mut heartbeat, _) = Heartbeat::start(&config, at(0));
        run(&mut heartbeat, &config, 5 * 299);
        assert!((0..300).all(|_| heartbeat.pong(&config, at(1496), None).round_trip.is_none()));
        assert_eq!(heartbeat.pong(&config, at(1496), Some(300)).round_trip, Some(SECOND));
        run(&mut heartbeat, &config, 1500);
        assert_eq!(heartbeat.pong(&config, at(1501), None).round_trip, Some(SECOND), "the count begins anew");
    }

    #[test]
    fn tokens_never_become_zero() {
        let config = config(periodic(5, None), None);
        let (mut heartbeat, _) = Heartbeat::start(&config, at(0));
        heartbeat.token = u32::MAX;
        run(&mut heartbeat, &config, 5);
        assert_eq!(heartbeat.token(), 1);
    }

    #[test]
    fn a_probe_waits_for_an_outstanding_answer_and_for_the_gap() {
        let mut config = config(when_idle(5, 5), None);
        let (mut heartbeat, _) = Heartbeat::start(&config, at(0));
        assert!(heartbeat.probe(&config, at(1), SECOND), "no ping before it");
        assert!(!heartbeat.probe(&config, at(3), SECOND));
        assert_eq!(run(&mut heartbeat, &config, 99), [(6, HeartbeatEvent::Dead)]);
        config.mode = periodic(5, None);
        let (mut heartbeat, _) = Heartbeat::start(&config, at(0));
        let probes: Vec<_> = (1..=6).filter(|now| heartbeat.probe(&config, at(*now), 2 * SECOND)).collect();
        assert_eq!(probes, [2, 4, 6]);
    }

    #[test]
    fn a_restart_begins_a_new_watch_and_keeps_counting_tokens() {
        let idle = config(when_idle(5, 5), Some(2));
        let (mut heartbeat, _) = Heartbeat::start(&idle, at(0));
        run(&mut heartbeat, &idle, 7);
        assert_eq!(heartbeat.restart(&config(periodic(3, None), None), at(8)), (true, true));
        assert_eq!((heartbeat.token(), heartbeat.deadline()), (2, Some(at(11))));
        assert_eq!(heartbeat.restart(&config(listen(60), None), at(9)), (false, false));
        assert_eq!((heartbeat.token(), heartbeat.deadline()), (2, Some(at(69))));
    }

    #[test]
    fn a_dictated_mode_keeps_the_rest() {
        let own = config(when_idle(5, 5), Some(3));
        let with = |mode| own.dictated(mode);
        assert_eq!(with(listen(3)), Some(HeartbeatConfig { mode: listen(3), ..own }));
        assert_eq!(with(HeartbeatMode::Off), Some(HeartbeatConfig { mode: HeartbeatMode::Off, ..own }));
        assert_eq!((with(listen(0)), with(periodic(5, Some(6)))), (None, None));
    }

    #[test]
    fn the_link_is_known_to_be_good_until_the_last_life_where_life_is_expected() {
        for (mode, until) in [(when_idle(5, 5), at(3)), (HeartbeatMode::Off, at(4)), (periodic(5, None), at(4))] {
            let config = config(mode, None);
            let (mut heartbeat, _) = Heartbeat::start(&config, at(0));
            heartbeat.alive(at(3));
            assert_eq!(heartbeat.good_until(&config, at(4)), until, "{mode}");
        }
    }

    #[test]
    fn modes_have_a_detection_time_and_a_description() {
        let cases = [
            (HeartbeatMode::Off, None, "off"),
            (when_idle(20, 10), Some(30), "ping after 20s, dead after 10s"),
            (periodic(20, Some(9)), Some(29), "ping every 20s, dead after 9s"),
            (periodic(20, None), None, "ping every 20s, never dead"),
            (listen(30), Some(30), "dead after 30s of silence"),
        ];
        for (mode, detection, description) in cases {
            assert_eq!(mode.detection_time(), detection.map(Duration::from_secs));
            assert_eq!(mode.to_string(), description);
        }
    }

    #[test]
    fn an_impossible_config_is_survived() {
        let config = config(when_idle(0, 0), Some(0));
        let (mut heartbeat, _) = Heartbeat::start(&config, at(0));
        assert_eq!(heartbeat.timer(&config, at(0), ON_TIME), Some(HeartbeatEvent::Ping));
        assert_eq!(heartbeat.timer(&config, at(0), ON_TIME), Some(HeartbeatEvent::Dead));
    }
}

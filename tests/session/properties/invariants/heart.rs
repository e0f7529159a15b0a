//! The heartbeat of the model: every moment is computed anew from what happened, none is stored.

use std::time::Duration;

use heartline::Timestamp;
use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};

/// An open connection, as somebody who sees all calls knows it. `Timestamp::MAX` means never.
#[derive(Clone, Debug)]
pub struct Heart {
    config: HeartbeatConfig,
    pub last_life: Timestamp,
    /// Since this mode began.
    last_ping: Option<Timestamp>,
    /// Since when this mode is in force, or nothing was unread.
    started: Timestamp,
    /// When a late timer started the wait of this silence anew.
    grace: Option<Timestamp>,
    /// An expected answer is outstanding.
    awaiting: bool,
    degraded: bool,
    pub token: u32,
    unanswered: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    Ping,
    Degraded,
    Slept { ping: bool },
    Dead,
}

pub fn interval(mode: HeartbeatMode) -> Option<Duration> {
    match mode {
        HeartbeatMode::WhenIdle { interval, .. } | HeartbeatMode::Periodic { interval, .. } => Some(interval),
        _ => None,
    }
}

/// How long an answer (`Listen`: any sign) may take.
pub fn timeout(mode: HeartbeatMode) -> Option<Duration> {
    match mode {
        HeartbeatMode::WhenIdle { timeout, .. } | HeartbeatMode::Listen { timeout } => Some(timeout),
        HeartbeatMode::Periodic { timeout, .. } => timeout,
        _ => None,
    }
}

/// H10: what a dictated mode makes of the config, `None` if no config would accept it.
pub fn dictated(config: &HeartbeatConfig, mode: HeartbeatMode) -> Option<HeartbeatConfig> {
    let range = Duration::from_millis(1)..=Duration::from_secs(24 * 60 * 60);
    let (interval, timeout) = (interval(mode), timeout(mode));
    let in_range = [interval, timeout].into_iter().flatten().all(|time| range.contains(&time));
    let shorter = !matches!(mode, HeartbeatMode::Periodic { .. }) || timeout <= interval;
    (in_range && shorter).then_some(HeartbeatConfig { mode, ..*config })
}

fn after(moment: Option<Timestamp>, time: Option<Duration>) -> Timestamp {
    moment.zip(time).map_or(Timestamp::MAX, |(moment, time)| moment.saturating_add(time))
}

pub fn passed(deadline: Timestamp, now: Timestamp) -> bool {
    deadline <= now && deadline < Timestamp::MAX
}

impl Heart {
    /// The flag says whether to ping.
    pub fn new(config: HeartbeatConfig, now: Timestamp) -> (Self, bool) {
        let mut heart = Self {
            config,
            last_life: now,
            last_ping: None,
            started: now,
            grace: None,
            awaiting: false,
            degraded: false,
            token: 0,
            unanswered: 0,
        };
        let (_, ping) = heart.restart(config, now);
        (heart, ping)
    }

    /// H10: whether it recovered, and whether to ping.
    pub fn restart(&mut self, config: HeartbeatConfig, now: Timestamp) -> (bool, bool) {
        let recovered = self.life(now);
        (self.config, self.started, self.last_ping) = (config, now, None);
        let ping = matches!(config.mode, HeartbeatMode::Periodic { .. });
        if ping {
            self.ping(now);
        }
        (recovered, ping)
    }

    /// H1, H8: true if it was degraded.
    pub fn life(&mut self, now: Timestamp) -> bool {
        (self.last_life, self.awaiting, self.grace) = (now, false, None);
        std::mem::take(&mut self.degraded)
    }

    /// H11.
    pub fn unread(&mut self, now: Timestamp) {
        (self.started, self.last_ping, self.awaiting, self.grace) = (now, None, false, None);
    }

    /// H7: the round trip, if it is certain which ping was answered.
    pub fn pong(&mut self, now: Timestamp, token: Option<u32>) -> Option<Duration> {
        let (certain, left) = match token {
            Some(token) if token == self.token => (self.unanswered > 0, 0),
            Some(_) => (false, self.unanswered),
            // Too many to know how many.
            None if self.unanswered == u8::MAX => (false, u8::MAX),
            None => (self.unanswered == 1, self.unanswered.saturating_sub(1)),
        };
        self.unanswered = left;
        self.last_ping.filter(|_| certain).map(|ping| now.saturating_since(ping))
    }

    /// R7: true if a ping is to be sent.
    pub fn probe(&mut self, now: Timestamp, gap: Duration) -> bool {
        let recent = now < self.last_ping.map_or(now, |ping| ping.saturating_add(gap));
        let ping = interval(self.config.mode).is_some() && !self.awaiting && !recent;
        if ping {
            self.ping(now);
        }
        ping
    }

    /// `due` is the deadline for which the timer was called.
    pub fn timer(&mut self, now: Timestamp, due: Timestamp) -> Option<Due> {
        let late = now.saturating_since(due);
        let silence = self.silent_since().filter(|_| self.expects_life()).map(|since| now.saturating_since(since));
        let suspended = late.min(silence.unwrap_or_default()) > self.config.late_tolerance;
        if suspended && self.grace.is_none() {
            let ping = interval(self.config.mode).is_some();
            if ping {
                self.ping(now);
            }
            self.grace = Some(now);
            return Some(Due::Slept { ping });
        }
        if passed(self.death(), now) {
            return Some(Due::Dead);
        }
        if passed(self.slow(), now) {
            self.degraded = true;
            return Some(Due::Degraded);
        }
        if passed(self.next_ping(), now) {
            self.ping(now);
            return Some(Due::Ping);
        }
        None
    }

    fn ping(&mut self, now: Timestamp) {
        self.last_ping = Some(now);
        self.awaiting = self.expects_life();
        self.token += 1;
        self.unanswered = self.unanswered.saturating_add(1);
    }

    pub fn expects_life(&self) -> bool {
        timeout(self.config.mode).is_some()
    }

    /// What came before it, or was not read, is no silence.
    pub fn silence_began(&self) -> Timestamp {
        self.last_life.max(self.started)
    }

    fn silent_since(&self) -> Option<Timestamp> {
        match self.config.mode {
            HeartbeatMode::Listen { .. } => Some(self.grace.unwrap_or(self.silence_began())),
            _ => self.last_ping.filter(|_| self.awaiting),
        }
    }

    fn death(&self) -> Timestamp {
        after(self.silent_since(), timeout(self.config.mode))
    }

    fn slow(&self) -> Timestamp {
        after(self.last_ping.filter(|_| self.awaiting && !self.degraded), self.config.slow_after)
    }

    fn next_ping(&self) -> Timestamp {
        let since = match self.config.mode {
            HeartbeatMode::WhenIdle { .. } => self.silence_began(),
            _ => self.last_ping.unwrap_or(self.started),
        };
        after(Some(since).filter(|_| !self.awaiting), interval(self.config.mode))
    }

    /// The earliest moment at which something is due if nothing arrives any more.
    pub fn due(&self) -> Timestamp {
        self.death().min(self.slow()).min(self.next_ping())
    }

    /// The earliest moment at which something can be due, whether something arrives or not.
    pub fn earliest(&self, now: Timestamp) -> Timestamp {
        let mut answered = self.clone();
        answered.life(now);
        self.due().min(answered.due())
    }
}

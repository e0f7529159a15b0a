//! Any bytes as a config and what happens to a hub that has it.

use std::time::Duration;

use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline::hub::{Admission, Config, Input, Limit, Origins, SecondLogin, Settings};
use heartline::{CloseCode, ConnId, Timestamp};

/// One of few, so that they meet.
pub type User = u8;
pub type Message = u32;

/// How many bytes are the config; each op after it has [`OP`].
pub const HEADER: usize = 11;
pub const OP: usize = 5;

/// One thing that happens, when, and how many of the actions it leads to are pulled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Op {
    pub kind: u8,
    pub when: u8,
    pub who: u8,
    pub how: u8,
    pub more: u8,
}

/// Total: missing bytes count as zero.
pub fn decode(bytes: &[u8]) -> (Config, Vec<Op>) {
    let mut header = [0; HEADER];
    let (head, rest) = bytes.split_at(bytes.len().min(HEADER));
    header[..head.len()].copy_from_slice(head);
    let op = |op: &[u8]| Op { kind: op[0], when: op[1], who: op[2], how: op[3], more: op[4] };
    (config(header), rest.chunks_exact(OP).map(op).collect())
}

impl Op {
    /// Whether it goes to the end of time.
    pub fn is_last(&self) -> bool {
        self.when == u8::MAX
    }

    pub fn moment(&self, now: Timestamp, deadline: Option<Timestamp>) -> Timestamp {
        let due = deadline.unwrap_or(now).max(now);
        let length = Duration::from_millis(200 * u64::from(self.when / 16));
        match self.when % 16 {
            0..=2 => now,
            3..=7 => now.saturating_add(length),
            8..=10 => due,
            11 => Timestamp::from_nanos(due.as_nanos().saturating_sub(1)),
            12 => due.saturating_add(length),
            // By a clock that was set back.
            13 => Timestamp::after(now.since_origin().saturating_sub(length)),
            14 => now.saturating_add(300 * length),
            _ if self.is_last() => Timestamp::after(Timestamp::MAX.since_origin() - length),
            _ => now.saturating_add(Duration::from_nanos(1)),
        }
    }

    /// Which of so many connections, counted from the newest.
    pub fn pick(&self, connections: usize) -> Option<usize> {
        let (who, recent) = (usize::from(self.who), usize::from(self.who) % 4);
        match who % 16 {
            0..=12 => Some(recent).filter(|back| *back < connections),
            13..=14 => (who / 16).checked_rem(connections),
            _ => None,
        }
    }

    /// Whether it is an admission, and if so, whether from the same origin.
    pub fn admission(&self) -> Option<bool> {
        (self.kind < 28).then_some(self.kind > 2)
    }

    /// The input, of anything but an admission.
    pub fn input(&self, conn: ConnId, message: Message) -> Input<User, Message> {
        let (user, volatile, bytes) = (self.how % 4, self.how & 4 != 0, u32::from(self.more) % 80);
        let except = Vec::from_iter(Some(self.how / 8).filter(|user| *user < 4));
        match self.kind {
            0..=41 => Input::Alive { conn, bytes },
            42..=54 => Input::Ping { conn },
            55..=92 => Input::Login { conn, user },
            93..=111 => Input::Relay { conn, to: user, message, volatile },
            112..=121 => Input::Broadcast { from: Some(conn), except, message, bytes, volatile },
            122..=126 => Input::Broadcast { from: None, except, message, bytes, volatile },
            127..=140 => Input::UnknownEvent { conn },
            141..=159 => Input::Queued { conn, bytes },
            160..=173 => Input::Written { conn, bytes },
            174..=183 => Input::Close { conn, code: CloseCode::NORMAL },
            184..=202 => Input::Closed { conn },
            203..=251 => Input::Timer,
            // It ends the interesting part, so it is rare.
            252..=255 => Input::Shutdown { within: time(self.how), spread: time(self.more) },
        }
    }

    pub fn pull(&self) -> usize {
        if self.more % 8 < 6 { usize::MAX } else { usize::from(self.more) / 64 }
    }
}

/// Up to three seconds.
fn time(byte: u8) -> Duration {
    Duration::from_millis(12 * u64::from(byte))
}

fn config(header: [u8; HEADER]) -> Config {
    let [connections, anonymous, budget, volatile, login, late, reply, close, mode, interval, timeout] = header;
    let least = Duration::from_millis(1);
    let [login_timeout, close_timeout, interval, timeout] =
        [login, close, interval, timeout].map(|byte| time(byte).max(least));
    let (mode, slow_after) = match mode % 8 {
        0 => (HeartbeatMode::Off, None),
        1..=3 => (HeartbeatMode::WhenIdle { interval, timeout }, Some(timeout / 2)),
        4 => (HeartbeatMode::Periodic { interval, timeout: None }, None),
        5 => (HeartbeatMode::Periodic { interval, timeout: Some(timeout.min(interval)) }, None),
        _ => (HeartbeatMode::Listen { timeout }, Some(timeout / 2)),
    };
    // A hub does not use it, but it moves deadlines.
    let slow_after = slow_after.filter(|slow| *slow >= least);
    let budget = u32::from(budget) % 119 + 1;
    let limit = |limited, burst, every| Some(Limit { burst, every }).filter(|_| limited);
    let settings = Settings {
        messages: limit(late >= 128, u32::from(reply) % 6 + 1, time(volatile).max(least)),
        bytes: limit(anonymous >= 128, u32::from(login) + 1, time(connections).max(least) / 50),
        admission: Admission { origins: Origins::Same, ..Admission::default() },
        max_connections: u32::from(connections) % 4 + 1,
        max_anonymous: u32::from(anonymous) % 3 + 1,
        login_timeout,
        second_login: if connections >= 128 { SecondLogin::Refuse } else { SecondLogin::Replace },
        heartbeat: HeartbeatConfig { mode, slow_after, late_tolerance: time(late).max(Duration::from_millis(100)) },
        budget,
        volatile_above: (u32::from(volatile) % 60).min(budget),
        reply_gap: time(reply),
        close_timeout,
        ..Settings::default()
    };
    Config::new(settings).expect("a valid config")
}

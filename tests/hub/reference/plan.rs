//! Any bytes as a config and what happens to a hub that has it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline::hub::{Admission, Config, Input, Origins, PerSource, RateLimit, Room, SecondLogin, Settings};
use heartline::{CloseCode, ConnId, Timestamp};

/// One of few, so that they meet.
pub type User = u8;
pub type Message = u32;

/// Addresses of three sources or four.
pub const SOURCES: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped()),
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 3)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 2, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 1)),
];

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

    /// Where an admission comes from.
    pub fn source(&self) -> Option<IpAddr> {
        SOURCES.get(usize::from(self.how) % (SOURCES.len() + 1)).copied()
    }

    /// When a login expires, or has expired already.
    fn expiry(&self, now: Timestamp) -> Option<Timestamp> {
        match self.how >> 5 {
            0..=3 => None,
            4 => Some(Timestamp::after(now.since_origin().saturating_sub(time(self.more / 128)))),
            _ => Some(now.saturating_add(time(self.more))),
        }
    }

    /// The input, of anything but an admission.
    pub fn input(&self, conn: ConnId, message: Message, now: Timestamp) -> Input<User, Message> {
        let (user, volatile, bytes) = (self.how % 4, self.how & 4 != 0, u32::from(self.more) % 80);
        let room = Room::from(["", "a", "b", "ccc"][usize::from(self.more / 8 % 4)]);
        let said_in = Some(room.clone()).filter(|_| self.more & 32 != 0);
        let tag = u64::from(message % 5);
        let except = Vec::from_iter(Some(self.how / 8).filter(|user| *user < 4));
        match self.kind {
            0..=41 => Input::Alive { conn, bytes },
            42..=54 => Input::Ping { conn },
            55..=92 => Input::Login { conn, user: if volatile { 0 } else { user }, until: self.expiry(now) },
            93..=111 => Input::Relay { conn, to: user, message, bytes, volatile, tag },
            112..=121 => Input::Broadcast { from: Some(conn), room: said_in, except, message, bytes, volatile, tag },
            122..=126 => Input::Broadcast { from: None, room: said_in, except, message, bytes, volatile, tag },
            127..=140 => Input::UnknownMessage { conn },
            141..=159 => Input::Queued { conn, bytes },
            160..=173 => Input::Written { conn, bytes },
            174..=183 => Input::Close { conn, code: CloseCode::NORMAL },
            184..=202 => Input::Closed { conn },
            203..=217 => Input::Join { conn, room },
            218..=223 => Input::Leave { conn, room },
            224..=251 => Input::Timer,
            // It ends the interesting part, so it is rare.
            252..=255 => Input::Shutdown { within: time(self.how), pace: time(self.who), spread: time(self.more) },
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
    let reserve = u32::from(mode / 16) * 8;
    let total_budget = if mode & 8 == 0 { 2 * u64::from(timeout) + 1 } else { 10_000 };
    let [login_timeout, close_timeout, slow_timeout, interval, timeout] =
        [login, close, budget ^ close, interval, timeout].map(|byte| time(byte).max(least));
    let (mode, slow_after) = match mode % 8 {
        0 => (HeartbeatMode::Off, None),
        1..=3 => (HeartbeatMode::WhenIdle { interval, timeout }, Some(timeout / 2)),
        4 => (HeartbeatMode::Periodic { interval, timeout: None }, None),
        5 => (HeartbeatMode::Periodic { interval, timeout: Some(timeout.min(interval)) }, None),
        _ => (HeartbeatMode::Listen { timeout }, Some(timeout / 2)),
    };
    // A hub does not use it, but it moves deadlines.
    let slow_after = slow_after.filter(|slow| *slow >= least);
    let limit = |limited, burst, every| Some(RateLimit { burst, every }).filter(|_| limited);
    let most = u32::from(budget) % 119 + 1;
    let per_source = PerSource {
        connections: u32::from(close) % 3 + 1,
        admissions: limit(close >= 128, u32::from(login) % 4 + 1, interval),
        ipv4_prefix: 30 + reply % 3,
        ipv6_prefix: 63 + login % 2,
    };
    let settings = Settings {
        per_source: (reply >= 128).then_some(per_source),
        supersede_limit: limit(budget >= 64, u32::from(close) % 2 + 1, 10 * timeout),
        expiry_notice: time(login) / 4,
        offline_grace: time(close.saturating_sub(100)),
        messages: limit(late >= 128, u32::from(reply) % 6 + 1, time(volatile).max(least)),
        bytes: limit(anonymous >= 128, u32::from(login) + 1, time(connections).max(least) / 50),
        admission: Admission { origins: Origins::Same, ..Admission::default() },
        max_connections: u32::from(connections) % 4 + 1,
        max_anonymous: u32::from(anonymous) % 3 + 1,
        login_timeout,
        second_login: if connections >= 128 { SecondLogin::Refuse } else { SecondLogin::Replace },
        heartbeat: HeartbeatConfig { mode, slow_after, late_tolerance: time(late).max(Duration::from_millis(100)) },
        budget: most,
        reserve,
        total_budget,
        slow_timeout,
        volatile_above: (u32::from(volatile) % 60).min(most),
        max_rooms_per_connection: u32::from(login) % 3,
        max_rooms: u32::from(reply) % 4,
        max_room_name: u32::from(close) % 4 + 1,
        reply_gap: time(reply),
        close_timeout,
        others_serve: login >= 128,
        ..Settings::default()
    };
    Config::new(settings).expect("a valid config")
}

//! What is measured: how many messages of what size, which way, and at what pace.

use std::time::Duration;

/// How often a client pings that has a heartbeat, where connections are idle.
pub const HEARTBEAT: Duration = Duration::from_secs(5);

/// One line of work for a client and its peer. Each row of [`ALL`] is one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Work {
    pub name: &'static str,
    pub title: &'static str,
    pub kind: Kind,
    /// Bytes of a message.
    pub size: usize,
    /// So many messages are measured, or so many connections.
    pub count: u64,
    /// What the peer sends at once, and how often; without it as much as the client takes.
    pub pace: Option<Pace>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The peer sends.
    Flood,
    /// The client sends, the peer returns it, with so many messages on their way.
    Echo { window: u64 },
    /// Connections on which nothing happens but heartbeats.
    Idle,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    pub burst: u64,
    pub tick: Duration,
}

const fn every(burst: u64, micros: u64) -> Option<Pace> {
    Some(Pace { burst, tick: Duration::from_micros(micros) })
}

const fn work(name: &'static str, title: &'static str, kind: Kind, size: usize, count: u64) -> Work {
    Work { name, title, kind, size, count, pace: None }
}

const fn paced(work: Work, pace: Option<Pace>) -> Work {
    Work { pace, ..work }
}

/// The fixed rate is 20,000 messages a second.
pub const ALL: [Work; 8] = [
    work("flood16", "flood of 16 B, saturated", Kind::Flood, 16, 1_000_000),
    paced(work("flood16-paced", "flood of 16 B, 20 each ms", Kind::Flood, 16, 60_000), every(20, 1_000)),
    work("flood1k", "flood of 1 KiB, saturated", Kind::Flood, 1024, 400_000),
    paced(work("flood1k-paced", "flood of 1 KiB, 20 each ms", Kind::Flood, 1024, 60_000), every(20, 1_000)),
    work("echo64", "echo of 16 B, 64 in flight, saturated", Kind::Echo { window: 64 }, 16, 400_000),
    paced(
        work("echo64-paced", "echo of 16 B, 64 in flight, each 3.2 ms", Kind::Echo { window: 64 }, 16, 60_000),
        every(64, 3_200),
    ),
    work("pingpong", "ping-pong of 16 B", Kind::Echo { window: 1 }, 16, 50_000),
    work("idle", "idle connections, a ping each 5 s", Kind::Idle, 0, 10_000),
];

impl Work {
    pub fn find(name: &str) -> Option<Self> {
        ALL.into_iter().find(|work| work.name == name)
    }

    /// Not measured, before the rest: caches, allocators and compilers warm up.
    pub fn warm_up(&self) -> u64 {
        match self.kind {
            Kind::Idle => 0,
            _ => (self.count / 10).max(500),
        }
    }

    pub fn total(&self) -> u64 {
        self.warm_up() + self.count
    }

    pub fn window(&self) -> u64 {
        match self.kind {
            Kind::Echo { window } => window,
            _ => 0,
        }
    }

    /// For how long idle connections are watched: two heartbeats.
    pub fn span(&self) -> Duration {
        2 * HEARTBEAT
    }

    /// With another number of messages.
    pub fn of(self, count: u64) -> Self {
        Self { count, ..self }
    }

    /// What the peer has to know, as the path of a URL.
    pub fn path(&self) -> String {
        let (burst, micros) = self.pace.map_or((0, 0), |pace| (pace.burst, pace.tick.as_micros()));
        match self.kind {
            Kind::Flood => format!("/flood/{}/{}/{burst}/{micros}", self.size, self.total()),
            Kind::Echo { .. } | Kind::Idle => format!("/echo/{micros}"),
        }
    }
}

/// Message `number`, as either side sends it.
pub fn message(number: u64, size: usize) -> Vec<u8> {
    let mut message = vec![0; size];
    message[..8].copy_from_slice(&number.to_le_bytes());
    message
}

/// Whether this is message `number`, whole.
pub fn is_message(payload: &[u8], number: u64, size: usize) -> bool {
    payload.len() == size && payload[..8] == number.to_le_bytes()
}

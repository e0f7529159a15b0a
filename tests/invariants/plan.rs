//! Any bytes as a config, a driver's habits and what happens to it.

use std::time::Duration;

use heartline::{CloseCode, Closed, Config, Delivery, Loss, Transport, Unsent};

use super::settings::{SETTINGS, config, time};

/// How many bytes precede the ops: the habits, the seed and the config.
pub const HEADER: usize = 3 + SETTINGS;

/// What a driver makes of the session's actions and its deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Habit {
    /// Pulls everything and calls the timer at its very moment.
    Punctual,
    /// Pulls everything; the timer comes when it comes.
    Tidy,
    /// Pulls what it likes, when it likes.
    Sloppy,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub habit: Habit,
    /// Whether time may jump by years, to the end of u64 included.
    pub far: bool,
    pub seed: u64,
    pub config: Config,
    pub ops: Vec<Op>,
}

/// One thing that happens, and when; with how much of what it leads to is pulled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Op {
    pub lapse: Lapse,
    pub what: What,
    pub pull: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lapse {
    None,
    By(Duration),
    Back(Duration),
    /// To the deadline, and so much past it.
    Due(Duration),
    JustBeforeDue,
    ToTheEnd(u64),
}

/// Which connection is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    Current,
    Past,
    Next,
    Never,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    Connect,
    Opened(Which),
    Ready(Which),
    Message(Which),
    Pong(Which),
    Alive(Which),
    Closed(Which, Closed),
    Acked(u8),
    Cancel(u8),
    Timer,
    NetworkChanged,
    Close(CloseCode, Duration),
    Send {
        delivery: Delivery,
        size: u32,
        time_to_live: Option<Duration>,
    },
    Transmit,
    /// The message pulled last, or if `forged` one that was not.
    Unsent {
        why: Unsent,
        forged: bool,
    },
    /// Whatever brings the session forward from where it is.
    Advance,
}

impl Plan {
    /// Total: missing bytes count as zero, further ones are ops of four bytes each.
    pub fn decode(bytes: &[u8]) -> Self {
        let mut header = [0; HEADER];
        let (head, rest) = bytes.split_at(bytes.len().min(HEADER));
        header[..head.len()].copy_from_slice(head);
        let [habit, far, seed, settings @ ..] = header;
        let habit = match habit % 4 {
            0 => Habit::Punctual,
            1 => Habit::Tidy,
            _ => Habit::Sloppy,
        };
        let far = far >= 192;
        let ops = rest.chunks_exact(4).map(|chunk| op([chunk[0], chunk[1], chunk[2], chunk[3]], far)).collect();
        Self { habit, far, seed: u64::from(seed), config: config(&settings), ops }
    }
}

fn op([kind, when, argument, more]: [u8; 4], far: bool) -> Op {
    let pull = [usize::MAX, usize::MAX, usize::MAX, 0, 1, 2, 3, 9][usize::from(more) % 8];
    Op { lapse: lapse(when, far), what: what(kind, argument, more), pull }
}

fn lapse(byte: u8, far: bool) -> Lapse {
    let (kind, length) = (byte % 16, time(byte / 16));
    match kind {
        0..=5 => Lapse::None,
        6 => Lapse::By(Duration::from_nanos(1)),
        7..=8 => Lapse::By(length),
        9..=11 => Lapse::Due(Duration::ZERO),
        12 => Lapse::JustBeforeDue,
        13 => Lapse::Due(length),
        14 => Lapse::Back(length),
        _ if !far => Lapse::By(length),
        _ if byte < 128 => Lapse::By(Duration::from_secs(1 << (byte / 16 + 24))),
        _ => Lapse::ToTheEnd(u64::from((byte - 128) / 16)),
    }
}

fn what(kind: u8, argument: u8, more: u8) -> What {
    let which = which(argument);
    match kind % 32 {
        _ if kind >= 192 => What::Advance,
        0..=2 => What::Connect,
        3..=6 => What::Opened(which),
        7..=8 => What::Ready(which),
        9..=10 => What::Message(which),
        11 if more >= 224 => What::Alive(which),
        11 => What::Pong(which),
        12..=14 => What::Closed(which, closed(argument, more)),
        15 => What::Acked(argument),
        16 => What::Cancel(argument),
        17..=19 => What::Timer,
        20 => What::NetworkChanged,
        21 => What::Close(code(argument), if more < 64 { Duration::ZERO } else { time(more) }),
        22..=26 => What::Send { delivery: delivery(argument), size: size(argument), time_to_live: life(more) },
        27..=29 => What::Transmit,
        30 => What::Unsent { why: Unsent::Full, forged: argument >= 224 },
        _ => What::Unsent { why: Unsent::Rejected, forged: argument >= 224 },
    }
}

fn which(byte: u8) -> Which {
    match byte % 16 {
        0..=11 => Which::Current,
        12..=13 => Which::Past,
        14 => Which::Next,
        _ => Which::Never,
    }
}

fn closed(argument: u8, more: u8) -> Closed {
    let loss = match argument / 16 {
        0..=3 => Loss::Transport(Transport::Io),
        4..=5 => Loss::Transport(Transport::Connect),
        6..=7 => Loss::Close(1001),
        8..=9 => Loss::Close(1000 + u16::from(more % 16)),
        10 => Loss::Close(u16::from(more) * 257),
        11..=12 => Loss::Status(503),
        13 => Loss::Status(u16::from(more) * 4),
        14 => Loss::HeartbeatTimeout,
        _ => Loss::Transport(Transport::Address),
    };
    let wait = (more >= 192).then(|| if more == u8::MAX { Duration::MAX } else { time(more) });
    Closed { loss, retry_after: wait }
}

fn code(byte: u8) -> CloseCode {
    CloseCode::new(3000 + u16::from(byte)).expect("in the range of applications")
}

fn delivery(byte: u8) -> Delivery {
    [Delivery::Connection, Delivery::Once, Delivery::AtLeastOnce, Delivery::AtLeastOnce][usize::from(byte) % 4]
}

fn size(byte: u8) -> u32 {
    [0, 1, 1, 5, 10, 20, 90, u32::MAX][usize::from(byte / 32)]
}

fn life(byte: u8) -> Option<Duration> {
    match byte {
        0..=127 => None,
        128 => Some(Duration::ZERO),
        u8::MAX => Some(Duration::MAX),
        _ => Some(time(byte)),
    }
}

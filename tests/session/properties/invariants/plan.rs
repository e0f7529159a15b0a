//! Any bytes as a config, a driver's habits and what happens to it.

use std::rc::Rc;
use std::time::Duration;

use heartline::heartbeat::HeartbeatMode;
use heartline::loss::TransportError;
use heartline::message::Delivery;
use heartline::{CloseCode, Config, Loss, MessageId};

use super::settings::{SETTINGS, config, mode, time};

/// How many bytes precede the ops: the habits, the seed and the config.
pub const HEADER: usize = 4 + SETTINGS;

/// What a driver makes of the session's actions and its deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Habit {
    /// Pulls everything and calls the timer exactly when it is due.
    Punctual,
    /// Pulls everything; the timer comes when it comes.
    Tidy,
    /// Pulls what it likes, when it likes.
    Sloppy,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub habit: Habit,
    pub seed: u64,
    pub first_id: MessageId,
    pub config: Rc<Config>,
    pub ops: Vec<Op>,
}

/// One thing that happens, and when; with how much of what it leads to is pulled by a sloppy driver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Op {
    pub lapse: Lapse,
    pub what: What,
    pub pulled: Option<u32>,
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

/// Which connection is meant; of pings, which token: the latest, the one before, none, one that never was.
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
    Reconnect,
    Opened(Which),
    Ready(Which),
    Message(Which),
    Received(Which),
    Pong(Which, Which),
    Alive(Which),
    Heartbeat(Which, HeartbeatMode),
    Unread(Which),
    Closed(Which, Loss, Option<Duration>),
    Acked(u8),
    Cancel(u8),
    Timer,
    NetworkChanged,
    NetworkLost,
    Close(CloseCode, Duration),
    Send {
        delivery: Delivery,
        size: u32,
        time_to_live: Option<Duration>,
    },
    Transmit,
    /// What was lent last, or any other id.
    Sent(Option<u8>),
    Rejected(Option<u8>),
    NextAction,
    /// Whatever brings the session forward from where it is.
    Advance,
}

impl Plan {
    /// Total: missing bytes count as zero, further ones are ops of four bytes each.
    pub fn decode(bytes: &[u8]) -> Self {
        let mut header = [0; HEADER];
        let (head, rest) = bytes.split_at(bytes.len().min(HEADER));
        header[..head.len()].copy_from_slice(head);
        let [habit, far, seed, first, settings @ ..] = header;
        let habit = match habit % 4 {
            0 => Habit::Punctual,
            1 => Habit::Tidy,
            _ => Habit::Sloppy,
        };
        let first_id = MessageId::from_raw([1, 1, 1, 0, 1 << 40, u64::MAX - 3][usize::from(first) % 6]);
        let ops = rest.chunks_exact(4).map(|chunk| op([chunk[0], chunk[1], chunk[2], chunk[3]], far >= 192)).collect();
        Self { habit, seed: u64::from(seed), first_id, config: Rc::new(config(&settings)), ops }
    }
}

fn op([kind, when, argument, more]: [u8; 4], far: bool) -> Op {
    let pulled = [None, None, None, Some(0), Some(0), Some(1), Some(2), Some(3)][usize::from(more) % 8];
    Op { lapse: lapse(when, far), what: what(kind, argument, more), pulled }
}

/// Only if `far`, time may jump by years, up to the end of u64.
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
    let conn = which(argument);
    match kind % 40 {
        _ if kind >= 192 => What::Advance,
        0 => What::Connect,
        1 => What::Reconnect,
        2..=4 => What::Opened(conn),
        5 => What::Ready(conn),
        6 => What::Message(conn),
        7 => What::Received(conn),
        8 => What::Alive(conn),
        9..=10 => What::Pong(conn, [Which::Current, Which::Past, Which::Next, Which::Never][usize::from(more) % 4]),
        11 => What::Heartbeat(conn, dictated(argument, more)),
        12..=14 => closed(conn, argument, more),
        15..=17 => What::Acked(argument),
        18 => What::Cancel(argument),
        19..=21 => What::Timer,
        22 if argument < 128 => What::NetworkChanged,
        22 => What::NetworkLost,
        23 => What::Close(code(argument), if more < 64 { Duration::ZERO } else { time(more) }),
        24..=29 => What::Send { delivery: delivery(argument), size: size(argument), time_to_live: life(more) },
        30..=33 => What::Transmit,
        34..=36 => What::Sent((argument >= 224).then_some(more)),
        37 => What::Rejected((argument >= 192).then_some(more)),
        38 => What::Unread(conn),
        _ => What::NextAction,
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

/// One in eight is outside the ranges of a config.
fn dictated(argument: u8, more: u8) -> HeartbeatMode {
    let long = Duration::from_secs(24 * 60 * 60) + Duration::from_nanos(1);
    match argument / 16 {
        0 => HeartbeatMode::Listen { timeout: if more < 128 { Duration::ZERO } else { long } },
        1 => HeartbeatMode::Periodic { interval: time(more), timeout: Some(time(more) + Duration::from_nanos(1)) },
        kind => mode(kind, time(more / 16), time(more)),
    }
}

fn closed(conn: Which, argument: u8, more: u8) -> What {
    let loss = match argument / 16 {
        0..=3 => Loss::Transport(TransportError::Io),
        4 => Loss::Transport(TransportError::Connect),
        5 => Loss::Close(1001),
        6..=7 => Loss::Close(1000 + u16::from(more % 16)),
        8 => Loss::Close(u16::from(more) * 257),
        9 => Loss::Status(503),
        10 => Loss::Status([401, 401, 429, u16::from(more) * 4][usize::from(more) % 4]),
        11..=12 => Loss::Application(4400 + u16::from(more % 4)),
        13 => Loss::Application(u16::from(more) * 257),
        14 => Loss::HeartbeatTimeout,
        _ => Loss::Transport(TransportError::Address),
    };
    let wait = (more >= 192).then(|| if more == u8::MAX { Duration::MAX } else { time(more) });
    What::Closed(conn, loss, wait)
}

fn code(byte: u8) -> CloseCode {
    CloseCode::new(3000 + u16::from(byte)).expect("in the range of applications")
}

fn delivery(byte: u8) -> Delivery {
    [Delivery::ThisConnection, Delivery::AtMostOnce, Delivery::AtLeastOnce, Delivery::AtLeastOnce]
        [usize::from(byte) % 4]
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

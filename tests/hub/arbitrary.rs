//! What the properties are tried with.

use std::time::Duration;

use heartline::hub::{Admission, Config, Origins, SecondLogin, Settings};
use heartline::{CloseCode, Instant, Pulse, Rhythm};
use proptest::prelude::*;

/// One of few, so that they meet.
pub type User = u8;

/// When something happens.
#[derive(Clone, Copy, Debug)]
pub enum Lapse {
    None,
    By(Duration),
    /// By a clock that was set back.
    Back(Duration),
    /// At the deadline.
    Due,
    JustBeforeDue,
    /// So many nanoseconds before the end of time.
    End(u64),
}

/// Which connection, among all that there ever were.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    /// Counted from the newest.
    Recent(usize),
    Any(usize),
    Never,
}

#[derive(Clone, Debug)]
pub enum What {
    Admit { evil: bool },
    Alive(Which),
    Ping(Which),
    Login(Which, User),
    Relay { from: Which, to: User, volatile: bool },
    Broadcast { from: Option<Which>, except: Vec<User>, volatile: bool },
    Unknown(Which),
    Queued(Which, u32),
    Written(Which, u32),
    Close(Which),
    Closed(Which),
    Timer,
    Shutdown { within: Duration, spread: Duration },
}

#[derive(Clone, Debug)]
pub struct Op {
    pub lapse: Lapse,
    pub what: What,
    /// How many actions are pulled.
    pub pull: usize,
}

pub const CODE: CloseCode = CloseCode::NORMAL;

fn duration(most: u64) -> impl Strategy<Value = Duration> {
    (0..=most).prop_map(Duration::from_millis)
}

fn lapse() -> impl Strategy<Value = Lapse> {
    prop_oneof![
        6 => Just(Lapse::None),
        8 => duration(3000).prop_map(Lapse::By),
        6 => Just(Lapse::Due),
        2 => Just(Lapse::JustBeforeDue),
        2 => duration(5000).prop_map(Lapse::Back),
        1 => duration(1_000_000).prop_map(Lapse::By),
        1 => prop_oneof![9 => Just(Lapse::None), 1 => (0..3_000_000_000_u64).prop_map(Lapse::End)],
    ]
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![
        12 => (0..4_usize).prop_map(Which::Recent),
        2 => any::<usize>().prop_map(Which::Any),
        1 => Just(Which::Never),
    ]
}

fn user() -> impl Strategy<Value = User> {
    0..4_u8
}

pub fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        6 => prop::bool::weighted(0.1).prop_map(|evil| What::Admit { evil }),
        3 => which().prop_map(What::Alive),
        3 => which().prop_map(What::Ping),
        8 => (which(), user()).prop_map(|(which, user)| What::Login(which, user)),
        4 => (which(), user(), any::<bool>()).prop_map(|(from, to, volatile)| What::Relay { from, to, volatile }),
        3 => (prop::option::of(which()), prop::collection::vec(user(), 0..3), any::<bool>())
            .prop_map(|(from, except, volatile)| What::Broadcast { from, except, volatile }),
        3 => which().prop_map(What::Unknown),
        4 => (which(), 0..80_u32).prop_map(|(which, bytes)| What::Queued(which, bytes)),
        3 => (which(), 0..80_u32).prop_map(|(which, bytes)| What::Written(which, bytes)),
        2 => which().prop_map(What::Close),
        4 => which().prop_map(What::Closed),
        8 => Just(What::Timer),
    ]
}

/// A shutdown ends the interesting part, so it is rare.
fn any_what() -> impl Strategy<Value = What> {
    let shutdown = (duration(8000), duration(5000)).prop_map(|(within, spread)| What::Shutdown { within, spread });
    prop_oneof![60 => what(), 1 => shutdown]
}

/// How many actions are pulled: usually all.
fn pull() -> impl Strategy<Value = usize> {
    prop_oneof![4 => Just(usize::MAX), 1 => 0..4_usize]
}

pub fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = (lapse(), any_what(), pull()).prop_map(|(lapse, what, pull)| Op { lapse, what, pull });
    prop::collection::vec(op, 1..120)
}

fn rhythm() -> impl Strategy<Value = Rhythm> {
    let short = || (1..4000_u64).prop_map(Duration::from_millis);
    prop_oneof![
        Just(Rhythm::Off),
        (short(), short()).prop_map(|(interval, timeout)| Rhythm::WhenIdle { interval, timeout }),
        (short(), prop::option::of(short())).prop_map(|(interval, timeout)| Rhythm::Steady {
            interval,
            timeout: timeout.map(|timeout| timeout.min(interval)),
        }),
        short().prop_map(|window| Rhythm::Listen { window }),
    ]
}

/// A hub has no use for it, but it moves deadlines.
fn slow_after(rhythm: Rhythm) -> Option<Duration> {
    let slow = match rhythm {
        Rhythm::Listen { window } => Some(window / 2),
        Rhythm::WhenIdle { timeout, .. } => Some(timeout / 2),
        Rhythm::Off | Rhythm::Steady { .. } => None,
    };
    slow.filter(|slow| *slow >= Duration::from_millis(1))
}

pub fn config() -> impl Strategy<Value = Config> {
    let numbers = (1..5_u32, 1..4_u32, 1..120_u32, 0..60_u32);
    let times = (duration(3000), duration(3000), duration(3000), duration(3000));
    (numbers, times, rhythm(), any::<bool>()).prop_map(|(numbers, times, rhythm, reject)| {
        let least = Duration::from_millis(1);
        let settings = Settings {
            admission: Admission { origins: Origins::Same, ..Admission::default() },
            max_connections: numbers.0,
            max_anonymous: numbers.1,
            login_timeout: times.0.max(least),
            second_login: if reject { SecondLogin::Reject } else { SecondLogin::Replace },
            superseded: CloseCode::SUPERSEDED,
            heartbeat: Pulse { rhythm, slow_after: slow_after(rhythm), late_tolerance: times.1 },
            budget: numbers.2,
            volatile_above: numbers.3.min(numbers.2),
            reply_gap: times.2,
            close_timeout: times.3.max(least),
        };
        Config::new(settings).expect("a valid config")
    })
}

/// The moment an op happens at.
pub fn moment(lapse: Lapse, now: Instant, deadline: Option<Instant>) -> Instant {
    let due = deadline.unwrap_or(now).max(now);
    match lapse {
        Lapse::None => now,
        Lapse::By(by) => now.saturating_add(by),
        Lapse::Back(by) => Instant::after(now.saturating_since(Instant::after(by))),
        Lapse::Due => due,
        Lapse::JustBeforeDue => Instant::from_nanos(due.as_nanos().saturating_sub(1)),
        Lapse::End(left) => Instant::from_nanos(u64::MAX - left),
    }
}

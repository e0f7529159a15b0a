//! SIGTERM, in each phase of a server's life.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{Battle, Setup, Stage};
use crate::frames::text;
use crate::tally::{Attack, Codes};
use crate::target::Source;
use crate::wire::{SMALL_BUFFER, Wire};

/// So long a server may take to end, before it is killed.
const PATIENCE: Duration = Duration::from_secs(60);
/// For a server to take in what was sent to it before the signal.
const SETTLED: Duration = Duration::from_millis(300);

/// What goes on when the signal comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Users are logged in, nothing else.
    Idle,
    /// Connections have sent half a request, or nothing.
    BeforeUpgrade,
    /// Connections are upgraded and not logged in, others are logging in.
    DuringLogin,
    /// Messages wait for users who do not read.
    Queued,
    /// It was asked to stop already, and clients do not answer its close frames.
    Draining,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Idle, Self::BeforeUpgrade, Self::DuringLogin, Self::Queued, Self::Draining];
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Idle => "idle",
            Self::BeforeUpgrade => "before the upgrade",
            Self::DuringLogin => "during login",
            Self::Queued => "with queued messages",
            Self::Draining => "during a drain",
        })
    }
}

/// How a server ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stopped {
    /// What went on.
    pub phase: Phase,
    /// Its exit code; none if a signal ended it, or it had to be killed.
    pub exit: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// From the (first) signal to the end; the most that it was given if it had to be killed.
    pub took: Duration,
    /// How many uninvolved users there were.
    pub users: usize,
    /// Their connections by close code; users that are missing here were still connected when the process had ended.
    pub closed: Codes,
    /// What the others did.
    pub others: Attack,
}

/// What goes on besides.
#[derive(Clone, Debug)]
pub struct Crowd {
    /// How many connections.
    pub connections: usize,
    /// When a second signal comes, in [`Phase::Draining`].
    pub second_signal: Duration,
}

impl Default for Crowd {
    fn default() -> Self {
        Self { connections: 100, second_signal: Duration::from_secs(1) }
    }
}

/// Brings a server into this phase, and ends it.
///
/// # Errors
/// The server does not start, does not let the users in, or ends too early.
pub async fn run(setup: &Setup, phase: Phase, crowd: Crowd) -> io::Result<Stopped> {
    let mut stage = Stage::start(setup).await?;
    let battle = stage.battle();
    let (mut tasks, mut held) = (JoinSet::new(), Held::default());
    prepare(&battle, phase, crowd.connections, &mut tasks, &mut held).await;
    sleep(SETTLED).await;

    let began = Instant::now();
    stage.server.signal(Signal::TERM)?;
    if phase == Phase::Draining && stage.server.ended(crowd.second_signal).await?.is_none() {
        stage.server.signal(Signal::TERM)?;
    }
    let status = stage.server.ended(PATIENCE).await?;
    let took = began.elapsed();
    sleep(SETTLED).await; // For the last close frames to be read.
    tasks.shutdown().await;
    drop(held);
    let others = battle.tally.count().clone();
    Ok(Stopped {
        phase,
        exit: status.and_then(|status| status.code()),
        signal: status.and_then(|status| status.signal()),
        took,
        users: setup.canaries.users,
        closed: stage.closed(),
        others,
    })
}

/// Connections that nobody reads.
#[derive(Default)]
struct Held {
    tcp: Vec<tokio::net::TcpStream>,
    wires: Vec<Wire>,
}

async fn prepare(battle: &Battle, phase: Phase, connections: usize, tasks: &mut JoinSet<()>, held: &mut Held) {
    for number in 0..connections {
        let source = Source::attacker(number);
        match phase {
            Phase::Idle => {}
            Phase::BeforeUpgrade => held.tcp.extend(begin(battle, source, number % 2 == 0).await),
            Phase::DuringLogin if number % 2 == 0 => {
                held.wires.extend(battle.tally.open(&battle.target, source, None).await);
            }
            Phase::DuringLogin => _ = tasks.spawn(keep_logging_in(battle.clone(), number)),
            Phase::Queued | Phase::Draining => {
                let user = format!("unread{number}");
                held.wires.extend(battle.tally.enter(&battle.target, source, &user, Some(SMALL_BUFFER)).await);
            }
        }
    }
    if phase == Phase::Queued {
        queue(battle, connections).await;
    }
}

/// Nothing, or half a request.
async fn begin(battle: &Battle, source: Source, half: bool) -> Option<tokio::net::TcpStream> {
    let mut tcp = battle.target.connect(source, None).await.ok()?;
    if half {
        let request = battle.target.upgrade();
        tcp.write_all(&request.as_bytes()[..request.len() / 2]).await.ok()?;
    }
    Some(tcp)
}

async fn keep_logging_in(battle: Battle, number: usize) {
    loop {
        let user = format!("coming{number}");
        _ = battle.tally.enter(&battle.target, Source::attacker(number), &user, None).await;
        sleep(super::AGAIN).await;
    }
}

/// 40 KB to each of those who do not read: more than the buffers of their sockets take.
async fn queue(battle: &Battle, connections: usize) {
    let source = Source::crowd(0);
    for number in 0..connections {
        let user = format!("writer{number}");
        let Some(writer) = battle.tally.enter(&battle.target, source, &user, None).await else { continue };
        let (_reader, mut write) = writer.split();
        let filler = "x".repeat(40_000);
        _ = write.write_all(&text(&format!(r#"{{"event":"send","to":"unread{number}","text":"{filler}"}}"#))).await;
    }
}

//! Connections that never become a user: silent ones, and requests that do not end.

use std::fmt;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{AGAIN, Battle, Setup, Stage};
use crate::figures::Verdict;
use crate::tally::{NO_CLOSE_FRAME, add};
use crate::target::Source;
use crate::wire::{PATIENCE, status};

/// How often a dripping client sends a byte.
const DRIP: Duration = Duration::from_secs(1);

/// How they keep the server waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// They send nothing.
    Silent,
    /// They send half a request.
    Half,
    /// They send a byte of a header each second.
    Drip,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Silent => "silent sockets",
            Self::Half => "half requests",
            Self::Drip => "headers of a byte a second",
        })
    }
}

/// Connections that keep the server waiting.
#[derive(Clone, Debug)]
pub struct Silent {
    /// What they leave out.
    pub kind: Kind,
    /// How many.
    pub connections: usize,
    /// How many file descriptors the server may open; none for as many as this process.
    pub descriptors: Option<u64>,
}

impl Silent {
    /// 1,024 of this kind, and 256 descriptors.
    pub fn of(kind: Kind) -> Self {
        Self { kind, connections: 1_024, descriptors: Some(256) }
    }
}

/// All of them come from one address; who is shown out comes back after 20 ms.
///
/// # Errors
/// The server does not start, or does not let the uninvolved users in.
pub async fn run(setup: &Setup, silent: Silent) -> io::Result<Verdict> {
    let limit = silent.descriptors.map_or_else(String::new, |limit| format!(", {limit} descriptors"));
    let name = format!("{} {}{limit}", silent.connections, silent.kind);
    let mut setup = setup.clone();
    setup.launch.descriptors = silent.descriptors;
    let stage = Stage::start(&setup).await?;
    let battle = stage.battle();
    Ok(stage.attacked(&name, setup.during, all(battle, silent)).await)
}

async fn all(battle: Battle, silent: Silent) {
    let mut attackers = JoinSet::new();
    for _ in 0..silent.connections {
        attackers.spawn(one(battle.clone(), silent.kind));
    }
    while attackers.join_next().await.is_some() {}
}

async fn one(battle: Battle, kind: Kind) {
    loop {
        match timeout(PATIENCE, battle.target.connect(Source::attacker(0), None)).await {
            Ok(Ok(tcp)) => {
                battle.tally.count().connected += 1;
                wait(&battle, tcp, kind).await;
            }
            _ => battle.tally.count().failed += 1,
        }
        sleep(AGAIN).await;
    }
}

/// Until the server ends it.
async fn wait(battle: &Battle, mut tcp: TcpStream, kind: Kind) {
    let request = battle.target.upgrade();
    let bytes = match kind {
        Kind::Silent => &[],
        Kind::Half => &request.as_bytes()[..request.len() / 2],
        Kind::Drip => request.as_bytes().split_last_chunk::<4>().map_or(&[][..], |(rest, _)| rest),
    };
    if kind != Kind::Drip {
        _ = tcp.write_all(bytes).await;
        return note(battle, status(&mut tcp).await.map(|(status, _)| status));
    }
    let (mut read, mut write) = tcp.split();
    let mut answer = [0; 12];
    let dripping = async {
        for byte in bytes {
            if write.write_all(&[*byte]).await.is_err() {
                break;
            }
            sleep(DRIP).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        read = read.read_exact(&mut answer) => {
            let status = |answer: [u8; 12]| std::str::from_utf8(&answer[9..]).ok()?.parse().ok();
            note(battle, read.and_then(|_| status(answer).ok_or_else(|| io::Error::other("no HTTP"))));
        }
        () = dripping => {}
    }
}

fn note(battle: &Battle, answer: io::Result<u16>) {
    let mut counts = battle.tally.count();
    match answer {
        Ok(status) => add(&mut counts.denied, status),
        Err(_) => add(&mut counts.closed, NO_CLOSE_FRAME),
    }
}

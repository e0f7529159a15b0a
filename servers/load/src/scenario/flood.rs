//! Frames of one kind, as many as the server takes, from one connection or from many.

use std::fmt;
use std::io;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::crowd::{AT_ONCE, Stay, gather};
use super::{AGAIN, Battle, Setup, Stage};
use crate::figures::Verdict;
use crate::frames::{CONTINUATION, PING, TEXT, frame, text};
use crate::tally::add;
use crate::target::Source;
use crate::wire::SMALL_BUFFER;

/// About so many bytes are written at once.
const BATCH: usize = 16 * 1024;
/// Fragments of a message that does not end.
const FRAGMENTS: usize = 2_000;
/// Users whose names the attackers take from each other.
const TAKEN: usize = 10;

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Texts to one user, who reads.
    Text,
    /// Texts to everybody.
    Broadcast,
    /// Requests for the list of users, without reading the answers.
    Who,
    /// Events that the server does not know.
    Unknown,
    /// Pings of 100 bytes.
    Ping,
    /// Messages in fragments of one byte.
    OneByteFragments,
    /// Fragments without a byte, of messages that do not end.
    EmptyFragments,
    /// The protocol's own heartbeats.
    Heart,
    /// A room, joined and left.
    JoinLeave,
    /// Logins of names that others have.
    TakenLogin,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Text,
        Self::Broadcast,
        Self::Who,
        Self::Unknown,
        Self::Ping,
        Self::OneByteFragments,
        Self::EmptyFragments,
        Self::Heart,
        Self::JoinLeave,
        Self::TakenLogin,
    ];

    /// What is written over and over, and how many frames that is.
    fn batch(self) -> (Vec<u8>, u64) {
        let once = match self {
            Self::Text => vec![text(r#"{"event":"send","to":"victim","text":"flood"}"#)],
            Self::Broadcast => vec![text(r#"{"event":"say","text":"flood"}"#)],
            Self::Who => vec![text(r#"{"event":"who"}"#)],
            Self::Unknown => vec![text(r#"{"event":"flood"}"#)],
            Self::Ping => vec![frame(true, PING, &[b'x'; 100])],
            Self::OneByteFragments => in_fragments(br#"{"event":"heart"}"#),
            Self::EmptyFragments => endless(),
            Self::Heart => vec![text(r#"{"event":"heart"}"#)],
            Self::JoinLeave => {
                vec![text(r#"{"event":"join","room":"flood"}"#), text(r#"{"event":"leave","room":"flood"}"#)]
            }
            Self::TakenLogin => Vec::new(),
        };
        let frames = once.len();
        let once = once.concat();
        let times = (BATCH / once.len().max(1)).max(1);
        (once.repeat(times), (frames * times) as u64)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Text => "texts to one user",
            Self::Broadcast => "broadcasts",
            Self::Who => "who, without reading",
            Self::Unknown => "unknown events",
            Self::Ping => "pings",
            Self::OneByteFragments => "one-byte fragments",
            Self::EmptyFragments => "empty fragments",
            Self::Heart => "heart",
            Self::JoinLeave => "joins and leaves",
            Self::TakenLogin => "logins of taken names",
        })
    }
}

fn in_fragments(payload: &[u8]) -> Vec<Vec<u8>> {
    let last = payload.len().saturating_sub(1);
    let opcode = |at| if at == 0 { TEXT } else { CONTINUATION };
    payload.iter().enumerate().map(|(at, byte)| frame(at == last, opcode(at), &[*byte])).collect()
}

/// Empty fragments, and one that ends the message only so that the batch can be repeated.
fn endless() -> Vec<Vec<u8>> {
    let opcode = |at| if at == 0 { TEXT } else { CONTINUATION };
    (0..FRAGMENTS).map(|at| frame(at + 1 == FRAGMENTS, opcode(at), &[])).collect()
}

/// A flood.
#[derive(Clone, Debug)]
pub struct Flood {
    /// Of what.
    pub kind: Kind,
    /// From how many connections, each of its own user.
    pub connections: usize,
    /// Whether each connection comes from an address of its own, or all from one.
    pub own_sources: bool,
}

impl Flood {
    /// Of this kind, from one connection.
    pub fn of(kind: Kind) -> Self {
        Self { kind, connections: 1, own_sources: false }
    }
}

/// The attackers log in and write as fast as they can. Who is shown out comes back after 20 ms.
///
/// # Errors
/// The server does not start, or does not let the uninvolved users in.
pub async fn run(setup: &Setup, flood: Flood) -> io::Result<Verdict> {
    let name = format!("flood of {}, {} connections", flood.kind, flood.connections);
    let stage = Stage::start(setup).await?;
    let battle = stage.battle();
    Ok(stage.attacked(&name, setup.during, all(battle, flood)).await)
}

async fn all(battle: Battle, flood: Flood) {
    let mut attackers = JoinSet::new();
    let victim = (flood.kind == Kind::Text).then(|| (Source::crowd(0), "victim".into()));
    let _victim = gather(&battle, AT_ONCE, Stay::Reading, victim).await;
    for number in 0..flood.connections {
        let source = Source::attacker(if flood.own_sources { number } else { 0 });
        let battle = battle.clone();
        match flood.kind {
            Kind::TakenLogin => attackers.spawn(take_names(battle, source, number)),
            kind => attackers.spawn(one(battle, source, kind, number)),
        };
    }
    while attackers.join_next().await.is_some() {}
}

async fn one(battle: Battle, source: Source, kind: Kind, number: usize) {
    let Battle { target, tally } = battle;
    let (batch, frames) = kind.batch();
    let user = format!("attacker{number}");
    let buffer = (kind == Kind::Who).then_some(SMALL_BUFFER);
    loop {
        let Some(wire) = tally.enter(&target, source, &user, buffer).await else {
            sleep(AGAIN).await;
            continue;
        };
        let (mut reader, mut write) = wire.split();
        let code = if kind == Kind::Who {
            tally.pour_until_it_fails(&mut write, &batch, frames).await;
            reader.drain(&tally).await
        } else {
            tokio::select! {
                code = reader.drain(&tally) => code,
                never = tally.pour(&mut write, &batch, frames) => never,
            }
        };
        add(&mut tally.count().closed, code);
        sleep(AGAIN).await;
    }
}

/// Logs names in that others have, one after the other. With one connection it has them all from itself.
async fn take_names(battle: Battle, source: Source, number: usize) {
    let Battle { target, tally } = battle;
    let mut held = JoinSet::new();
    for turn in number.. {
        let user = format!("taken{}", turn % TAKEN);
        match tally.enter(&target, source, &user, None).await {
            Some(wire) => {
                let tally = tally.clone();
                held.spawn(async move { wire.split().0.drain(&tally).await });
            }
            None => sleep(AGAIN).await,
        }
        while let Some(ended) = held.try_join_next() {
            add(&mut tally.count().closed, ended.unwrap_or(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tungstenite::Message;
    use tungstenite::protocol::{Role, WebSocket};

    #[test]
    fn every_batch_is_whole_messages_of_its_kind() {
        for kind in Kind::ALL {
            let (bytes, frames) = kind.batch();
            if kind == Kind::TakenLogin {
                assert_eq!((bytes.len(), frames), (0, 0));
                continue;
            }
            let mut server =
                WebSocket::from_partially_read(std::io::Cursor::new(Vec::new()), bytes, Role::Server, None);
            let messages: Vec<Message> = std::iter::from_fn(|| server.read().ok()).collect();
            assert!(!messages.is_empty(), "{kind}");
            let is_event = |message: &Message| message.to_text().is_ok_and(|text| text.starts_with(r#"{"event":""#));
            match kind {
                Kind::Ping => assert!(messages.iter().all(|message| message.is_ping() && message.len() == 100)),
                Kind::EmptyFragments => assert!(messages.iter().all(Message::is_empty)),
                _ => assert!(messages.iter().all(is_event), "{kind}"),
            }
            let each = match kind {
                Kind::OneByteFragments => 17,
                Kind::EmptyFragments => FRAGMENTS as u64,
                _ => 1,
            };
            assert_eq!(frames, messages.len() as u64 * each, "{kind}");
        }
    }
}

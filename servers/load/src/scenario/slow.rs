//! Users who do not read, or not as fast as others write to them.

use std::future::pending;
use std::io;

use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::crowd::{AT_ONCE, Stay, gather};
use super::{AGAIN, Battle, LAST, Setup, Stage};
use crate::figures::Verdict;
use crate::frames::text;
use crate::tally::add;
use crate::target::Source;
use crate::wire::{SMALL_BUFFER, Wire};

/// Users who never read.
#[derive(Clone, Debug)]
pub struct NeverRead {
    /// How many never read.
    pub readers: usize,
    /// How many write to them, each to one after the other.
    pub writers: usize,
    /// Bytes of each text.
    pub size: usize,
}

impl Default for NeverRead {
    fn default() -> Self {
        Self { readers: 100, writers: 100, size: 4096 }
    }
}

/// Others write to users who never read, as fast as the server takes it.
///
/// # Errors
/// The server does not start, or does not let the uninvolved users in.
pub async fn never_read(setup: &Setup, slow: NeverRead) -> io::Result<Verdict> {
    let name = format!("{} users never read, {} write to them", slow.readers, slow.writers);
    let stage = Stage::start(setup).await?;
    let battle = stage.battle();
    let unread = gather(&battle, AT_ONCE, Stay::Unread, readers(slow.readers)).await;
    let verdict = stage.attacked(&name, setup.during, write_to_all(battle, slow)).await;
    drop(unread);
    Ok(verdict)
}

async fn write_to_all(battle: Battle, slow: NeverRead) {
    let mut writers = JoinSet::new();
    for number in 0..slow.writers {
        let texts = (number..number + slow.readers).map(|to| text_to(to % slow.readers, slow.size));
        writers.spawn(write_to(battle.clone(), number, texts.collect()));
    }
    while writers.join_next().await.is_some() {}
}

/// Comes back when it is shown out.
async fn write_to(battle: Battle, number: usize, texts: Vec<Vec<u8>>) {
    let Battle { target, tally } = battle;
    let (user, frames, bytes) = (format!("writer{number}"), texts.len() as u64, texts.concat());
    loop {
        if let Some(wire) = tally.enter(&target, Source::attacker(number), &user, None).await {
            let (mut reader, mut write) = wire.split();
            let code = tokio::select! {
                code = reader.drain(&tally) => code,
                never = tally.pour(&mut write, &bytes, frames) => never,
            };
            add(&mut tally.count().closed, code);
        }
        sleep(AGAIN).await;
    }
}

/// One client who asks who is there and never reads (D1 of the first edition's findings).
#[derive(Clone, Debug)]
pub struct WhoUnread {
    /// Users with long names, which make the answers long.
    pub listed: usize,
    /// Bytes of such a name.
    pub name: usize,
}

impl Default for WhoUnread {
    fn default() -> Self {
        Self { listed: 200, name: 40 }
    }
}

/// It goes on when it is over its budget, and behind a close frame.
///
/// # Errors
/// The server does not start, or does not let the uninvolved users in.
pub async fn who_unread(setup: &Setup, who: WhoUnread) -> io::Result<Verdict> {
    let name = format!("one client asks who is there, never reads; {} names of {} bytes", who.listed, who.name);
    let stage = Stage::start(setup).await?;
    let battle = stage.battle();
    // Names are listed in order.
    let digits = who.name.saturating_sub(1);
    let listed = (0..who.listed).map(|number| (Source::crowd(number), format!("a{number:0>digits$}")));
    let listed = gather(&battle, AT_ONCE, Stay::Reading, listed).await;
    let attack = async move {
        let Battle { target, tally } = &battle;
        loop {
            if let Some(wire) = tally.enter(target, Source::attacker(0), "asker", Some(SMALL_BUFFER)).await {
                let (mut reader, mut write) = wire.split();
                tally.pour_until_it_fails(&mut write, &text(r#"{"event":"who"}"#).repeat(100), 100).await;
                let code = reader.drain(tally).await;
                add(&mut tally.count().closed, code);
            }
            sleep(AGAIN).await;
        }
    };
    let verdict = stage.attacked(&name, setup.during, attack).await;
    drop(listed);
    Ok(verdict)
}

/// One user who writes a lot to users who read at once (D2 of the first edition's findings).
#[derive(Clone, Debug)]
pub struct OneSender {
    /// How many read.
    pub readers: usize,
    /// Messages to each.
    pub messages: usize,
    /// Bytes of each text.
    pub size: usize,
}

impl Default for OneSender {
    fn default() -> Self {
        Self { readers: 20, messages: 132, size: 60_000 }
    }
}

/// One sender writes to prompt readers; `recipients_closed` is how many of them were closed for it.
///
/// # Errors
/// The server does not start, or does not let the uninvolved users in.
pub async fn one_sender(setup: &Setup, one: OneSender) -> io::Result<Verdict> {
    let name =
        format!("one sender, {} messages of {} bytes to each of {} readers", one.messages, one.size, one.readers);
    let stage = Stage::start(setup).await?;
    let battle = stage.battle();
    let reading = gather(&battle, AT_ONCE, Stay::Reading, readers(one.readers)).await;
    let attack = async move {
        if let Some(sender) = battle.tally.enter(&battle.target, Source::attacker(0), "sender", None).await {
            send(&battle, sender, &one).await;
        }
        sleep(LAST).await;
    };
    let verdict = stage.attacked(&name, setup.at_most, attack).await;
    drop(reading);
    Ok(verdict)
}

async fn send(battle: &Battle, sender: Wire, one: &OneSender) {
    let tally = &battle.tally;
    let (mut reader, mut write) = sender.split();
    let sending = async {
        for message in 0..one.messages * one.readers {
            let bytes = text_to(message % one.readers, one.size);
            if write.write_all(&bytes).await.is_err() {
                return pending().await; // The reader sees why.
            }
            let mut counts = tally.count();
            counts.frames_sent += 1;
            counts.bytes_sent += bytes.len() as u64;
        }
    };
    tokio::select! {
        code = reader.drain(tally) => add(&mut tally.count().closed, code),
        () = sending => sleep(LAST).await,
    }
}

fn readers(count: usize) -> impl Iterator<Item = (Source, String)> {
    (0..count).map(|number| (Source::crowd(number), name(number)))
}

fn name(number: usize) -> String {
    format!("reader{number}")
}

fn text_to(number: usize, size: usize) -> Vec<u8> {
    text(&format!(r#"{{"event":"send","to":"{}","text":"{}"}}"#, name(number), "x".repeat(size)))
}

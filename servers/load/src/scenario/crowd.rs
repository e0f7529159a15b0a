//! Users who log in together, and stay.

use std::future::pending;
use std::sync::Arc;

use tokio::io::AsyncWriteExt as _;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Battle;
use crate::frames::text;
use crate::tally::add;
use crate::target::Source;
use crate::wire::{SMALL_BUFFER, Wire};

/// How many log in at the same time, where that is not what a scenario is about.
pub const AT_ONCE: u32 = 64;

/// What they do once they are logged in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stay {
    /// They read.
    Reading,
    /// They ask for everybody who comes and goes, and read.
    Watching,
    /// They never read, and have small buffers.
    Unread,
}

/// Returns when all have tried to log in. They stay until the result is dropped.
pub async fn gather<U>(battle: &Battle, at_once: u32, stay: Stay, users: U) -> JoinSet<()>
where
    U: IntoIterator<Item = (Source, String)>,
{
    let (gate, mut there) = (Arc::new(Semaphore::new(at_once as usize)), JoinSet::new());
    for (source, user) in users {
        let Ok(permit) = Arc::clone(&gate).acquire_owned().await else { break };
        let battle = battle.clone();
        there.spawn(async move {
            let buffer = (stay == Stay::Unread).then_some(SMALL_BUFFER);
            let entered = battle.tally.enter(&battle.target, source, &user, buffer).await;
            drop(permit);
            if let Some(wire) = entered {
                remain(&battle, wire, stay).await;
            }
        });
    }
    _ = gate.acquire_many(at_once).await;
    there
}

async fn remain(battle: &Battle, wire: Wire, stay: Stay) {
    let (mut reader, mut write) = wire.split();
    match stay {
        Stay::Unread => pending().await,
        Stay::Watching => _ = write.write_all(&text(r#"{"event":"who","watch":true}"#)).await,
        Stay::Reading => {}
    }
    let code = reader.drain_and_answer(&battle.tally, &mut write).await;
    add(&mut battle.tally.count().recipients_closed, code);
}

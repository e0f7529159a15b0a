//! Clients who take their user's name from each other.

use std::io;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{AGAIN, Battle, Setup, Stage};
use crate::figures::Verdict;
use crate::tally::add;
use crate::target::Source;

/// A war of clients that come back at once when they are replaced.
#[derive(Clone, Debug)]
pub struct Kicks {
    /// Users, each with two clients.
    pub names: usize,
}

impl Default for Kicks {
    fn default() -> Self {
        Self { names: 150 }
    }
}

/// `logged_in` of the attack counts the replacements, and the first login of each name.
///
/// # Errors
/// The server does not start, or does not let the uninvolved users in.
pub async fn run(setup: &Setup, kicks: Kicks) -> io::Result<Verdict> {
    let name = format!("two clients of each of {} names replace each other", kicks.names);
    let stage = Stage::start(setup).await?;
    let battle = stage.battle();
    Ok(stage.attacked(&name, setup.during, all(battle, kicks)).await)
}

async fn all(battle: Battle, kicks: Kicks) {
    let mut clients = JoinSet::new();
    for number in 0..2 * kicks.names {
        clients.spawn(one(battle.clone(), number, format!("fought-for{}", number / 2)));
    }
    while clients.join_next().await.is_some() {}
}

async fn one(battle: Battle, number: usize, user: String) {
    let Battle { target, tally } = battle;
    loop {
        match tally.enter(&target, Source::attacker(number), &user, None).await {
            Some(wire) => {
                let code = wire.split().0.drain(&tally).await;
                add(&mut tally.count().closed, code);
            }
            None => sleep(AGAIN).await,
        }
    }
}

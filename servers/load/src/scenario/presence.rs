//! Users who watch who comes and goes.

use std::io;

use tokio::time::sleep;

use super::crowd::{AT_ONCE, Stay, gather};
use super::logins::watchers;
use super::{AGAIN, Setup, Stage};
use crate::figures::Verdict;
use crate::target::Source;

/// One user before many who watch.
#[derive(Clone, Debug)]
pub struct Flapping {
    /// How many watch.
    pub watchers: usize,
}

impl Default for Flapping {
    fn default() -> Self {
        Self { watchers: 500 }
    }
}

/// One user logs in and leaves, over and over, as fast as the server lets it.
///
/// # Errors
/// The server does not start, or does not let the uninvolved users in.
pub async fn flapping(setup: &Setup, flapping: Flapping) -> io::Result<Verdict> {
    let name = format!("one user flaps before {} watchers", flapping.watchers);
    let stage = Stage::start(setup).await?;
    let battle = stage.battle();
    let watching = gather(&battle, AT_ONCE, Stay::Watching, watchers(flapping.watchers)).await;
    let attack = async move {
        loop {
            if battle.tally.enter(&battle.target, Source::attacker(0), "flapper", None).await.is_none() {
                sleep(AGAIN).await;
            }
        }
    };
    let verdict = stage.attacked(&name, setup.during, attack).await;
    drop(watching);
    Ok(verdict)
}

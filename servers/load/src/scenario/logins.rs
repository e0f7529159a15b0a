//! Many users log in while others write.

use std::io;

use super::crowd::{AT_ONCE, Stay, gather};
use super::{Setup, Stage};
use crate::figures::Verdict;
use crate::target::Source;

/// A crowd that logs in.
#[derive(Clone, Debug)]
pub struct Logins {
    /// How many log in, and stay to the end of the attack.
    pub users: usize,
    /// How many of them at the same time.
    pub at_once: u32,
    /// How many users watch who comes and goes.
    pub watchers: usize,
    /// Whether those who log in watch as well.
    pub all_watch: bool,
}

impl Default for Logins {
    fn default() -> Self {
        Self { users: 2_000, at_once: AT_ONCE, watchers: 500, all_watch: false }
    }
}

/// They log in as fast as the server lets them; the attack ends with the last of them.
///
/// # Errors
/// The server does not start, or does not let the uninvolved users in.
pub async fn run(setup: &Setup, logins: Logins) -> io::Result<Verdict> {
    let watch = if logins.all_watch { ", each of whom watches" } else { "" };
    let name = format!("{} logins{watch}, before {} watchers", logins.users, logins.watchers);
    let stage = Stage::start(setup).await?;
    let battle = stage.battle();
    let watchers = gather(&battle, AT_ONCE, Stay::Watching, watchers(logins.watchers)).await;
    let stay = if logins.all_watch { Stay::Watching } else { Stay::Reading };
    let attack = async move {
        let users = (0..logins.users).map(|number| (Source::crowd(number), format!("crowd{number}")));
        _ = gather(&battle, logins.at_once, stay, users).await;
    };
    let verdict = stage.attacked(&name, setup.at_most, attack).await;
    drop(watchers);
    Ok(verdict)
}

/// Users to watch.
pub(super) fn watchers(count: usize) -> impl Iterator<Item = (Source, String)> {
    (0..count).map(|number| (Source::watcher(number), format!("watcher{number}")))
}

//! A server that is stopped as a whole for a while, as a suspended machine is.

use std::io;
use std::time::Duration;

use tokio::time::sleep;

use super::{Setup, Stage};
use crate::figures::Verdict;

/// Stops the server and lets it go on (SIGSTOP, SIGCONT) while users write; nobody of them should be disconnected, in
/// `during` or `after`.
///
/// # Errors
/// The server does not start, does not let the users in, or has ended.
pub async fn run(setup: &Setup, length: Duration) -> io::Result<Verdict> {
    let mut stage = Stage::start(setup).await?;
    let before = stage.look(sleep(setup.before)).await;
    let suspended = stage.suspended(length).await?;
    let after = stage.look(sleep(setup.after)).await;
    let name = format!("suspended for {} s", length.as_secs_f64());
    Ok(Verdict { name, before, during: suspended, after, ..Verdict::default() })
}

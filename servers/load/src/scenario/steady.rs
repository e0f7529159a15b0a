//! Many users, many messages, and nothing else.

use std::io;

use super::{Setup, Stage};
use crate::figures::Verdict;

/// The uninvolved users write for `during`; before and after that they do so as well, for their times.
///
/// # Errors
/// The server does not start, or does not let all of them in.
pub async fn run(setup: &Setup) -> io::Result<Verdict> {
    let stage = Stage::start(setup).await?;
    Ok(stage.attacked("steady", setup.during, std::future::pending()).await)
}

//! What a client receives, for a test to wait at.

use heartline_tokio::Incoming;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::PATIENCE;

/// What was picked out of everything received.
pub struct Heard<T>(UnboundedReceiver<T>);

impl<T: Send + 'static> Heard<T> {
    /// Reads as long as the client lives.
    pub fn from<R: Send + 'static>(mut incoming: Incoming<R>, pick: fn(R) -> Option<T>) -> Self {
        let (sender, receiver) = unbounded_channel();
        tokio::spawn(async move {
            while let Some(message) = incoming.next_message().await {
                pick(message).into_iter().for_each(|picked| _ = sender.send(picked));
            }
        });
        Self(receiver)
    }

    /// The next one.
    pub async fn next(&mut self) -> T {
        let next = tokio::time::timeout(PATIENCE, self.0.recv()).await;
        next.expect("something is received").expect("a client that lives")
    }

    /// Forgets what has come so far.
    pub fn forget(&mut self) {
        while self.0.try_recv().is_ok() {}
    }
}

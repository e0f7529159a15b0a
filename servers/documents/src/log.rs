//! What a server writes down.

use std::sync::Arc;

use tokio::sync::watch;

/// The lines that servers have written.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<watch::Sender<Vec<String>>>);

impl Log {
    /// Appends a line.
    pub fn write(&self, line: impl Into<String>) {
        self.0.send_modify(|lines| lines.push(line.into()));
    }

    /// Those that begin with this.
    pub fn lines(&self, start: &str) -> Vec<String> {
        self.0.borrow().iter().filter(|line| line.starts_with(start)).cloned().collect()
    }

    /// Ends when there is a line that begins with this.
    pub async fn until(&self, start: &str) {
        let mut lines = self.0.subscribe();
        // The sender lives as long as this log.
        _ = lines.wait_for(|lines| lines.iter().any(|line| line.starts_with(start))).await;
    }
}

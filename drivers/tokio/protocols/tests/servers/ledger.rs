//! What a server has written down of what it received, in its order.

use std::path::PathBuf;
use std::time::Instant;

use crate::PATIENCE;
use heartline_driver_testing::process::Server;

/// A file that outlives its server.
pub struct Ledger {
    file: PathBuf,
    /// The label of the message that a line is about.
    label: fn(&str) -> Option<&str>,
}

impl Ledger {
    /// The ledger that programs of ours keep.
    pub fn of(server: &Server) -> Self {
        Self { file: server.place.ledger(), label: |line| Some(line) }
    }

    /// The log of a server that logs every message.
    pub fn log_of(server: &Server, label: fn(&str) -> Option<&str>) -> Self {
        Self { file: server.place.log(), label }
    }

    /// Whole lines only: one may be half written.
    pub fn labels(&self) -> Vec<String> {
        let bytes = std::fs::read(&self.file).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        lines.filter_map(self.label).map(str::to_owned).collect()
    }

    /// Waits until so many labels have come in from now on.
    pub async fn grows_by(&self, count: usize) {
        let (goal, began) = (self.labels().len() + count, Instant::now());
        while self.labels().len() < goal {
            assert!(began.elapsed() < PATIENCE, "nothing arrives at the server");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

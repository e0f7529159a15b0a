//! What the tasks of the connections report to the task of the hub, and what they get from it.

use std::time::Duration;

use heartline::hub::Denied;
use heartline::{CloseCode, ConnId};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tungstenite::Message;

use super::events::{ClientEvent, User};

/// So many reports may wait for the hub; a task with another one waits until there is room.
pub const REPORTS: usize = 4096;

/// What the tasks of the connections report.
pub enum Report {
    /// May this request be upgraded?
    Admit {
        request: UpgradeRequest,
        answer: oneshot::Sender<Result<NewConnection, Denied>>,
    },
    /// It logged in by its path.
    Login {
        conn: ConnId,
        user: User,
    },
    Event {
        conn: ConnId,
        event: ClientEvent,
    },
    Alive {
        conn: ConnId,
    },
    Written {
        conn: ConnId,
        bytes: u32,
    },
    /// It broke a rule of the protocol.
    Broken {
        conn: ConnId,
        code: CloseCode,
    },
    Gone {
        conn: ConnId,
    },
    Stop {
        within: Duration,
        spread: Duration,
    },
}

/// The headers that admission is about.
pub struct UpgradeRequest {
    pub origin: Option<String>,
    pub host: String,
    pub protocols: Vec<String>,
}

/// What an admitted connection gets.
pub struct NewConnection {
    pub conn: ConnId,
    pub protocol: Option<String>,
    /// What is to be written. Its end is the end of the connection.
    pub queue: UnboundedReceiver<Message>,
    /// Fires when the connection is to be dropped at once.
    pub abort: oneshot::Receiver<()>,
}

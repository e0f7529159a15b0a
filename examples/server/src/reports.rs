//! What the tasks of the connections report to the task of the hub, and what they get from it.

use std::sync::Arc;
use std::time::Duration;

use heartline::hub::Denied;
use heartline::{CloseCode, ConnId};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::Instant;
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
        /// The length of the frame's payload.
        bytes: u32,
    },
    Alive {
        conn: ConnId,
        bytes: u32,
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

/// How many frames of one connection may wait for the hub: fewer than a debt that closes it, so that its reader learns of a
/// pause first.
pub const AHEAD: usize = 32;

/// How fast a connection is read.
#[derive(Clone)]
pub struct Pace {
    /// One for each frame that may be read; the hub gives it back when it has handled the frame.
    pub frames: Arc<Semaphore>,
    /// Until when nothing is to be read.
    pub paused: watch::Receiver<Instant>,
}

/// What an admitted connection gets.
pub struct NewConnection {
    pub conn: ConnId,
    pub protocol: Option<String>,
    /// What is to be written. Its end is the end of the connection.
    pub queue: UnboundedReceiver<Message>,
    pub pace: Pace,
    /// Fires when the connection is to be dropped at once.
    pub abort: oneshot::Receiver<()>,
}

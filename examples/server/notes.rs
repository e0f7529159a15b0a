//! What the tasks of the connections and the desk say to each other.

use std::time::Duration;

use heartline::hub::Denied;
use heartline::{CloseCode, ConnId};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tungstenite::Message;

use super::events::{Heard, User};

/// So many notes may wait for the desk; whoever has another one waits until there is room.
pub const NOTES: usize = 4096;

/// What the tasks of the connections have for the desk.
pub enum Note {
    /// May this request be upgraded?
    Admit {
        asks: Asks,
        answer: oneshot::Sender<Result<Pass, Denied>>,
    },
    /// It logged in by its path.
    Login {
        conn: ConnId,
        user: User,
    },
    Heard {
        conn: ConnId,
        heard: Heard,
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
pub struct Asks {
    pub origin: Option<String>,
    pub host: String,
    pub protocols: Vec<String>,
}

/// What an admitted connection gets.
pub struct Pass {
    pub conn: ConnId,
    pub protocol: Option<String>,
    /// What is to be written. At its end there is nothing more to say.
    pub queue: UnboundedReceiver<Message>,
    /// Told when the connection is to be dropped as it stands.
    pub abort: oneshot::Receiver<()>,
}

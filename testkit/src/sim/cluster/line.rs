//! The protocol between the nodes and the clients of a simulated cluster.

use heartline::directory::{Outcome, RemoteConn, User};
use heartline::hub::Room;

/// A message on the connection between a client and its node.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Line {
    /// To the node: a login as this user. Nobody checks it.
    LogIn(User),
    /// To the client: it is logged in as this user.
    Welcome(User),
    /// To the node: a message for another user.
    Relay {
        /// The recipient.
        to: User,
        /// The number that comes back with the outcome.
        tag: u64,
        /// Whether it is dropped rather than queued for a slow connection.
        volatile: bool,
        /// The message.
        message: Vec<u8>,
    },
    /// To the client: what became of its message.
    Outcome {
        /// The tag of the message.
        tag: u64,
        /// What became of it.
        outcome: Outcome,
    },
    /// To the client: a message of another user.
    Delivered {
        /// The sender.
        from: User,
        /// The sender's connection and the sequence number of the message, if the sender is on another node.
        sequence: Option<(RemoteConn, u64)>,
        /// The message.
        message: Vec<u8>,
    },
    /// To the node: this client joins a room.
    Join(Room),
    /// To the node: this client leaves a room.
    Leave(Room),
    /// To the client: its node has let it into the room.
    Joined(Room),
    /// To the node: a message for a room.
    Publish {
        /// The room.
        room: Room,
        /// The message.
        message: Vec<u8>,
    },
    /// To the client: a message that was published to a room.
    Published {
        /// The room; `None` for everybody.
        room: Option<Room>,
        /// The message.
        message: Vec<u8>,
    },
}

impl Line {
    /// How many bytes it counts as: 16, and the length of its message.
    pub fn bytes(&self) -> u32 {
        let payload = match self {
            Self::Relay { message, .. } | Self::Delivered { message, .. } => message.len(),
            Self::Publish { message, .. } | Self::Published { message, .. } => message.len(),
            _ => 0,
        };
        u32::try_from(payload).unwrap_or(u32::MAX).saturating_add(16)
    }
}

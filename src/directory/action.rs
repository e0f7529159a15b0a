//! What a directory asks its node to do.

use alloc::vec::Vec;
use core::fmt;

use super::hash::hash;
use super::node::{Node, User};
use crate::close_code::CloseCode;
use crate::conn::ConnId;
use crate::hub::Room;

/// Something the node is to do.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
#[must_use = "an action is to be carried out"]
pub enum Action {
    /// A message for the broker. It may be lost, which is found out: never wait for it.
    Publish {
        /// Where to.
        to: Destination,
        /// The message, of up to [`Settings::max_payload`](super::Settings::max_payload) bytes.
        payload: Vec<u8>,
    },
    /// What is published under this [`Destination::Room`] is to be received from now on.
    Subscribe {
        /// The hash of the room's name.
        room: RoomHash,
    },
    /// No more.
    Unsubscribe {
        /// The hash of the room's name.
        room: RoomHash,
    },
    /// The user of a connection logged in elsewhere: close it, by [`hub::Input::Close`](crate::hub::Input::Close).
    Close {
        /// The connection.
        conn: ConnId,
        /// The code.
        code: CloseCode,
    },
    /// A message from another node for a user of this node's hub, to be answered with
    /// [`Input::Delivered`](super::Input::Delivered) in any case.
    Deliver {
        /// Which message.
        relay: RelayRef,
        /// The recipient.
        to: User,
        /// The sender.
        from: User,
        /// The sender's connection.
        conn: RemoteConn,
        /// How many messages of this connection for this user this one makes. A gap tells that some went elsewhere, a 1 that counting began
        /// anew.
        count: u64,
        /// The message.
        message: Vec<u8>,
        /// Whether it is dropped rather than queued for a slow connection.
        volatile: bool,
    },
    /// A message from another node for everybody online here, or in a room.
    Broadcast {
        /// The sender; `None` for another node's server itself.
        from: Option<User>,
        /// The room; `None` for everybody online.
        room: Option<Room>,
        /// Users who are not among the recipients.
        except: Vec<User>,
        /// The message.
        message: Vec<u8>,
        /// Whether it is dropped rather than queued for slow connections.
        volatile: bool,
    },
    /// A [`Broadcast`](super::Input::Broadcast) that was not published: it is longer than
    /// [`Settings::max_payload`](super::Settings::max_payload) allows, or a name in it has not 1 to 255 bytes.
    BroadcastRefused {
        /// The message.
        message: Vec<u8>,
    },
    /// What became of a [`Relay`](super::Input::Relay).
    Outcome {
        /// The sender's connection, which may have ended.
        conn: ConnId,
        /// The number the node gave it.
        tag: u64,
        /// What became of it.
        outcome: Outcome,
        /// The message, unless it was routed.
        message: Option<Vec<u8>>,
    },
    /// A room was entered: what is published to it from now on arrives.
    Entered {
        /// The room.
        room: Room,
        /// Whether a message to oneself came back under the room's name; otherwise it did not in time, and messages may be missed.
        confirmed: bool,
    },
    /// Another node asks who is in a room here; see [`Input::MembersHere`](super::Input::MembersHere).
    ListMembers {
        /// Which question.
        query: Query,
        /// The room.
        room: Room,
        /// How many names to tell at most: up to 1,000.
        limit: u32,
    },
    /// Who is in a room on the other nodes.
    Members {
        /// The number the node gave the question.
        tag: u64,
        /// What each node said, in the order of their names.
        nodes: Vec<NodeMembers>,
        /// The nodes that did not answer in time.
        silent: Vec<Node>,
    },
    /// Send all clients away: a hub's [`Shutdown`](crate::hub::Input::Shutdown) without stopping the server, or `Close` with 1012
    /// for each connection.
    SendAway,
    /// Something to show a person or to write to a log.
    Event(Event),
}

/// Who receives what a node publishes. For a broker, a subject each.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Destination {
    /// All nodes, the own one included.
    All,
    /// One node.
    Node(Node),
    /// The nodes that entered a room of this hash, the own one included if it did.
    Room(RoomHash),
}

/// 128 bits that stand for the name of a room; two rooms of one hash only cost traffic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RoomHash(u128);

impl RoomHash {
    /// The hash of a room's name, the same on all nodes.
    pub fn of(room: &Room) -> Self {
        Self(hash(room.as_bytes()))
    }
}

/// As 32 hexadecimal digits.
impl fmt::Display for RoomHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

/// A connection on some node.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RemoteConn {
    /// The node.
    pub node: Node,
    /// When that node started: a node begins anew to count its connections.
    pub epoch: u64,
    /// The connection.
    pub conn: ConnId,
}

/// A message of another node that waits for its outcome.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RelayRef {
    pub(super) node: Node,
    pub(super) id: u64,
}

/// A question of another node that waits for its answer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Query {
    pub(super) node: Node,
    pub(super) id: u64,
}

/// Who is in a room on a node.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NodeMembers {
    /// The node.
    pub node: Node,
    /// How many.
    pub total: u32,
    /// Some of them, as many as were asked for.
    pub users: Vec<User>,
}

/// What became of a message for a user on another node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Outcome {
    /// The hub of the user's node queued it.
    Routed,
    /// It was certainly delivered to nobody: the user is on no node, or was not where this node knew it to be.
    Offline,
    /// Too much waits for the recipient, or in the recipient's hub, or for other outcomes here; or it is longer than a message
    /// may be.
    Full,
    /// The recipient is slow, and the message volatile.
    Dropped,
    /// No answer came in time. It may still arrive, once.
    Unknown,
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Routed => "routed",
            Self::Offline => "offline",
            Self::Full => "full",
            Self::Dropped => "dropped",
            Self::Unknown => "unknown",
        })
    }
}

/// Something to show a person or to write to a log.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Event {
    /// A user who was on no node is on one.
    Online(User),
    /// A user who was on some node is on none.
    Offline(User),
    /// A node was heard for the first time, or again.
    NodeUp(Node),
    /// A node was not heard for a lease, said goodbye, or was replaced.
    NodeDown(Node),
    /// The broker does not give back what this node publishes, or the node was suspended.
    CutOff,
    /// It does again.
    Reconnected,
    /// A login elsewhere has a stamp more than 10 s ahead of the own wall: some clock is wrong.
    ClockSkew(Node),
    /// A node is not among those that may be known, or has more users than may be known.
    TooMany(Node),
    /// Another process has taken this node's name. It has stopped.
    Replaced,
}

impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Online(user) => write!(formatter, "{user} is online"),
            Self::Offline(user) => write!(formatter, "{user} is offline"),
            Self::NodeUp(node) => write!(formatter, "node {node} is up"),
            Self::NodeDown(node) => write!(formatter, "node {node} is down"),
            Self::CutOff => formatter.write_str("cut off from the other nodes"),
            Self::Reconnected => formatter.write_str("no longer cut off from the other nodes"),
            Self::ClockSkew(node) => write!(formatter, "the clock of node {node} is more than 10 s ahead"),
            Self::TooMany(node) => write!(formatter, "node {node} is beyond the limits of this one"),
            Self::Replaced => formatter.write_str("replaced by another process with this node's name"),
        }
    }
}

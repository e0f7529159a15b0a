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
    /// A packet for the broker, by [`Broker::publish`](super::Broker::publish). It may be lost; the nodes find that out and repair it, so never wait
    /// for it.
    Publish {
        /// The nodes that it is for.
        to: Destination,
        /// The packet, of up to [`Settings::max_payload`](super::Settings::max_payload) bytes.
        payload: Vec<u8>,
    },
    /// Receive from now on what is published to this destination, by [`Broker::subscribe`](super::Broker::subscribe). Asked for again if nothing
    /// published to it arrives.
    Subscribe {
        /// A room; when subscribing again, also all nodes or this node.
        to: Destination,
    },
    /// Receive no longer what is published to this destination, by [`Broker::unsubscribe`](super::Broker::unsubscribe).
    Unsubscribe {
        /// A room.
        to: Destination,
    },
    /// The user of a connection logged in elsewhere: close it, by [`hub::Input::Close`](crate::hub::Input::Close).
    Close {
        /// The connection.
        conn: ConnId,
        /// The code: [`superseded_code`](super::Settings::superseded_code) or [`concurrent_code`](super::Settings::concurrent_code).
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
        /// The place of this message among those from this connection to this user, from 1. A gap shows that some went elsewhere; another 1
        /// shows that the numbers began again.
        sequence: u64,
        /// The message.
        message: Vec<u8>,
        /// Whether it is dropped rather than queued for a slow connection.
        volatile: bool,
    },
    /// A message from another node for everybody online here, or in a room: for the hub, and not for
    /// [`Input::Broadcast`](super::Input::Broadcast).
    Broadcast {
        /// The sender; `None` if it is the server of another node itself.
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
        /// The tag of the relay.
        tag: u64,
        /// What became of it.
        outcome: Outcome,
        /// The message, unless it was routed.
        message: Option<Vec<u8>>,
    },
    /// A room was entered, as [`Input::EnterRoom`](super::Input::EnterRoom) asked for.
    Entered {
        /// The room.
        room: Room,
        /// Whether a probe that this node published to the room came back, so that what others publish to it arrives too. Otherwise none did
        /// within [`relay_timeout`](super::Settings::relay_timeout), and broadcasts may be missed. This action comes once more whenever that
        /// changes.
        confirmed: bool,
    },
    /// Another node asks who is in a room here, to be answered with [`Input::MembersHere`](super::Input::MembersHere).
    ListMembers {
        /// Which question.
        query: Query,
        /// The room.
        room: Room,
        /// How many names to give at most: 0 to 1,000.
        limit: u32,
    },
    /// Who is in a room on the other nodes: the answer to [`Input::AskMembers`](super::Input::AskMembers).
    Members {
        /// The tag of the question.
        tag: u64,
        /// What each node said, in the order of the nodes' names.
        nodes: Vec<NodeMembers>,
        /// The nodes that did not answer within [`relay_timeout`](super::Settings::relay_timeout).
        unanswered: Vec<Node>,
    },
    /// Close all connections with 1012, so that the clients come back to another node: by
    /// [`hub::Input::Close`](crate::hub::Input::Close) for each of them, or by the hub's [`Shutdown`](crate::hub::Input::Shutdown) if
    /// the server is to end.
    SendAway,
    /// Something to show a person or to write to a log.
    Event(Event),
}

/// Who receives what a node publishes. A broker has a subject for each.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Destination {
    /// All nodes, the one that publishes included.
    All,
    /// One node.
    Node(Node),
    /// The nodes that have entered a room of this hash; the one that publishes too, if it has.
    Room(RoomHash),
}

/// A hash of a room's name, of 128 bits. If two rooms have the same, nodes receive packets that they ignore, and nothing else happens.
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

/// A connection on any node.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RemoteConn {
    /// The node.
    pub node: Node,
    /// The incarnation of that node: a node that starts again counts its connections from 1 again.
    pub incarnation: u64,
    /// The connection.
    pub conn: ConnId,
}

/// Names a message from another node that waits for its outcome.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RelayRef {
    pub(super) node: Node,
    pub(super) id: u64,
}

/// Names a question from another node that waits for its answer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Query {
    pub(super) node: Node,
    pub(super) id: u64,
}

/// Who is in a room on one node.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NodeMembers {
    /// The node.
    pub node: Node,
    /// How many users are in it.
    pub total: u32,
    /// Some of them, up to the `limit` that was asked for.
    pub users: Vec<User>,
}

/// What became of a message for a user on another node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Outcome {
    /// The hub of the user's node queued it.
    Routed,
    /// It was certainly delivered to nobody: the user is on no node, or was not on the node on which this one knew the user to be.
    Offline,
    /// Too much waits to be written to the recipient or in the recipient's hub, or too many messages here wait for their outcomes
    /// ([`max_relays`](super::Settings::max_relays), [`relay_bytes`](super::Settings::relay_bytes)); or it is too long for a packet.
    Full,
    /// The recipient is slow, and the message volatile.
    Dropped,
    /// No answer came within [`relay_timeout`](super::Settings::relay_timeout). The message may still arrive, once.
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
    /// A node is heard that was not.
    NodeUp(Node),
    /// A node was not heard for a [`lease`](super::Settings::lease), said goodbye, or was replaced by a later process of its name.
    NodeDown(Node),
    /// For a [`lease`](super::Settings::lease) the broker has not given back what this node publishes, or the node was suspended.
    CutOff,
    /// The end of [`CutOff`](Self::CutOff): the broker gives back again what this node publishes.
    Rejoined,
    /// That node's wall clock is more than 10 s ahead of the one here, and was not before: one of the two is wrong, this one if all nodes are
    /// reported. Logins that knew of each other are in the right order all the same.
    ClockSkew(Node),
    /// A node beyond [`max_nodes`](super::Settings::max_nodes), or one with more users than
    /// [`max_claims`](super::Settings::max_claims): what is beyond is ignored.
    Excess(Node),
    /// Another process has taken this node's name. This one has stopped.
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
            Self::Rejoined => formatter.write_str("no longer cut off from the other nodes"),
            Self::ClockSkew(node) => write!(formatter, "the clock of node {node} is more than 10 s ahead"),
            Self::Excess(node) => write!(formatter, "node {node} is beyond the limits of this one"),
            Self::Replaced => formatter.write_str("replaced by another process with this node's name"),
        }
    }
}

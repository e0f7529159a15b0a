//! What a node reports to its directory.

use alloc::vec::Vec;

use super::action::{Outcome, Query, RelayRef};
use super::node::{Departure, User};
use crate::conn::ConnId;
use crate::hub::Room;

/// What happened at the broker, in the hub or in the application.
///
/// No input does harm at any time. One that makes no sense changes nothing and is counted in [`Stats`](super::Stats).
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Input {
    /// A packet arrived from the broker, on any subject: what [`Action::Publish`](super::Action::Publish) gave, here or on another node.
    Received {
        /// The packet.
        payload: Vec<u8>,
    },
    /// The connection to the broker was lost, or packets were dropped. To be reported once publishing is possible again; at once, if only
    /// packets for this node were dropped.
    Interrupted,
    /// The hub took a login: [`LoggedIn`](crate::hub::Action::LoggedIn).
    Login {
        /// The connection.
        conn: ConnId,
        /// The user; a name of another length than 1 to 255 bytes stays unknown to other nodes, and is counted.
        user: User,
    },
    /// A connection whose login was reported has ended, or its close was decided. Nothing, if its user has logged in again since.
    Ended {
        /// The connection.
        conn: ConnId,
        /// The user.
        user: User,
        /// How, which decides when the user is told to be offline.
        departure: Departure,
    },
    /// A message for a user who is not connected to this node's hub.
    Relay {
        /// The sender's connection; for the server itself an id that no connection has, as that of `u64::MAX`: hubs count from 1.
        conn: ConnId,
        /// The sender, as the recipient is to know it.
        from: User,
        /// The recipient.
        to: User,
        /// The message.
        message: Vec<u8>,
        /// Whether it is dropped rather than queued for a slow connection.
        volatile: bool,
        /// Whatever the node wants back with the outcome.
        tag: u64,
    },
    /// What the hub did with [`Action::Deliver`](super::Action::Deliver).
    Delivered {
        /// Which message.
        relay: RelayRef,
        /// What became of it; [`Unknown`](Outcome::Unknown) says nothing, and is ignored.
        outcome: Outcome,
    },
    /// A message for everybody on all other nodes, or in a room there. For this node, give it to the hub.
    Broadcast {
        /// The sender, as the recipients are to know it; `None` for the server itself.
        from: Option<User>,
        /// The room, which this node need not have entered; `None` for everybody online.
        room: Option<Room>,
        /// Users who are not among the recipients.
        except: Vec<User>,
        /// The message.
        message: Vec<u8>,
        /// Whether it is dropped rather than queued for slow connections.
        volatile: bool,
    },
    /// The first connection of this node joined a room. Answered with [`Action::Entered`](super::Action::Entered).
    EnterRoom {
        /// The room.
        room: Room,
    },
    /// The last connection of this node left a room.
    LeaveRoom {
        /// The room.
        room: Room,
    },
    /// Who is in a room, on the other nodes? Answered with [`Action::Members`](super::Action::Members).
    AskMembers {
        /// The room.
        room: Room,
        /// How many names each node may tell: 0 to 1,000; more counts as 1,000, 0 asks for totals alone.
        limit: u32,
        /// Whatever the node wants back with the answer.
        tag: u64,
    },
    /// The answer to [`Action::ListMembers`](super::Action::ListMembers).
    MembersHere {
        /// Which question.
        query: Query,
        /// Users in the room on this node, as many as were asked for; those beyond what a message can hold are left out.
        users: Vec<User>,
        /// How many there are.
        total: u32,
    },
    /// The time of [`Directory::deadline`](super::Directory::deadline) has come.
    Timer,
    /// The node stops. To be reported when its hub has drained.
    Leave,
}

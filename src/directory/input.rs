//! What a node reports to its directory.

use alloc::vec::Vec;

use super::action::{Outcome, Query, RelayRef};
use super::node::User;
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
    /// A message arrived from the broker, on whatever subject: what [`Action::Publish`](super::Action::Publish) gave, here or elsewhere.
    Received {
        /// The message.
        payload: Vec<u8>,
    },
    /// The connection to the broker was lost, or the broker dropped messages because they were not taken in time. To be reported once
    /// publishing is possible again, or at once if it always was.
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
        /// Whether the user meant to leave, so that it is offline without a grace.
        logged_out: bool,
    },
    /// A message for a user who is not connected to this node's hub.
    Relay {
        /// The sender's connection.
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
        /// How many names each node may tell: 0 to 1,000, more count as that; 0 asks for numbers alone.
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

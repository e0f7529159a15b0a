//! The packets that nodes publish, as bytes.
//!
//! # The format
//!
//! A packet has no length of its own: the broker says where it ends. It is
//!
//! ```text
//! packet:    version (a byte: 1), kind (a byte), node, life, and the body of that kind
//! life:      epoch, incarnation
//! ```
//!
//! - An *integer* is unsigned LEB128, in as few bytes as possible: seven bits a byte, the lowest first, the top bit set in all bytes but
//!   the last. It has at most 64 bits, and where so noted 32 or 16.
//! - A *byte* is one byte. A *digest* is a number of 16 bytes, little-endian. A *flag* is a byte, 0 or 1.
//! - *Bytes* are preceded by their count, a *list* by the count of its elements, each count an integer. What is *optional* is preceded
//!   by a flag that says whether it is there.
//! - A *node* is bytes: 1 to 32 of a to z, A to Z, 0 to 9, `-` and `_`. A *user* and a *room* are 1 to 255 bytes.
//!
//! ```text
//!  1 hello:        serial, wall, number, claims, digest, list of the nodes that the sender hears
//!  2 changes:      number of the first, list of changes
//!  3 known:        life
//!  4 ask changes:  after which number
//!  5 compare:      256 digests of the recipient's buckets as the sender knows them: of bucket 0, bucket 1, ...
//!  6 digests:      number, 256 digests
//!  7 part:         bucket (a byte), number, part (16 bits, from 0), parts (16 bits), list of claims
//!  8 relay:        id, incarnation of the recipient's node, user it is to, user it is from, connection (not 0), sequence, volatile (a
//!                  flag), message (bytes)
//!  9 delivered:    id, outcome (a byte): 0 routed, 1 offline, 2 full, 3 dropped, 4 unknown
//! 10 broadcast:    optional user it is from, optional room, list of users who are excluded, volatile (a flag),
//!                  message (bytes)
//! 11 probe:        number, room
//! 12 ask members:  id, room, limit (32 bits)
//! 13 members:      id, total (32 bits), list of users
//! 14 goodbye:      nothing
//!
//! claim:     user, time, optional stamp that it replaces
//! stamp:     time, node
//! change:    0 (a byte), claim
//!        or  1 (a byte), user, how it went (a byte): 0 lost, 1 logged out, 2 sent away
//! ```
//!
//! A field without a note is an integer; its meaning stands at the field of that name below. Bytes are no packet if they have another
//! version or kind, a value out of its range, or bytes missing or left over. So each packet has exactly one encoding.
//!
//! Three hashes have to be the same on all nodes too. Each is SipHash-2-4 with 128 bits under the key of bytes 0 to 15, a little-endian
//! number. The *digest* of a claim is the hash of its user and time as they are sent; the digest of several claims is the sum of theirs,
//! modulo 2¹²⁸. The *bucket* of a user is the first byte of the hash of the name, without its length. A room is published under the hash of
//! its name, without its length.
//!
//! Nodes of different releases talk to each other during a rolling restart. So this format does not change. Something new gets a new kind,
//! which older nodes count as unreadable, or, if that is not enough, a new version.

mod decode;
mod digest;
mod encode;
#[cfg(test)]
mod golden;
mod length;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::action::Outcome;
use super::node::{Departure, Life, Node, User};
use super::stamp::{Stamp, UnixTime};
use crate::conn::ConnId;
use crate::hub::Room;

pub(super) use digest::{bucket, digest};
pub(super) use length::{CHANGES_OVERHEAD, MEMBERS_OVERHEAD, PART_OVERHEAD, RELAY_OVERHEAD, broadcast_overhead};
pub(super) use writer::Encode;

/// The first byte of a packet.
const VERSION: u8 = 1;

/// The second byte of a packet.
mod kind {
    pub(super) const HELLO: u8 = 1;
    pub(super) const CHANGES: u8 = 2;
    pub(super) const KNOWN: u8 = 3;
    pub(super) const ASK_CHANGES: u8 = 4;
    pub(super) const COMPARE: u8 = 5;
    pub(super) const DIGESTS: u8 = 6;
    pub(super) const PART: u8 = 7;
    pub(super) const RELAY: u8 = 8;
    pub(super) const DELIVERED: u8 = 9;
    pub(super) const BROADCAST: u8 = 10;
    pub(super) const PROBE: u8 = 11;
    pub(super) const ASK_MEMBERS: u8 = 12;
    pub(super) const MEMBERS: u8 = 13;
    pub(super) const GOODBYE: u8 = 14;
}

/// The first byte of a change.
mod change {
    pub(super) const CLAIMED: u8 = 0;
    pub(super) const RELEASED: u8 = 1;
}

/// How many buckets the claims of a node are in.
pub(super) const BUCKETS: usize = 256;

/// A packet: who sends it, and what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Packet {
    pub(super) node: Node,
    pub(super) life: Life,
    pub(super) body: Body,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Body {
    /// To all, every `hello`: I am here.
    Hello(Hello),
    /// To all, or as the answer to `AskChanges`: consecutive changes of the sender.
    Changes {
        first: u64,
        changes: Vec<Change>,
    },
    /// To an earlier process of a name: this life of that name is known.
    Known(Life),
    /// Which changes follow this number?
    AskChanges {
        after: u64,
    },
    /// Your buckets have these digests here. The answer is `Digests`, and the `Part`s of the buckets that differ.
    Compare {
        digests: Box<[u128; BUCKETS]>,
    },
    /// The digests of the sender's buckets after this change.
    Digests {
        number: u64,
        digests: Box<[u128; BUCKETS]>,
    },
    /// A part of what is in one of the sender's buckets after this change.
    Part {
        bucket: u8,
        number: u64,
        part: u16,
        parts: u16,
        claims: Vec<Claim>,
    },
    Relay(Relay),
    /// What the recipient's node did with a relay.
    Delivered {
        id: u64,
        outcome: Outcome,
    },
    Broadcast {
        from: Option<User>,
        room: Option<Room>,
        except: Vec<User>,
        message: Vec<u8>,
        volatile: bool,
    },
    /// To a room: it comes back to the sender once the broker knows the sender's subscription.
    Probe {
        /// Tells it from the probes of an earlier entry into the room.
        number: u64,
        room: Room,
    },
    /// To all: who is in this room on your node?
    AskMembers {
        id: u64,
        room: Room,
        limit: u32,
    },
    Members {
        id: u64,
        total: u32,
        users: Vec<User>,
    },
    /// To all: I leave.
    Goodbye,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Hello {
    /// Counts the hellos of this process.
    pub(super) serial: u64,
    /// The sender's wall clock.
    pub(super) wall: UnixTime,
    /// The number of the last change that was published.
    pub(super) number: u64,
    /// How many claims the sender holds.
    pub(super) claims: u64,
    /// The digest of these claims.
    pub(super) digest: u128,
    pub(super) hears: Vec<Node>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Relay {
    pub(super) id: u64,
    /// The incarnation of the node it is to: another process of that name, which gets it as well, is not to deliver it.
    pub(super) incarnation: u64,
    pub(super) to: User,
    pub(super) from: User,
    pub(super) conn: ConnId,
    pub(super) sequence: u64,
    pub(super) message: Vec<u8>,
    pub(super) volatile: bool,
}

/// A login, of the node whose packet it is in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Claim {
    pub(super) user: User,
    /// The time of the stamp.
    pub(super) time: u64,
    /// The stamp of the claim that it replaces.
    pub(super) over: Option<Stamp>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Change {
    Claimed(Claim),
    Released { user: User, departure: Departure },
}

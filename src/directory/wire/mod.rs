//! What nodes tell each other, as bytes.
//!
//! # The format
//!
//! A packet has no frame: the broker says where it ends. It is
//!
//! ```text
//! packet:    version (a byte: 1), kind (a byte), node, life, and what belongs to the kind
//! life:      epoch, incarnation
//! ```
//!
//! - An *integer* is LEB128: seven bits a byte, the lowest first, the top bit set in all bytes but the last; in as few bytes
//!   as it can be. It has 64 bits at most, and where so noted 32 or 16.
//! - A *byte* is one byte, a *digest* the 16 bytes of a number, the lowest first. A *flag* is a byte, 0 or 1.
//! - *Bytes* are preceded by their number, a *list* by that of its elements, an integer each. What is *optional* is preceded
//!   by a flag that tells whether it is there.
//! - A *node* is bytes: 1 to 32 of a to z, A to Z, 0 to 9, `-` and `_`. A *user* and a *room* are 1 to 255 bytes.
//!
//! ```text
//!  1 hello:        serial, number, claims, digest, list of the nodes it hears
//!  2 changes:      number of the first, list of changes
//!  3 known:        life
//!  4 ask changes:  after which number
//!  5 ask digests:  nothing
//!  6 digests:      number, 256 digests: of bucket 0, bucket 1, ...
//!  7 ask buckets:  32 bytes: bucket b is bit b mod 8 (0 is the lowest) of byte b / 8
//!  8 part:         bucket (a byte), number, part (16 bits, from 0), parts (16 bits), list of claims
//!  9 relay:        id, incarnation of the node it is to, user it is to, user it is from, connection (not 0), count, volatile (a
//!                  flag), message (bytes)
//! 10 delivered:    id, outcome (a byte): 0 routed, 1 offline, 2 full, 3 dropped, 4 unknown
//! 11 broadcast:    optional user it is from, optional room, list of users who are not meant, volatile (a flag),
//!                  message (bytes)
//! 12 probe:        room
//! 13 ask members:  id, room, limit (32 bits)
//! 14 members:      id, total (32 bits), list of users
//! 15 goodbye:      nothing
//!
//! claim:     user, time, optional stamp that it replaces
//! stamp:     time, node
//! change:    0 (a byte), claim
//!        or  1 (a byte), user, whether it logged out (a flag)
//! ```
//!
//! Names without a note of their own are integers; they are the fields of the types below. Everything else is no packet: another
//! version or kind, a value out of its range, bytes that are missing or left over. So a packet has one form, and one form one packet.
//!
//! Three hashes have to be the same everywhere too. They are SipHash-2-4 with 128 bits under the key of bytes 0 to 15, a number
//! whose lowest byte comes first: the *digest* of a claim is that of its user and time as they are sent, several digests make their sum
//! modulo 2¹²⁸; the *bucket* of a user is the first byte of the hash of the name, without its length; a room is published under the hash
//! of its name, without its length.
//!
//! Nodes of different releases talk to each other while they are restarted one by one. So what is here does not change: something
//! new is a new kind, which older nodes count as unreadable, or if that is not enough a new version.

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
use super::node::{Life, Node, User};
use super::stamp::Stamp;
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
    pub(super) const ASK_DIGESTS: u8 = 5;
    pub(super) const DIGESTS: u8 = 6;
    pub(super) const ASK_BUCKETS: u8 = 7;
    pub(super) const PART: u8 = 8;
    pub(super) const RELAY: u8 = 9;
    pub(super) const DELIVERED: u8 = 10;
    pub(super) const BROADCAST: u8 = 11;
    pub(super) const PROBE: u8 = 12;
    pub(super) const ASK_MEMBERS: u8 = 13;
    pub(super) const MEMBERS: u8 = 14;
    pub(super) const GOODBYE: u8 = 15;
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
    /// To all: I am here.
    Hello(Hello),
    /// To all, or as an answer: what happened, without a gap.
    Changes {
        first: u64,
        changes: Vec<Change>,
    },
    /// To an earlier node: this life is known.
    Known(Life),
    /// What happened after this number?
    AskChanges {
        after: u64,
    },
    /// What are the digests of your buckets?
    AskDigests,
    /// As of this number.
    Digests {
        number: u64,
        digests: Box<[u128; BUCKETS]>,
    },
    /// What is in these buckets? A bit each.
    AskBuckets {
        buckets: [u8; BUCKETS / 8],
    },
    /// What is in a bucket as of this number.
    Part {
        bucket: u8,
        number: u64,
        part: u16,
        parts: u16,
        claims: Vec<Claim>,
    },
    Relay(Relay),
    /// What became of a relay.
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
    /// To a room: does this come back to me?
    Probe {
        room: Room,
    },
    /// To all.
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
    /// To all.
    Goodbye,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Hello {
    /// Counts the hellos of this life.
    pub(super) serial: u64,
    /// Of the last change that was published.
    pub(super) number: u64,
    pub(super) claims: u64,
    pub(super) digest: u128,
    pub(super) hears: Vec<Node>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Relay {
    pub(super) id: u64,
    /// Of the node it is to: another process of that name, which gets it as well, is not to deliver it.
    pub(super) incarnation: u64,
    pub(super) to: User,
    pub(super) from: User,
    pub(super) conn: ConnId,
    pub(super) count: u64,
    pub(super) message: Vec<u8>,
    pub(super) volatile: bool,
}

/// A login, of the node whose packet it is in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Claim {
    pub(super) user: User,
    /// Of the stamp.
    pub(super) time: u64,
    /// The claim it replaces.
    pub(super) over: Option<Stamp>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Change {
    Claimed(Claim),
    Released { user: User, logged_out: bool },
}

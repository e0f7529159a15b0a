//! Packets to bytes.

use alloc::vec::Vec;

use super::writer::{Encode, Writer};
use super::{BUCKETS, Body, Change, Claim, Hello, Packet, Relay, VERSION, change, kind};
use crate::directory::action::Outcome;
use crate::directory::node::{Departure, Life, Node, User};
use crate::directory::stamp::Stamp;
use crate::hub::Room;

impl Packet {
    /// Its bytes, in one allocation. They can be read back if its names have 1 to 255 bytes and `part` is below `parts`.
    pub(in crate::directory) fn encode(&self) -> Vec<u8> {
        encode(&self.node, self.life, self.body.kind(), &self.body)
    }
}

impl Relay {
    /// The bytes of the packet with this relay, which need not be moved into one.
    pub(in crate::directory) fn encode(&self, node: &Node, life: Life) -> Vec<u8> {
        encode(node, life, kind::RELAY, self)
    }
}

fn encode(node: &Node, life: Life, kind: u8, body: &impl Encode) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 + node.encoded_len() + life.encoded_len() + body.encoded_len());
    bytes.raw(&[VERSION, kind]);
    node.write(&mut bytes);
    life.write(&mut bytes);
    body.write(&mut bytes);
    bytes
}

impl Body {
    const fn kind(&self) -> u8 {
        match self {
            Self::Hello(_) => kind::HELLO,
            Self::Changes { .. } => kind::CHANGES,
            Self::Known(_) => kind::KNOWN,
            Self::AskChanges { .. } => kind::ASK_CHANGES,
            Self::Compare { .. } => kind::COMPARE,
            Self::Digests { .. } => kind::DIGESTS,
            Self::Part { .. } => kind::PART,
            Self::Relay(_) => kind::RELAY,
            Self::Delivered { .. } => kind::DELIVERED,
            Self::Broadcast { .. } => kind::BROADCAST,
            Self::Probe { .. } => kind::PROBE,
            Self::AskMembers { .. } => kind::ASK_MEMBERS,
            Self::Members { .. } => kind::MEMBERS,
            Self::Goodbye => kind::GOODBYE,
        }
    }
}

fn all(digests: &[u128; BUCKETS], to: &mut impl Writer) {
    digests.iter().for_each(|digest| to.raw(&digest.to_le_bytes()));
}

impl Encode for Body {
    fn write(&self, to: &mut impl Writer) {
        match self {
            Self::Hello(hello) => hello.write(to),
            Self::Changes { first, changes } => {
                to.integer(*first);
                to.list(changes);
            }
            Self::Known(life) => life.write(to),
            Self::AskChanges { after } => to.integer(*after),
            Self::Goodbye => {}
            Self::Compare { digests } => all(digests, to),
            Self::Digests { number, digests } => {
                to.integer(*number);
                all(digests, to);
            }
            Self::Part { bucket, number, part, parts, claims } => {
                to.byte(*bucket);
                to.integer(*number);
                to.integer(*part);
                to.integer(*parts);
                to.list(claims);
            }
            Self::Relay(relay) => relay.write(to),
            Self::Delivered { id, outcome } => {
                to.integer(*id);
                outcome.write(to);
            }
            Self::Broadcast { from, room, except, message, volatile } => {
                audience(from.as_ref(), room.as_ref(), except, to);
                to.byte((*volatile).into());
                to.bytes(message);
            }
            Self::Probe { number, room } => {
                to.integer(*number);
                room.write(to);
            }
            Self::AskMembers { id, room, limit } => {
                to.integer(*id);
                room.write(to);
                to.integer(*limit);
            }
            Self::Members { id, total, users } => {
                to.integer(*id);
                to.integer(*total);
                to.list(users);
            }
        }
    }
}

/// All of a broadcast but the message.
pub(super) fn audience(from: Option<&User>, room: Option<&Room>, except: &[User], to: &mut impl Writer) {
    to.option(from);
    to.option(room);
    to.list(except);
}

impl Encode for Life {
    fn write(&self, to: &mut impl Writer) {
        to.integer(self.epoch);
        to.integer(self.incarnation);
    }
}

impl Encode for Hello {
    fn write(&self, to: &mut impl Writer) {
        to.integer(self.serial);
        to.integer(self.wall.as_millis());
        to.integer(self.number);
        to.integer(self.claims);
        to.raw(&self.digest.to_le_bytes());
        to.list(&self.hears);
    }
}

impl Encode for Relay {
    fn write(&self, to: &mut impl Writer) {
        to.integer(self.id);
        to.integer(self.incarnation);
        self.to.write(to);
        self.from.write(to);
        to.integer(self.conn.as_raw());
        to.integer(self.sequence);
        to.byte(self.volatile.into());
        to.bytes(&self.message);
    }
}

impl Encode for Stamp {
    fn write(&self, to: &mut impl Writer) {
        to.integer(self.time);
        self.node.write(to);
    }
}

impl Encode for Claim {
    fn write(&self, to: &mut impl Writer) {
        digested(&self.user, self.time, to);
        to.option(self.over.as_ref());
    }
}

/// The part of a claim that its digest is made of.
pub(super) fn digested(user: &User, time: u64, to: &mut impl Writer) {
    user.write(to);
    to.integer(time);
}

impl Encode for Change {
    fn write(&self, to: &mut impl Writer) {
        match self {
            Self::Claimed(claim) => {
                to.byte(change::CLAIMED);
                claim.write(to);
            }
            Self::Released { user, departure } => {
                to.byte(change::RELEASED);
                user.write(to);
                departure.write(to);
            }
        }
    }
}

impl Encode for Departure {
    fn write(&self, to: &mut impl Writer) {
        to.byte(match self {
            Self::Lost => 0,
            Self::LoggedOut => 1,
            Self::SentAway => 2,
        });
    }
}

impl Encode for Outcome {
    fn write(&self, to: &mut impl Writer) {
        to.byte(match self {
            Self::Routed => 0,
            Self::Offline => 1,
            Self::Full => 2,
            Self::Dropped => 3,
            Self::Unknown => 4,
        });
    }
}

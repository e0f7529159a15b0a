//! How many bytes a packet takes at most besides what it carries.

use super::encode::audience;
use super::writer::{Encode, Writer};
use crate::directory::node::User;
use crate::hub::Room;

/// An integer of 64 bits.
const INTEGER: usize = 10;
/// The longest name of a user, with its length.
const USER: usize = 2 + 255;
/// Version, kind, the longest name of a node with its length, epoch, incarnation.
const HEADER: usize = 2 + (1 + 32) + 2 * INTEGER;

/// Changes: the number of the first, how many.
pub(in crate::directory) const CHANGES_OVERHEAD: usize = HEADER + 2 * INTEGER;
/// A part of a bucket: the bucket, its number, the part and how many, how many claims.
pub(in crate::directory) const PART_OVERHEAD: usize = HEADER + 1 + INTEGER + 2 * 3 + INTEGER;
/// A relay: id, incarnation, recipient and sender, connection, count, whether it is volatile, how long the message is.
pub(in crate::directory) const RELAY_OVERHEAD: usize = HEADER + 2 * INTEGER + 2 * USER + 2 * INTEGER + 1 + INTEGER;
/// Members: id, total, how many users.
pub(in crate::directory) const MEMBERS_OVERHEAD: usize = HEADER + INTEGER + 5 + INTEGER;

/// A broadcast: for whom it is, whether it is volatile, how long the message is.
pub(in crate::directory) fn broadcast_overhead(from: Option<&User>, room: Option<&Room>, except: &[User]) -> usize {
    HEADER + Audience { from, room, except }.encoded_len() + 1 + INTEGER
}

struct Audience<'a> {
    from: Option<&'a User>,
    room: Option<&'a Room>,
    except: &'a [User],
}

impl Encode for Audience<'_> {
    fn write(&self, to: &mut impl Writer) {
        audience(self.from, self.room, self.except, to);
    }
}

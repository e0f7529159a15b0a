//! The hashes of claims and users, which must be the same on all nodes.

use super::encode::digested;
use crate::directory::hash::{SipHash, hash};
use crate::directory::node::User;

/// The digest of one claim. The digest of many is their sum, modulo 2¹²⁸.
pub(in crate::directory) fn digest(user: &User, time: u64) -> u128 {
    let mut hash = SipHash::new();
    digested(user, time, &mut hash);
    hash.finish()
}

/// In which bucket the claim on a user is.
pub(in crate::directory) fn bucket(user: &User) -> u8 {
    let [first, ..] = hash(user.as_bytes()).to_le_bytes();
    first
}

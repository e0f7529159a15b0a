//! Which nodes claim which user.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::vec::Vec;

use super::node::{Node, User};
use super::stamp::Stamp;

/// The claims on one user, at most one of each node.
#[derive(Clone, Debug)]
struct Claims {
    highest: Stamp,
    /// The lower claims, the lowest first; nearly always there is none.
    others: Vec<Stamp>,
}

impl Claims {
    fn insert(&mut self, stamp: Stamp) {
        self.others.retain(|other| other.node != stamp.node);
        let earlier = core::mem::replace(&mut self.highest, stamp);
        if earlier.node != self.highest.node {
            self.others.push(earlier);
        }
        self.others.sort_unstable();
        if let Some(other) = self.others.last_mut().filter(|other| **other > self.highest) {
            core::mem::swap(other, &mut self.highest);
            self.others.sort_unstable();
        }
    }

    /// Removes a claim. True if there is none left.
    fn remove(&mut self, stamp: &Stamp) -> bool {
        self.others.retain(|other| other != stamp);
        if self.highest != *stamp {
            return false;
        }
        self.others.pop().map(|next| self.highest = next).is_none()
    }
}

/// All users of all nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Users(BTreeMap<User, Claims>);

impl Users {
    /// All users, with their highest claims.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&User, &Stamp)> {
        self.0.iter().map(|(user, claims)| (user, &claims.highest))
    }

    /// Adds a claim, in place of an earlier one of the same node. True if nobody claimed the user before.
    pub(super) fn claim(&mut self, user: User, stamp: Stamp) -> bool {
        match self.0.entry(user) {
            Entry::Vacant(place) => {
                place.insert(Claims { highest: stamp, others: Vec::new() });
                true
            }
            Entry::Occupied(mut place) => {
                place.get_mut().insert(stamp);
                false
            }
        }
    }

    /// Removes a claim that was given up, unless a later one of its node has taken its place. True if it was the only one.
    pub(super) fn release(&mut self, user: &User, stamp: &Stamp) -> bool {
        let was_last = self.0.get_mut(user).is_some_and(|claims| claims.remove(stamp));
        if was_last {
            self.0.remove(user);
        }
        was_last
    }

    /// The highest claim on a user.
    pub(super) fn owner(&self, user: &User) -> Option<&Stamp> {
        self.0.get(user).map(|claims| &claims.highest)
    }

    /// The highest claim of any node but this one.
    pub(super) fn elsewhere(&self, user: &User, node: &Node) -> Option<&Stamp> {
        let claims = self.0.get(user)?;
        [&claims.highest].into_iter().chain(claims.others.last()).find(|stamp| stamp.node != *node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(time: u64, node: &str) -> Stamp {
        Stamp { time, node: Node::new(node).unwrap() }
    }

    #[test]
    fn the_highest_claim_owns_however_they_come_and_go() {
        let (mut users, ann) = (Users::default(), User::from("ann"));
        assert!(users.claim(ann.clone(), stamp(5, "b")));
        assert!(!users.claim(ann.clone(), stamp(9, "a")));
        assert!(!users.claim(ann.clone(), stamp(5, "c")));
        assert_eq!(users.owner(&ann), Some(&stamp(9, "a")));
        assert_eq!(users.elsewhere(&ann, &stamp(9, "a").node), Some(&stamp(5, "c")));

        assert!(!users.release(&ann, &stamp(9, "a")));
        assert_eq!(users.owner(&ann), Some(&stamp(5, "c")));
        assert!(!users.claim(ann.clone(), stamp(6, "b")));
        assert!(!users.release(&ann, &stamp(5, "c")));
        assert!(!users.release(&ann, &stamp(5, "b")), "it has a later one");
        assert_eq!(users.owner(&ann), Some(&stamp(6, "b")));
        assert!(users.release(&ann, &stamp(6, "b")));
        assert_eq!((users.owner(&ann), users.iter().len()), (None, 0));
    }
}

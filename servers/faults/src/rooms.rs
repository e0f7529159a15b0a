//! What is said in rooms, and who hears it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use crate::lock;

/// What was said in all rooms.
#[derive(Default)]
pub struct Rooms(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// By whom each was said, on which connection. Its place is its number.
    said: Vec<(usize, String)>,
    /// Which connection has heard which.
    heard: BTreeSet<(usize, usize)>,
    wrong: usize,
    /// Who has heard whom say something since `since`.
    since: usize,
    pairs: BTreeSet<(String, String)>,
}

impl Rooms {
    /// Hands the next message over, which counts if that is possible.
    pub fn say(&self, by: usize, user: &str, hand_over: impl FnOnce(usize) -> bool) {
        let mut inner = lock(&self.0);
        if hand_over(inner.said.len()) {
            inner.said.push((by, user.to_owned()));
        }
    }

    /// A user hears a message.
    pub fn hear(&self, connection: usize, user: &str, from: &str, number: &str) {
        let mut inner = lock(&self.0);
        let Ok(number) = number.parse::<usize>() else { return };
        let is_first = inner.heard.insert((connection, number));
        let is_right = inner.said.get(number).is_some_and(|(by, said)| *by != connection && said == from);
        inner.wrong += usize::from(!is_first || !is_right);
        if number >= inner.since {
            inner.pairs.insert((user.to_owned(), from.to_owned()));
        }
    }

    /// How many were heard twice on one connection, by the one that said it, or from somebody else.
    pub fn wrong(&self) -> usize {
        lock(&self.0).wrong
    }

    /// Counts anew who hears whom.
    pub fn listen_anew(&self) {
        let mut inner = lock(&self.0);
        inner.pairs.clear();
        inner.since = inner.said.len();
    }

    /// Somebody who has not heard another one of the same room since; rooms by their users.
    pub fn deaf(&self, rooms: &BTreeMap<String, Vec<String>>) -> Option<String> {
        let inner = lock(&self.0);
        let mut pairs = rooms.values().flat_map(|room| room.iter().flat_map(|a| room.iter().map(move |b| (a, b))));
        let deaf = |(hearer, speaker): &(&String, &String)| {
            hearer != speaker && !inner.pairs.contains(&((*hearer).clone(), (*speaker).clone()))
        };
        pairs.find(deaf).map(|(hearer, speaker)| format!("{hearer} does not hear {speaker}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_else_in_a_room_hears_what_is_said_once() {
        let rooms = Rooms::default();
        let room = BTreeMap::from([("lobby".to_owned(), ["ann", "bob"].map(str::to_owned).to_vec())]);
        rooms.say(0, "ann", |number| number == 0);
        rooms.say(1, "bob", |_| false);
        rooms.hear(1, "bob", "ann", "0");
        assert_eq!(rooms.deaf(&room).as_deref(), Some("ann does not hear bob"));
        rooms.say(1, "bob", |number| number == 1);
        rooms.hear(0, "ann", "bob", "1");
        assert_eq!((rooms.deaf(&room), rooms.wrong()), (None, 0));
        rooms.listen_anew();
        rooms.hear(2, "bob", "ann", "0");
        assert!(rooms.deaf(&room).is_some());
        rooms.hear(1, "bob", "ann", "0");
        rooms.hear(0, "ann", "ann", "0");
        rooms.hear(0, "ann", "carol", "1");
        assert_eq!(rooms.wrong(), 3);
    }
}

//! Who is online, as users are told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use crate::lock;

/// What all users were told.
#[derive(Default)]
pub struct Presence(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// By their numbers, those connections that were told who is online.
    watchers: BTreeMap<usize, Watcher>,
    offline: usize,
    while_connected: usize,
}

struct Watcher {
    user: String,
    sees: BTreeSet<String>,
}

impl Presence {
    /// Who is online, for a connection that has just logged in.
    pub fn state(&self, connection: usize, user: &str, online: &[&str]) {
        let sees = online.iter().map(|&user| user.to_owned()).collect();
        lock(&self.0).watchers.insert(connection, Watcher { user: user.to_owned(), sees });
    }

    /// What has changed: `+` or `-`, and a user.
    pub fn change(&self, connection: usize, changes: &[&str]) {
        let mut inner = lock(&self.0);
        for change in changes {
            if let (Some(user), Some(watcher)) = (change.strip_prefix('+'), inner.watchers.get_mut(&connection)) {
                watcher.sees.insert(user.to_owned());
            }
            if let Some(user) = change.strip_prefix('-') {
                let is_connected = inner.watchers.values().any(|watcher| watcher.user == user);
                inner.offline += 1;
                inner.while_connected += usize::from(is_connected);
                inner.watchers.get_mut(&connection).map(|watcher| watcher.sees.remove(user));
            }
        }
    }

    /// A connection has ended.
    pub fn ended(&self, connection: usize) {
        lock(&self.0).watchers.remove(&connection);
    }

    /// How often somebody was told that a user is offline; and of these, how often that user was connected again or still.
    pub fn offline_events(&self) -> (usize, usize) {
        let inner = lock(&self.0);
        (inner.offline, inner.while_connected)
    }

    /// What keeps it from being so that each of these users has one connection, and sees all of them and nobody else.
    pub fn mistake(&self, users: &BTreeSet<String>) -> Option<String> {
        let inner = lock(&self.0);
        let watching: BTreeSet<&String> = inner.watchers.values().map(|watcher| &watcher.user).collect();
        if watching.len() != users.len() || inner.watchers.len() != users.len() {
            return Some(format!("{} users watch on {} connections", watching.len(), inner.watchers.len()));
        }
        let watcher = inner.watchers.values().find(|watcher| watcher.sees != *users)?;
        let wrong: Vec<&String> = watcher.sees.symmetric_difference(users).collect();
        Some(format!("{} is wrong about {wrong:?}", watcher.user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_to_see_everybody_and_offline_events_are_counted() {
        let (presence, both) = (Presence::default(), ["ann", "bob"].map(str::to_owned).into());
        presence.state(0, "ann", &["ann"]);
        assert!(presence.mistake(&both).is_some());
        presence.state(1, "bob", &["ann", "bob"]);
        assert_eq!(presence.mistake(&both).as_deref(), Some("ann is wrong about [\"bob\"]"));
        presence.change(0, &["+bob"]);
        assert_eq!(presence.mistake(&both), None);
        presence.change(0, &["-bob"]);
        presence.ended(1);
        presence.change(0, &["-bob"]);
        assert_eq!(presence.offline_events(), (2, 1));
        presence.state(2, "ann", &["ann"]);
        assert!(presence.mistake(&["ann".to_owned()].into()).is_some_and(|it| it.contains("2 connections")));
    }
}

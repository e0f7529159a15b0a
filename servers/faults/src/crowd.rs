//! All users, and what they do meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heartline_tokio::BuildError;
use tokio::time::interval;

use crate::client::{Book, User};
use crate::lock;

const ROOMS: usize = 2;

/// All users, by their numbers; each with clients, of which the latest came last.
pub struct Crowd {
    users: Vec<Mutex<Vec<User>>>,
    /// Where one logs in.
    doors: Vec<SocketAddrV4>,
    /// What they write down.
    pub book: Arc<Book>,
    /// Whether somebody logs in elsewhere now and then.
    pub moves: AtomicBool,
}

fn name(number: usize) -> String {
    format!("user-{number}")
}

fn room(number: usize) -> String {
    format!("room-{}", number % ROOMS)
}

impl Crowd {
    /// So many users log in, at these doors in turn.
    ///
    /// # Errors
    /// There is no runtime.
    pub fn enter(users: usize, doors: Vec<SocketAddrV4>) -> Result<Self, BuildError> {
        let book = Arc::new(Book::default());
        let enter = |number| User::enter(name(number), &room(number), &doors, number / ROOMS, &book);
        let users: Result<_, BuildError> = (0..users).map(|number| Ok(Mutex::new(vec![enter(number)?]))).collect();
        Ok(Self { users: users?, doors, book, moves: AtomicBool::new(false) })
    }

    /// The names of all.
    pub fn names(&self) -> BTreeSet<String> {
        (0..self.users.len()).map(name).collect()
    }

    /// The names of all, by rooms.
    pub fn rooms(&self) -> BTreeMap<String, Vec<String>> {
        let mut rooms = BTreeMap::<_, Vec<_>>::new();
        (0..self.users.len()).for_each(|number| rooms.entry(room(number)).or_default().push(name(number)));
        rooms
    }

    /// Everybody writes to everybody else in turn, until this is dropped; now and then to their room.
    pub async fn talk(&self, pace: Duration) {
        let mut ticks = interval(pace);
        for turn in 0_usize.. {
            ticks.tick().await;
            let count = self.users.len();
            let (sender, round) = (turn % count, turn / count);
            let recipient = name((sender + 1 + round % (count - 1)) % count);
            let verb = if round % 8 == 7 { "wave" } else { "say" };
            let clients = lock(&self.users[sender]);
            _ = clients.iter().rev().find(|client| client.write_to(&recipient, verb));
            if round % 8 == 3 {
                clients.iter().for_each(|client| client.say_in(&room(sender)));
            }
        }
    }

    /// One user after the other logs in elsewhere, until this is dropped.
    pub async fn move_about(&self, pace: Duration) {
        let mut ticks = interval(pace);
        let mut turn = 0;
        loop {
            ticks.tick().await;
            if !self.moves.load(Relaxed) {
                continue;
            }
            let (number, round) = (turn % self.users.len(), turn / self.users.len());
            let mut clients = lock(&self.users[number]);
            clients.retain(|client| !client.has_ended());
            let place = number / ROOMS + 1 + round;
            // The doors are valid, or nobody would be here.
            clients.extend(User::enter(name(number), &room(number), &self.doors, place, &self.book).ok());
            turn += 1;
        }
    }

    /// Everybody says something in their room.
    pub fn speak(&self) {
        for (number, clients) in self.users.iter().enumerate() {
            lock(clients).iter().for_each(|client| client.say_in(&room(number)));
        }
    }

    /// What keeps it from being so that everybody has one client.
    pub fn odd_one_out(&self) -> Option<String> {
        let clients = |user: &Mutex<Vec<User>>| lock(user).iter().filter(|client| !client.has_ended()).count();
        let counts = self.users.iter().map(clients).enumerate();
        let (number, clients) = counts.into_iter().find(|(_, clients)| *clients != 1)?;
        Some(format!("{} has {clients} clients that go on", name(number)))
    }
}

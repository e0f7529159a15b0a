//! The server's side: who is connected, as a pure state machine.
//!
//! A [`Hub`] has the shape of a [`Session`](crate::Session): inputs and the time go in, actions come out, and it holds no
//! socket and no messages. It admits connections, knows which of them is whose and who is in which room, relays messages
//! between users, to rooms and to everybody, watches every connection with the crate's [heartbeat](crate::heartbeat), and
//! closes the silent, the slow, those that do not log in, those whose login has expired and those that a newer login replaces.
//! It says who comes online and goes offline, and limits what one source of connections and one user's rival clients may do.
//!
//! Authentication is not the hub's: a [`Login`](Input::Login) says that the user *has proved* who it is, and the hub
//! checks nothing.
//!
//! A server calls [`Hub::admit`] before it answers an upgrade request, and from then on [`Hub::alive`] for each frame of the
//! connection, which limits what it may send; then it reports what the frame means in its own protocol: a `Login`, a
//! [`Relay`](Input::Relay), a [`Ping`](Input::Ping), or nothing more.
//!
//! Where the upgrade request itself authenticates the user, requests that were given up need care. A client that
//! hung up while the server was stuck may be connected again by the time the old request is answered; a login for the
//! old one would then replace the living connection for good. Do not admit a request whose sender has hung up.
//!
//! ```
//! use heartline::Timestamp;
//! use heartline::hub::{Action, Config, Hub, Input, Request};
//!
//! let mut hub: Hub<String, &str> = Hub::new(Config::default(), 1);
//! let now = Timestamp::ORIGIN;
//! let [ann, bob] = ["ann", "bob"].map(|name| {
//!     let conn = hub.admit(now, &Request { host: "example.org", ..Request::default() }).expect("admitted").conn;
//!     hub.handle(now, Input::Login { conn, user: name.into(), until: None }).for_each(drop);
//!     conn
//! });
//! for action in hub.handle(now, Input::Relay { conn: ann, to: "bob".into(), message: "hello", bytes: 5, volatile: false, tag: 1 }) {
//!     match action {
//!         Action::Deliver { conn, from, message, .. } => assert_eq!((conn, from.as_str(), message), (bob, "ann", "hello")),
//!         Action::Outcome { conn, outcome, .. } => assert_eq!((conn, outcome.to_string().as_str()), (ann, "routed")),
//!         other => unreachable!("{other:?}"),
//!     }
//! }
//! ```

mod action;
mod admission;
mod backlog;
mod config;
mod connection;
mod input;
mod limit;
mod machine;
mod membership;
mod pending;
mod presence;
mod rooms;
mod slots;
mod source;
mod sources;
mod stats;
mod wakes;

use core::borrow::Borrow;
use core::iter::FusedIterator;
use core::marker::PhantomData;
use core::net::IpAddr;

pub use action::{Action, Cause, Event, JoinRefusal, LoginRefusal, Outcome, Route, Undelivered};
pub use admission::{Admission, Admitted, Denial, Denied, Origins, Request};
pub use config::{Config, SecondLogin, Settings};
pub use input::Input;
pub use limit::RateLimit;
pub use rooms::Room;
pub use source::PerSource;
pub use stats::Stats;

use crate::conn::ConnId;
use crate::count::count;
use crate::time::Timestamp;
use machine::{Answers, Machine};

/// Who is connected to a server.
///
/// `K` names a user; where a user may have several devices, it is a pair of user and device. `M` is the type of the
/// messages. `C` is where the [`Config`] lives, as for a [`Session`](crate::Session).
///
/// Time goes in with each call; a `now` earlier than one already seen counts as that one.
///
/// A server reports every [`Written`](Input::Written) that it knows of before it hands in a batch of frames. Otherwise
/// the frames would be routed by what waited before those writes, and a client that reads promptly would look slow.
#[derive(Clone, Debug)]
pub struct Hub<K, M, C = Config> {
    config: C,
    machine: Machine<K>,
    /// Messages pass through and are never held.
    messages: PhantomData<fn(M) -> M>,
}

impl<K: Ord + Clone, M, C: Borrow<Config>> Hub<K, M, C> {
    /// A hub without connections. `seed` decides how the clients' returns are spread at a shutdown.
    pub fn new(config: C, seed: u64) -> Self {
        let machine = Machine::new(config.borrow(), seed);
        Self { config, machine, messages: PhantomData }
    }

    /// Decides on an upgrade request, before it is answered. A connection that is admitted counts from now on, as one
    /// that has not logged in. If its handshake fails after all, report [`Input::Closed`].
    ///
    /// # Errors
    /// [`Denied`], with the HTTP status to answer with.
    pub fn admit(&mut self, now: Timestamp, request: &Request<'_>) -> Result<Admitted<'_>, Denied> {
        self.machine.admit(self.config.borrow(), now, request)
    }

    /// Takes one input. Never fails and never panics.
    ///
    /// The actions are to be pulled before the next call; see [`Actions`] for what happens otherwise.
    pub fn handle(&mut self, now: Timestamp, input: Input<K, M>) -> Actions<'_, K, M> {
        let answers = self.machine.handle(self.config.borrow(), now, input);
        Actions { machine: &mut self.machine, answers }
    }

    /// A frame of so many bytes arrived: [`Input::Alive`] without actions, for every frame before anything else is done
    /// with it. What the frame means is reported after it, by [`route`](Self::route) or an [`Input`], and is not charged
    /// again.
    ///
    /// Returns until when the connection is paused: handle this frame, then read nothing from it until then. What is owed stays
    /// owed, for [`next_action`](Self::next_action).
    #[inline(always)]
    #[must_use = "a connection that sends too much is not to be read"]
    pub fn alive(&mut self, now: Timestamp, conn: ConnId, bytes: u32) -> Option<Timestamp> {
        self.machine.frame(self.config.borrow(), now, conn, bytes)
    }

    /// Where a message for another user goes: [`Input::Relay`] without the message and without actions. What is owed stays
    /// owed, for [`next_action`](Self::next_action). The message is counted as the outcome says; `bytes` is what it will
    /// add to what waits for the recipient.
    #[inline]
    #[must_use = "the message is to be handed on, or reported back to its sender"]
    pub fn route(&mut self, now: Timestamp, conn: ConnId, to: &K, bytes: u32, volatile: bool) -> Route<'_, K> {
        self.machine.route(self.config.borrow(), now, conn, to, bytes, volatile)
    }

    /// Where a message goes that no connection here sent, but another node or the server itself: the connection to queue it for. As
    /// [`route`](Self::route) otherwise.
    ///
    /// # Errors
    /// Nobody gets it, which is counted as the outcome says.
    pub fn deliver(&mut self, now: Timestamp, to: &K, bytes: u32, volatile: bool) -> Result<ConnId, Undelivered> {
        self.machine.deliver(self.config.borrow(), now, to, bytes, volatile)
    }

    /// The next action that is owed, without an input and without a time.
    #[must_use = "an action is to be carried out"]
    pub fn next_action(&mut self) -> Option<Action<K, M>> {
        self.machine.next_action()
    }

    /// Until when nothing is to be read from a connection, because of what it has sent; a moment that has passed means
    /// nothing. To be asked after a frame that led to a broadcast.
    pub fn paused_until(&self, conn: ConnId) -> Option<Timestamp> {
        self.machine.paused_until(conn)
    }

    /// When [`Input::Timer`] is due: the one timer of the hub. Immediately, while anything is owed that was not
    /// pulled; `None` if nothing will happen without an input. It may be earlier than needed: a timer that finds nothing due is
    /// harmless.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.machine.deadline(self.config.borrow())
    }

    /// The connection of a user who is online.
    pub fn conn_of(&self, user: &K) -> Option<ConnId> {
        self.machine.online.get(user).copied()
    }

    /// The user who is logged in on a connection, or was when its close was decided. `None` once it is gone. Nothing is routed
    /// to a connection that is being closed: of the others [`conn_of`](Self::conn_of) leads back.
    pub fn user_of(&self, conn: ConnId) -> Option<&K> {
        self.machine.conns.get(conn)?.user.as_ref()
    }

    /// Who is online, in order, with their connections. Its length is the online count.
    pub fn online(&self) -> impl ExactSizeIterator<Item = (&K, ConnId)> {
        self.machine.online.iter().map(|(user, conn)| (user, *conn))
    }

    /// Of whom the latest event that was pulled says that they are online, in order: also who is in a
    /// [grace](Settings::offline_grace). It is what those who follow the events know, to begin with.
    pub fn present(&self) -> impl ExactSizeIterator<Item = &K> {
        self.machine.present()
    }

    /// The number of connections that have not logged in.
    pub fn anonymous(&self) -> usize {
        self.machine.anonymous()
    }

    /// Who is in a room: connections and users, in the order of the connections' ids, from one id on if one is given. It
    /// costs no more than what is pulled of it, so that a long list can be shown page by page.
    pub fn members(&self, room: &[u8], from: Option<ConnId>) -> impl Iterator<Item = (ConnId, &K)> {
        self.machine.members(room, from)
    }

    /// How many connections are in a room; 0 for one that does not exist.
    pub fn room_size(&self, room: &[u8]) -> u32 {
        self.machine.rooms.size(room)
    }

    /// The rooms that a connection is in, in a deterministic order without a meaning.
    pub fn rooms_of(&self, conn: ConnId) -> impl Iterator<Item = &Room> {
        self.machine.rooms.joined(conn)
    }

    /// The number of rooms, each of which has a member.
    pub fn rooms(&self) -> usize {
        self.machine.rooms.len()
    }

    /// The number of connections from the source of an address, those being closed included; 0 where sources are not limited.
    pub fn connections_from(&self, address: IpAddr) -> usize {
        let limits = self.config.borrow().per_source.as_ref();
        limits.map_or(0, |limits| self.machine.sources.connections(limits.source(address)) as usize)
    }

    /// The number of all connections, those being closed included.
    pub fn connections(&self) -> usize {
        self.machine.conns.len()
    }

    /// How many bytes wait to be written to all connections, those being closed included.
    pub fn unwritten(&self) -> u64 {
        self.machine.backlog.total()
    }

    /// The counters.
    pub fn stats(&self) -> Stats {
        self.machine.stats
    }

    /// The config.
    pub fn config(&self) -> &Config {
        self.config.borrow()
    }
}

/// The actions of one step, each computed when it is pulled.
///
/// First comes the message of this step, if it has one, then the reply to the connection that caused it, then what
/// connections are owed, then who went offline, who came online, whose logins are contested, and that the last connection
/// is gone. A message or reply that is not pulled is lost, and counted; everything else stays owed.
#[must_use = "a hub's actions are to be carried out"]
#[derive(Debug)]
pub struct Actions<'a, K: Ord + Clone, M> {
    machine: &'a mut Machine<K>,
    answers: Answers<K, M>,
}

impl<K: Ord + Clone, M> Iterator for Actions<'_, K, M> {
    type Item = Action<K, M>;

    fn next(&mut self) -> Option<Action<K, M>> {
        self.answers.iter_mut().find_map(Option::take).or_else(|| self.machine.next_action())
    }
}

impl<K: Ord + Clone, M> FusedIterator for Actions<'_, K, M> {}

impl<K: Ord + Clone, M> Drop for Actions<'_, K, M> {
    fn drop(&mut self) {
        for _ in self.answers.iter().flatten() {
            count(&mut self.machine.stats.undelivered);
        }
    }
}

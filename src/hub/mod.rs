//! The server's side: who is connected, as a pure state machine.
//!
//! A [`Hub`] has the shape of a [`Session`](crate::Session): inputs and the time go in, actions come out, and it holds no
//! socket and no messages. It admits connections, knows which of them is whose, relays messages between users, watches
//! every connection with the crate's [heartbeat](crate::heartbeat), and closes the silent, the slow, those that do not
//! log in and those that a newer login replaces.
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
//!     hub.handle(now, Input::Login { conn, user: name.into() }).for_each(drop);
//!     conn
//! });
//! for action in hub.handle(now, Input::Relay { conn: ann, to: "bob".into(), message: "hello", volatile: false }) {
//!     match action {
//!         Action::Deliver { conn, from, message, .. } => assert_eq!((conn, from.as_str(), message), (bob, "ann", "hello")),
//!         Action::Outcome { conn, outcome, .. } => assert_eq!((conn, outcome.to_string().as_str()), (ann, "routed to 1 connection")),
//!         other => unreachable!("{other:?}"),
//!     }
//! }
//! ```

mod action;
mod admission;
mod config;
mod connection;
mod input;
mod limit;
mod machine;
mod pending;
mod slots;
mod stats;

use core::borrow::Borrow;
use core::iter::FusedIterator;
use core::marker::PhantomData;

pub use action::{Action, Event, LoginRefusal, Outcome, Route};
pub use admission::{Admission, Admitted, Denial, Denied, Origins, Request};
pub use config::{Config, SecondLogin, Settings};
pub use input::Input;
pub use limit::Limit;
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
    /// A moment means: handle this frame, then read nothing from the connection until that moment. What is owed stays
    /// owed, for [`next_action`](Self::next_action).
    #[inline(always)]
    #[must_use = "a connection that sends too much is not to be read"]
    pub fn alive(&mut self, now: Timestamp, conn: ConnId, bytes: u32) -> Option<Timestamp> {
        self.machine.frame(self.config.borrow(), now, conn, bytes)
    }

    /// Where a message for another user goes: [`Input::Relay`] without the message and without actions. What is owed stays
    /// owed, for [`next_action`](Self::next_action). The message is counted as the outcome says.
    #[inline]
    #[must_use = "the message is to be handed on, or reported back to its sender"]
    pub fn route(&mut self, now: Timestamp, conn: ConnId, to: &K, volatile: bool) -> Route<'_, K> {
        self.machine.route(self.config.borrow(), now, conn, to, volatile)
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
    /// pulled; `None` if nothing will happen without an input.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.machine.deadline(self.config.borrow())
    }

    /// The connection of a user who is online.
    pub fn conn_of(&self, user: &K) -> Option<ConnId> {
        self.machine.online.get(user).copied()
    }

    /// The user who is logged in on a connection.
    pub fn user_of(&self, conn: ConnId) -> Option<&K> {
        self.machine.conns.get(conn)?.phase.user()
    }

    /// Who is online, in order, with their connections. Its length is the online count.
    pub fn online(&self) -> impl ExactSizeIterator<Item = (&K, ConnId)> {
        self.machine.online.iter().map(|(user, conn)| (user, *conn))
    }

    /// The number of connections that have not logged in.
    pub fn anonymous(&self) -> usize {
        self.machine.anonymous()
    }

    /// The number of all connections, those being closed included.
    pub fn connections(&self) -> usize {
        self.machine.conns.len()
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
/// connections are owed, then who went offline and who came online. A message or reply that is not pulled is gone, and
/// counted; everything else stays owed.
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

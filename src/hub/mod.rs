//! The server side: who is connected, as a pure machine.
//!
//! A [`Hub`] has the shape of a [`Session`](crate::Session): inputs and the time go in, actions come out, and it holds no
//! socket and no payload. It admits connections, knows which one is whose, relays between users, watches every
//! connection with the crate's heartbeat, and closes those that are silent, slow, anonymous or superseded.
//!
//! A server asks [`Hub::admit`] before it answers an upgrade request, and from then on reports what the connection's
//! frames mean in its own protocol: a [`Login`](Input::Login), a [`Relay`](Input::Relay), a
//! [`Ping`](Input::Ping), or merely [`Alive`](Input::Alive).
//!
//! Where the request itself names the user, beware of ghosts: a client that gave up a dial to a server that was
//! stuck may have connected anew when the old request is answered at last, and its login would supersede the
//! living connection for good. Do not admit a request whose sender has hung up.
//!
//! ```
//! use heartline::Instant;
//! use heartline::hub::{Action, Config, Hub, Input, Request};
//!
//! let mut hub: Hub<String, &str> = Hub::new(Config::default(), 1);
//! let now = Instant::ORIGIN;
//! let request = Request { origin: None, host: "example.org", protocols: &[] };
//! let [ann, bob] = ["ann", "bob"].map(|name| {
//!     let conn = hub.admit(now, &request).expect("admitted").conn;
//!     hub.handle(now, Input::Login { conn, user: name.into() }).for_each(drop);
//!     conn
//! });
//! let hello = Input::Relay { conn: ann, to: "bob".into(), message: "hello", volatile: false };
//! let first = hub.handle(now, hello).next();
//! assert_eq!(first, Some(Action::Deliver { conn: bob, from: "ann".into(), message: "hello" }));
//! ```

mod actions;
mod admission;
mod inputs;
mod machine;
mod settings;
mod slots;
mod talk;
mod timer;

use core::borrow::Borrow;
use core::marker::PhantomData;

pub use actions::Actions;
pub use admission::{Admission, Admitted, Denial, Denied, Origins, Request};
pub use settings::{Config, SecondLogin, Settings};
pub use talk::{Action, Event, Fate, Input, LoginRefusal, Stats};

use crate::input::ConnId;
use crate::time::Instant;
use machine::{Machine, Standing};

/// Who is connected to a server.
///
/// `K` names a user; several devices of one user are a key of user and device. `M` is what is relayed. `C` is where the config lives, as for
/// a [`Session`](crate::Session). A `now` earlier than one already seen counts as that one.
#[derive(Clone, Debug)]
pub struct Hub<K, M, C = Config> {
    config: C,
    machine: Machine<K>,
    /// Messages pass through and are never held.
    passes: PhantomData<fn(M) -> M>,
}

impl<K: Ord + Clone, M, C: Borrow<Config>> Hub<K, M, C> {
    /// A hub without connections. `seed` decides how clients are spread at a shutdown.
    pub fn new(config: C, seed: u64) -> Self {
        Self { config, machine: Machine::new(seed), passes: PhantomData }
    }

    /// Judges an upgrade request before it is answered. An admitted connection counts from now on, anonymous; if
    /// the handshake fails after all, say [`Input::Closed`].
    ///
    /// # Errors
    /// [`Denied`], with the HTTP status to answer with.
    pub fn admit(&mut self, now: Instant, request: &Request<'_>) -> Result<Admitted<'_>, Denied> {
        self.machine.admit(self.config.borrow(), now, request)
    }

    /// Takes one input. Never fails and never panics.
    pub fn handle(&mut self, now: Instant, input: Input<K, M>) -> Actions<'_, K, M> {
        let answers = self.machine.handle(self.config.borrow(), now, input);
        Actions::new(&mut self.machine, answers)
    }

    /// When [`Input::Timer`] is due; immediately while something is owed that was not pulled.
    pub fn deadline(&self) -> Option<Instant> {
        self.machine.deadline()
    }

    /// The connection of a user who is online.
    pub fn conn_of(&self, user: &K) -> Option<ConnId> {
        self.machine.online.get(user).copied()
    }

    /// The user whose connection it is.
    pub fn user_of(&self, conn: ConnId) -> Option<&K> {
        match &self.machine.conns.get(conn)?.standing {
            Standing::User(name) => Some(name),
            _ => None,
        }
    }

    /// Who is online, in order, with their connections. Its length is the online count.
    pub fn online(&self) -> impl ExactSizeIterator<Item = (&K, ConnId)> {
        self.machine.online.iter().map(|(user, conn)| (user, *conn))
    }

    /// Connections that have not logged in.
    pub fn anonymous(&self) -> usize {
        self.machine.anonymous()
    }

    /// All connections, those being closed included.
    pub fn connections(&self) -> usize {
        self.machine.conns.len()
    }

    /// What has been counted.
    pub fn stats(&self) -> Stats {
        self.machine.stats
    }

    /// The config.
    pub fn config(&self) -> &Config {
        self.config.borrow()
    }
}

//! What a handler can do for its connection.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use heartline::hub::Room;
use heartline::{CloseCode, ConnId};

use crate::access::User;
use crate::codec::Codec;
use crate::hub::peer::{Login, Outgoing, Owned};
use crate::outcome::{NotJoined, Reach, SendError};
use crate::server::{Audience, Server};

/// One connection, for handlers and hooks. Clones are the same connection; one that is kept does not keep it open.
pub struct Cx<C: Codec>(Arc<Inner<C>>);

struct Inner<C: Codec> {
    server: Server<C>,
    conn: ConnId,
    source: Option<IpAddr>,
    protocol: Option<String>,
    user: Login<C::User>,
}

impl<C: Codec> Cx<C> {
    pub(crate) fn new(
        server: Server<C>,
        conn: ConnId,
        source: Option<IpAddr>,
        protocol: Option<String>,
        user: Login<C::User>,
    ) -> Self {
        Self(Arc::new(Inner { server, conn, source, protocol, user }))
    }

    /// The connection's id, which is never used again.
    pub fn conn(&self) -> ConnId {
        self.0.conn
    }

    /// The server, for other connections, and for what outlives this one.
    pub fn server(&self) -> &Server<C> {
        &self.0.server
    }

    /// The client's address.
    pub fn source(&self) -> Option<IpAddr> {
        self.0.source
    }

    /// The subprotocol that was agreed on.
    pub fn protocol(&self) -> Option<&str> {
        self.0.protocol.as_deref()
    }

    /// Who is logged in, or was when the connection ended. `None` before the login.
    pub fn user(&self) -> Option<&C::User> {
        self.0.user.get()
    }

    /// Queues a message for a user's connection. `Ok` says that it is queued, not that it has arrived.
    ///
    /// It only yields to the runtime, before it queues, so that a loop of relays lets other tasks run: it is cancel safe. Where there
    /// are [several nodes](crate::cluster) it also waits for the user's node to report the outcome; dropped meanwhile, it does not take the
    /// message back.
    ///
    /// # Errors
    /// Why it was not handed over.
    pub async fn relay(&self, to: &C::User, message: &C::Out) -> Result<(), SendError> {
        self.relayed(to, message, false).await
    }

    /// The same, but the message is dropped where the recipient is slow.
    ///
    /// # Errors
    /// Why it was not handed over.
    pub async fn relay_volatile(&self, to: &C::User, message: &C::Out) -> Result<(), SendError> {
        self.relayed(to, message, true).await
    }

    async fn relayed(&self, to: &C::User, message: &C::Out, volatile: bool) -> Result<(), SendError> {
        let (shared, conn) = (self.shared(), self.conn());
        let frame = shared.encode(message)?;
        tokio::task::coop::consume_budget().await;
        if shared.link.is_some() {
            return Box::pin(crate::cluster::relay(shared, conn, to, frame, volatile)).await;
        }
        shared.step(|core, now| core.relay(now, conn, to, frame, volatile))
    }

    /// Hands a message to everybody online, or in a room, on all [nodes](crate::cluster), but to this connection. Each recipient but the first costs this
    /// connection as much as another frame would.
    ///
    /// # Errors
    /// [`NotLoggedIn`](SendError::NotLoggedIn), [`Closed`](SendError::Closed) or
    /// [`Unsendable`](SendError::Unsendable).
    pub fn broadcast(&self, to: impl Into<Audience>, message: &C::Out) -> Result<Reach, SendError> {
        self.server().broadcasted(Some(self.conn()), to.into(), message, false)
    }

    /// The same, but those who are slow are left out.
    ///
    /// # Errors
    /// As [`broadcast`](Self::broadcast).
    pub fn broadcast_volatile(&self, to: impl Into<Audience>, message: &C::Out) -> Result<Reach, SendError> {
        self.server().broadcasted(Some(self.conn()), to.into(), message, true)
    }

    /// Queues an answer for this connection, however slow it is: with more than
    /// [`reserve`](heartline::hub::Settings::reserve) beyond the budget, the connection is closed.
    ///
    /// # Errors
    /// [`Closed`](SendError::Closed) or [`Unsendable`](SendError::Unsendable).
    pub fn reply(&self, message: &C::Out) -> Result<(), SendError> {
        let frame = self.shared().encode(message)?;
        self.queue(Outgoing::Frame(frame))
    }

    /// Joins a room until it leaves or the connection closes. Returns the number of members, this connection included; of
    /// [several nodes](crate::cluster), those on this one: see [`Server::room_entered`].
    ///
    /// # Errors
    /// As [`Server::join`].
    pub fn join(&self, room: impl Into<Room>) -> Result<u32, NotJoined> {
        self.server().join(self.conn(), room)
    }

    /// Leaves a room, if it is in it.
    pub fn leave(&self, room: impl Into<Room>) {
        self.server().leave(self.conn(), room);
    }

    /// The first connections in a room on this node with their users, in the order of their ids, and how many there are; for all nodes, see
    /// [`Server::room_members`].
    pub fn members(&self, room: impl Into<Room>, most: usize) -> (Vec<(ConnId, C::User)>, u32) {
        self.server().members(room, None, most)
    }

    /// From now on the connection is told who is online: once by [`Notice::PresenceState`](crate::Notice::PresenceState), then of changes.
    /// Before the login it does nothing.
    pub fn watch_presence(&self) {
        self.shared().step(|core, _| {
            if self.user().is_some() && core.is_open(self.conn()) {
                core.watch(self.conn());
            }
        });
    }

    /// Ends [`watch_presence`](Self::watch_presence).
    pub fn unwatch_presence(&self) {
        self.shared().step(|core, _| core.unwatch(self.conn()));
    }

    /// Closes the connection behind what is queued. Nothing is queued behind it; its handler may go on for as long as the close
    /// takes. The reason is cut to 123 bytes. With [`NORMAL`](CloseCode::NORMAL) the user [logs out](crate::cluster#what-changes).
    pub fn close(&self, code: CloseCode, reason: impl Into<String>) {
        self.server().close(self.conn(), code, reason);
    }

    fn shared(&self) -> &crate::hub::Shared<C> {
        self.server().shared()
    }

    pub(crate) fn queue(&self, item: Outgoing<C::User>) -> Result<(), SendError> {
        self.shared().step(|core, now| core.reply(now, self.conn(), item))
    }

    /// The user has proved to be it.
    pub(crate) fn log_in(&self, user: User<C::User>) {
        let User { name, until } = user;
        let left = until.map(|until| until.duration_since(std::time::SystemTime::now()).unwrap_or_default());
        let (shared, conn) = (self.shared(), self.conn());
        let known_as = shared.name_of(&name);
        shared.step(|core, now| {
            let until = left.map(|left| now.saturating_add(left));
            core.log_in(now, conn, name, until, known_as);
        });
    }

    pub(crate) fn deny(&self, deny: crate::access::Deny) {
        _ = self.queue(Outgoing::Notice(Owned::Denied(deny)));
    }
}

impl<C: Codec> Clone for Cx<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C: Codec> fmt::Debug for Cx<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx").field("conn", &self.conn()).field("source", &self.0.source).finish_non_exhaustive()
    }
}

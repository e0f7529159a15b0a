//! What can be done with a server from outside its connections.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::{MethodRouter, get};
use heartline::directory::Node;
use heartline::hub::{self, Input, Room, Settings};
use heartline::{CloseCode, ConnId};

use crate::builder::Builder;
use crate::cluster::{ClusterStats, NodeStatus, RoomMembers};
use crate::codec::Codec;
use crate::hub::{Answer, Shared};
use crate::outcome::{NotJoined, Reach, SendError};
use crate::telemetry;

/// A WebSocket server: who is connected, and what can be done from outside any connection. Clones are the same server.
///
/// It lives as long as a clone or a connection does. Dropping all clones ends no connection.
pub struct Server<C: Codec>(Arc<Shared<C>>);

/// Who is to hear a broadcast: from the name of a room, or [`All`](Self::All).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Audience {
    /// Everybody online.
    All,
    /// Who is in this room.
    Room(Room),
}

impl<R: Into<Room>> From<R> for Audience {
    fn from(room: R) -> Self {
        Self::Room(room.into())
    }
}

/// How a server goes down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shutdown {
    /// After how long the connections that remain are aborted, and until when what is queued may go out.
    pub within: Duration,
    /// The time over which connections are closed, one after the other.
    pub pace: Duration,
    /// The time over which the clients' returns are spread: after `pace`, or in a [cluster](crate::cluster) after each one's close, as other nodes serve.
    pub spread: Duration,
}

impl Default for Shutdown {
    /// 20 s, 2 s and 10 s: within the 25 s that [`serve`](crate::serve()) gives.
    fn default() -> Self {
        Self { within: Duration::from_secs(20), pace: Duration::from_secs(2), spread: Duration::from_secs(10) }
    }
}

/// So long a goodbye may take to leave the process: several round trips.
const FLUSH: Duration = Duration::from_secs(1);

/// Counters and gauges of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ServerStats {
    /// What the hub has counted.
    pub hub: hub::Stats,
    /// Connections now, those being closed included.
    pub connections: usize,
    /// Those of them that have not logged in.
    pub anonymous: usize,
    /// Users online now, on this node.
    pub online: usize,
    /// Bytes that wait to be written to all connections, with 64 for each message besides its payload.
    pub unwritten: u64,
    /// Panics of handlers, hooks and the codec; each but those of `notice` has cost its connection.
    pub panics: u64,
    /// Errors of handlers.
    pub errors: u64,
    /// Handlers that had not returned by [`handler_timeout`](Builder::handler_timeout); each has cost its connection.
    pub timeouts: u64,
    /// Those of the node, if the server is one of a [cluster](crate::cluster).
    pub cluster: Option<ClusterStats>,
}

impl<C: Codec> Server<C> {
    /// A builder for a server with this codec and these settings of its hub.
    pub fn builder(codec: C, settings: Settings) -> Builder<C> {
        Builder::new(codec, settings)
    }

    pub(crate) fn from_shared(shared: Arc<Shared<C>>) -> Self {
        Self(shared)
    }

    pub(crate) fn shared(&self) -> &Shared<C> {
        &self.0
    }

    /// The handler of upgrade requests, for `Router::route`.
    ///
    /// A request is admitted or denied by the hub before anything else is done about it, then authenticated, then answered.
    /// It needs a server of HTTP/1.1 with upgrades that tells the address of the socket's other end, as
    /// [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo): without it, sources are not limited.
    pub fn route<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        let server = self.clone();
        get(move |request| crate::upgrade::upgrade(server, request))
    }

    /// Queues a message from the server itself for a user's connection to this node. For those on other nodes too, use
    /// [`relay`](Self::relay).
    ///
    /// # Errors
    /// [`Offline`](SendError::Offline), [`Full`](SendError::Full) or [`Unsendable`](SendError::Unsendable).
    pub fn send(&self, to: &C::User, message: &C::Out) -> Result<(), SendError> {
        self.sent(to, message, false)
    }

    /// The same, but the message is dropped where the recipient is slow.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`Dropped`](SendError::Dropped).
    pub fn send_volatile(&self, to: &C::User, message: &C::Out) -> Result<(), SendError> {
        self.sent(to, message, true)
    }

    /// Queues a message from the server itself for a user on any [node](crate::cluster). It waits for that node to report the outcome. Dropped
    /// meanwhile, it does not take the message back.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`Unknown`](SendError::Unknown).
    pub async fn relay(&self, to: &C::User, message: &C::Out) -> Result<(), SendError> {
        self.relayed(to, message, false).await
    }

    /// The same, but the message is dropped where the recipient is slow.
    ///
    /// # Errors
    /// As [`relay`](Self::relay), and [`Dropped`](SendError::Dropped).
    pub async fn relay_volatile(&self, to: &C::User, message: &C::Out) -> Result<(), SendError> {
        self.relayed(to, message, true).await
    }

    async fn relayed(&self, to: &C::User, message: &C::Out, volatile: bool) -> Result<(), SendError> {
        if self.0.link.is_none() {
            return self.sent(to, message, volatile);
        }
        let frame = self.0.encode(message)?;
        crate::cluster::relay_from_server(&self.0, to, frame, volatile).await
    }

    fn sent(&self, to: &C::User, message: &C::Out, volatile: bool) -> Result<(), SendError> {
        let frame = self.0.encode(message)?;
        self.0.step(|core, _| {
            let conn = core.hub.conn_of(to).ok_or(SendError::Offline)?;
            core.send(conn, frame, volatile)
        })
    }

    /// Queues a message from the server itself for everybody online, or in a room, on all [nodes](crate::cluster).
    ///
    /// # Errors
    /// [`Unsendable`](SendError::Unsendable).
    pub fn broadcast(&self, to: impl Into<Audience>, message: &C::Out) -> Result<Reach, SendError> {
        self.broadcasted(None, to.into(), message, false)
    }

    /// The same, but those who are slow are left out.
    ///
    /// # Errors
    /// As [`broadcast`](Self::broadcast).
    pub fn broadcast_volatile(&self, to: impl Into<Audience>, message: &C::Out) -> Result<Reach, SendError> {
        self.broadcasted(None, to.into(), message, true)
    }

    pub(crate) fn broadcasted(
        &self,
        from: Option<ConnId>,
        to: Audience,
        message: &C::Out,
        volatile: bool,
    ) -> Result<Reach, SendError> {
        let message = self.0.encode(message)?;
        let room = match to {
            Audience::All => None,
            Audience::Room(room) => Some(room),
        };
        if self.0.link.is_some() {
            return crate::cluster::broadcast(&self.0, from, room, message, volatile);
        }
        self.0.step(|core, now| core.broadcast(now, from, room, message, volatile))
    }

    /// Puts a connection into a room. Returns the number of members.
    ///
    /// # Errors
    /// The hub's reason; `Repeated` within `reply_gap` of another refusal; `Closed`.
    pub fn join(&self, conn: ConnId, room: impl Into<Room>) -> Result<u32, NotJoined> {
        let room = room.into();
        self.0.step(|core, now| match core.feed(now, Input::Join { conn, room }) {
            Some(Answer::Joined(members)) => Ok(members),
            Some(Answer::JoinRefused(reason)) => Err(NotJoined::Refused(reason)),
            _ if core.is_open(conn) => Err(NotJoined::Repeated),
            _ => Err(NotJoined::Closed),
        })
    }

    /// Takes a connection out of a room, if it is in it.
    pub fn leave(&self, conn: ConnId, room: impl Into<Room>) {
        let room = room.into();
        self.0.step(|core, now| core.leave_room(now, conn, room));
    }

    /// Who is in a room on this node, in the order of the connections' ids, from one id on if one is given, and how many there are.
    pub fn members(&self, room: impl Into<Room>, from: Option<ConnId>, most: usize) -> (Vec<(ConnId, C::User)>, u32) {
        let room = room.into();
        self.0.look(|core| {
            let members = core.hub.members(room.as_bytes(), from).take(most);
            (members.map(|(conn, user)| (conn, user.clone())).collect(), core.hub.room_size(room.as_bytes()))
        })
    }

    /// Who is in a room, on all [nodes](crate::cluster): at most `most` users, up to 1,000 of each other node, and how many there are. It waits for
    /// the answers of all nodes, for up to [`relay_timeout`](heartline::directory::Settings::relay_timeout).
    pub async fn room_members(&self, room: impl Into<Room>, most: usize) -> RoomMembers<C::User> {
        let room = room.into();
        let (here, others) = self.0.step(|core, _| {
            let users = core.hub.members(room.as_bytes(), None).take(most).map(|(_, user)| user.clone());
            let here = (users.collect(), core.hub.room_size(room.as_bytes()));
            (here, core.cluster.as_mut().map(|cluster| cluster.ask_members(room, most)))
        });
        let mut members = RoomMembers { users: here.0, total: here.1.into(), unanswered: Vec::new() };
        let Some(others) = others else { return members };
        let Ok(others) = others.await else { return members };
        members.unanswered = others.unanswered;
        for node in others.nodes {
            members.total += u64::from(node.total);
            let room = most.saturating_sub(members.users.len());
            members.users.extend(node.users.iter().filter_map(|name| self.0.user_of(name)).take(room));
        }
        members
    }

    /// Waits until this [node](crate::cluster) has entered a room that one of its connections has joined. True if it is confirmed that broadcasts
    /// of other nodes to the room arrive here from now on. False if that was not seen within
    /// [`relay_timeout`](heartline::directory::Settings::relay_timeout), so that broadcasts may be missed: ask again later. False too if nobody is
    /// in the room here.
    pub async fn room_entered(&self, room: impl Into<Room>) -> bool {
        let room = room.into();
        let entered = self.0.step(|core, _| match &mut core.cluster {
            Some(cluster) => Err(cluster.room_entered(&room)),
            None => Ok(core.hub.room_size(room.as_bytes()) > 0),
        });
        match entered {
            Ok(entered) => entered,
            Err(entered) => entered.await.unwrap_or(false),
        }
    }

    /// The other [nodes](crate::cluster) that are heard, in the order of their names.
    pub fn nodes(&self) -> Vec<NodeStatus> {
        self.0.look(|core| core.cluster.as_ref().map(|cluster| cluster.nodes()).unwrap_or_default())
    }

    /// Closes a connection behind what is queued for it. The reason is cut to 123 bytes.
    pub fn close(&self, conn: ConnId, code: CloseCode, reason: impl Into<String>) {
        let reason = reason.into();
        self.0.step(|core, now| core.close(now, conn, code, reason));
    }

    /// The connection of a user who is online on this node.
    pub fn conn_of(&self, user: &C::User) -> Option<ConnId> {
        self.0.look(|core| core.hub.conn_of(user))
    }

    /// The [node](crate::cluster) that a user is connected to by the latest login, as far as this one knows. `None` if the user is on no node, and on
    /// a server that is alone.
    pub fn node_of(&self, user: &C::User) -> Option<Node> {
        let name = self.0.name_of(user);
        self.0.look(|core| core.cluster.as_ref()?.node_of(&name?).cloned())
    }

    /// The first users who are connected now, in order, and how many there are. In a [cluster](crate::cluster) these are the users of all nodes, in the
    /// order of their names' bytes.
    pub fn online(&self, most: usize) -> (Vec<C::User>, usize) {
        let online = self.0.look(|core| {
            if let Some(cluster) = &core.cluster {
                return Err(cluster.online(most));
            }
            let online = core.hub.online();
            let count = online.len();
            Ok((online.take(most).map(|(user, _)| user.clone()).collect(), count))
        });
        online.unwrap_or_else(|(names, count)| (names.iter().filter_map(|name| self.0.user_of(name)).collect(), count))
    }

    /// Counters and gauges at this moment.
    pub fn stats(&self) -> ServerStats {
        self.0.stats()
    }

    /// Admits nobody any more, asks every client to come back later, and returns when the last connection has ended: at the
    /// latest after `within` and the time that [`on_close`](Builder::on_close) has. Other [nodes](crate::cluster) are then told that this one
    /// is gone, for which the broker has a second more.
    ///
    /// Cancel safe: dropped, the shutdown goes on.
    pub async fn shutdown(&self, shutdown: Shutdown) {
        let Shutdown { within, pace, spread } = shutdown;
        telemetry::shutting_down();
        self.0.step(|core, now| core.feed(now, Input::Shutdown { within, pace, spread }));
        self.0.finished().await;
        if let Some(link) = &self.0.link {
            _ = tokio::time::timeout(FLUSH, link.broker.flush()).await;
        }
        telemetry::finished();
    }
}

impl<C: Codec> Clone for Server<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C: Codec> fmt::Debug for Server<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

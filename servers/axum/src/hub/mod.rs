//! The one owner of the hub: its inputs, and what its actions come to. Nothing here waits, and nothing of the application's
//! is called.

pub(crate) mod cluster;
pub(crate) mod peer;
mod shared;
mod timer;

use std::collections::{HashMap, VecDeque};
use std::task::Waker;

use heartline::directory::{Departure, User};
use heartline::hub::{self, Action, Config, Event, Hub, Input, JoinRefusal, Outcome, Room, Route};
use heartline::{CloseCode, ConnId, Timestamp};
use tungstenite::Message;

use crate::codec::Codec;
use crate::outcome::{Reach, SendError};
use crate::presence::Presence;
use cluster::Cluster;
use peer::{Login, Outgoing, Owned, Peer, cost};

pub(crate) use shared::{Parts, Shared};

/// The hub, and the queues of its connections.
pub(crate) struct Core<U> {
    pub(crate) hub: Hub<U, Message>,
    peers: HashMap<ConnId, Peer<U>>,
    /// Of this node alone; nobody watches it where there is a directory.
    presence: Presence<U>,
    /// The other nodes, if there may be any.
    pub(crate) cluster: Option<Box<Cluster>>,
    /// What the step that is being carried out leads to.
    owed: VecDeque<Input<U, Message>>,
    /// The actions of a step, empty between two.
    actions: Vec<Action<U, Message>>,
    answer: Option<Answer>,
    /// Whom to wake when the lock is released.
    wakes: Vec<Waker>,
    /// When the timer runs.
    armed: Option<Timestamp>,
    /// Connections whose tasks, or upgrade requests, have not ended.
    pub(crate) seats: usize,
    drained: bool,
    reported: hub::Stats,
}

/// What has happened that is worth a line in a log.
pub(crate) struct News {
    pub(crate) contested: u64,
    pub(crate) suspensions: u64,
}

/// The hub's reply to who made the step.
pub(crate) enum Answer {
    Outcome(Outcome<Message>),
    Joined(u32),
    JoinRefused(JoinRefusal),
}

/// What a connection's task has to know when it runs.
pub(crate) struct Standing {
    pub(crate) closing: bool,
    /// Until when nothing is to be read.
    pub(crate) paused: Option<Timestamp>,
}

impl<U: Ord + Clone> Core<U> {
    pub(super) fn new(config: Config, seed: u64, presence: Presence<U>, cluster: Option<Box<Cluster>>) -> Self {
        Self {
            hub: Hub::new(config, seed),
            peers: HashMap::new(),
            presence,
            cluster,
            owed: VecDeque::new(),
            actions: Vec::new(),
            answer: None,
            wakes: Vec::new(),
            armed: None,
            seats: 0,
            drained: false,
            reported: hub::Stats::default(),
        }
    }

    pub(crate) fn admit(
        &mut self,
        now: Timestamp,
        request: &hub::Request<'_>,
        user: Login<U>,
    ) -> Result<(ConnId, Option<String>), hub::Denied> {
        let admitted = self.hub.admit(now, request)?;
        let (conn, protocol) = (admitted.conn, admitted.protocol.map(str::to_owned));
        self.peers.insert(conn, Peer::new(user));
        self.seats += 1;
        Ok((conn, protocol))
    }

    /// One step, with everything that follows from it.
    pub(crate) fn feed(&mut self, now: Timestamp, input: Input<U, Message>) -> Option<Answer> {
        self.apply(now, input);
        self.settle(now);
        self.answer.take()
    }

    fn apply(&mut self, now: Timestamp, input: Input<U, Message>) {
        let mut actions = std::mem::take(&mut self.actions);
        actions.extend(self.hub.handle(now, input));
        actions.drain(..).for_each(|action| self.carry_out(action));
        self.actions = actions;
    }

    /// Until nothing is owed.
    fn settle(&mut self, now: Timestamp) {
        loop {
            if let Some(input) = self.owed.pop_front() {
                self.apply(now, input);
            } else if let Some(action) = self.hub.next_action() {
                self.carry_out(action);
            } else if self.cluster.is_none() || !self.settle_cluster(now) {
                return;
            }
        }
    }

    fn carry_out(&mut self, action: Action<U, Message>) {
        match action {
            Action::Deliver { conn, message, .. } => self.push(conn, Outgoing::Frame(message)),
            Action::Broadcast { conns, message, .. } => {
                conns.into_iter().for_each(|conn| self.push(conn, Outgoing::Frame(message.clone())));
            }
            Action::Outcome { outcome, .. } => self.answer = Some(Answer::Outcome(outcome)),
            Action::LoggedIn { conn, user, .. } => {
                if let Some(peer) = self.peers.get(&conn) {
                    peer.logged_in(&user);
                }
                if let Some(cluster) = &mut self.cluster {
                    cluster.logged_in(conn);
                }
                self.push(conn, Outgoing::Notice(Owned::LoggedIn(user)));
            }
            Action::LoginRefused { conn, reason, retry_after, .. } => {
                self.push(conn, Outgoing::Notice(Owned::LoginRefused(reason, retry_after)));
            }
            Action::Expiring { conn, expires_in, .. } => self.push(conn, Outgoing::Notice(Owned::Expiring(expires_in))),
            Action::Joined { conn, room, members, .. } => {
                self.answer = Some(Answer::Joined(members));
                if let Some(cluster) = &mut self.cluster {
                    cluster.joined(conn, room);
                }
            }
            Action::JoinRefused { reason, .. } => self.answer = Some(Answer::JoinRefused(reason)),
            Action::Missed { conn, messages, .. } => self.push(conn, Outgoing::Notice(Owned::Missed(messages))),
            Action::UnknownMessage { conn, .. } => self.push(conn, Outgoing::Notice(Owned::UnknownMessage)),
            Action::Pong { conn, .. } => self.push(conn, Outgoing::Notice(Owned::Pong)),
            Action::Ping { conn, .. } => self.push(conn, Outgoing::Ping),
            Action::Close { conn, code, retry_after, .. } => {
                let Some(peer) = self.peers.get_mut(&conn) else { return };
                peer.close(code, retry_after, reason(code, self.hub.config().superseded_code));
                self.wakes.extend(peer.take_waker());
                self.unwatch(conn);
                self.ended(conn, Departure::by_close(code));
            }
            Action::Abort { conn, .. } => {
                self.forget(conn);
                self.ended(conn, Departure::Lost);
            }
            Action::Event(event) => self.on_event(event),
        }
    }

    fn on_event(&mut self, event: Event<U>) {
        match event {
            Event::Online { user, .. } => self.presence.changed(user, true),
            Event::Offline { user, .. } => self.presence.changed(user, false),
            Event::Drained => self.drained = true,
            _ => {}
        }
    }

    /// Queues, and reports to the hub what was queued.
    fn push(&mut self, conn: ConnId, item: Outgoing<U>) {
        _ = self.try_push(conn, item);
    }

    fn try_push(&mut self, conn: ConnId, item: Outgoing<U>) -> Result<(), SendError> {
        let peer = self.peers.get_mut(&conn).ok_or(SendError::Closed)?;
        let bytes = peer.push(item).ok_or(SendError::Closed)?;
        self.owed.push_back(Input::Queued { conn, bytes });
        self.wakes.extend(peer.take_waker());
        Ok(())
    }

    fn forget(&mut self, conn: ConnId) {
        self.unwatch(conn);
        if let Some(mut peer) = self.peers.remove(&conn) {
            self.wakes.extend(peer.take_waker());
        }
    }

    // ---- what connections report ---------------------------------------------------------

    /// The task of a connection runs: it has written so much, takes what waits, and is woken when there is more. `None` if the
    /// connection is to be dropped.
    pub(crate) fn exchange(
        &mut self,
        now: Timestamp,
        conn: ConnId,
        written: &mut u64,
        batch: &mut VecDeque<Outgoing<U>>,
        waker: &Waker,
    ) -> Option<Standing> {
        if *written > 0 {
            let bytes = u32::try_from(*written).unwrap_or(u32::MAX);
            *written -= u64::from(bytes);
            if let Some(peer) = self.peers.get_mut(&conn) {
                peer.wrote(bytes.into());
            }
            self.feed(now, Input::Written { conn, bytes });
        }
        let standing = self.wait(conn, waker);
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.take(batch);
        }
        standing
    }

    /// The same for a connection that cannot be written to yet.
    pub(crate) fn wait(&mut self, conn: ConnId, waker: &Waker) -> Option<Standing> {
        let paused = self.hub.paused_until(conn);
        let peer = self.peers.get_mut(&conn)?;
        peer.register(waker);
        Some(Standing { closing: peer.is_closing(), paused })
    }

    /// A frame arrived. Until when nothing is to be read behind it.
    pub(crate) fn alive(&mut self, now: Timestamp, conn: ConnId, bytes: u32) -> Option<Timestamp> {
        let paused = self.hub.alive(now, conn, bytes);
        self.settle(now);
        paused
    }

    /// A connection ended, or its close frame arrived. Its queue is gone.
    pub(crate) fn closed(&mut self, now: Timestamp, conn: ConnId, departure: Departure) {
        self.forget(conn);
        self.apply(now, Input::Closed { conn });
        self.ended(conn, departure);
        self.settle(now);
    }

    /// Whether a connection can be written to.
    pub(crate) fn is_open(&self, conn: ConnId) -> bool {
        self.peers.get(&conn).is_some_and(|peer| !peer.is_closing())
    }

    // ---- what the application asks for ---------------------------------------------------

    /// A user has proved to be it. The name is that for other nodes.
    pub(crate) fn log_in(
        &mut self,
        now: Timestamp,
        conn: ConnId,
        user: U,
        until: Option<Timestamp>,
        name: Option<User>,
    ) {
        if let Some(cluster) = &mut self.cluster {
            cluster.set_login_name(name);
        }
        self.feed(now, Input::Login { conn, user, until });
    }

    pub(crate) fn relay(
        &mut self,
        now: Timestamp,
        conn: ConnId,
        to: &U,
        frame: Message,
        volatile: bool,
    ) -> Result<(), SendError> {
        let recipient = match self.hub.route(now, conn, to, cost(&frame), volatile) {
            Route::To { conn, .. } => conn,
            Route::Full => return Err(SendError::Full),
            Route::Offline => return Err(SendError::Offline),
            Route::Dropped => return Err(SendError::Dropped),
            Route::NotLoggedIn => return Err(SendError::NotLoggedIn),
            Route::Stale => return Err(SendError::Closed),
        };
        self.push(recipient, Outgoing::Frame(frame));
        Ok(())
    }

    /// From the server itself, to a connection.
    pub(crate) fn send(&mut self, conn: ConnId, frame: Message, volatile: bool) -> Result<(), SendError> {
        let peer = self.peers.get(&conn).ok_or(SendError::Closed)?;
        let config = self.hub.config();
        if volatile && peer.pending() > config.volatile_above.into() {
            return Err(SendError::Dropped);
        }
        let over = self.hub.unwritten() > config.total_budget;
        if over || peer.pending() + u64::from(cost(&frame)) > config.budget.into() {
            return Err(SendError::Full);
        }
        self.try_push(conn, Outgoing::Frame(frame))
    }

    /// An answer to a frame of this connection. It is queued however much waits, up to the hub's reserve, beyond which the
    /// connection is closed.
    pub(crate) fn reply(&mut self, now: Timestamp, conn: ConnId, item: Outgoing<U>) -> Result<(), SendError> {
        let pushed = self.try_push(conn, item);
        self.settle(now);
        pushed
    }

    /// From a connection, or from the server itself.
    pub(crate) fn broadcast(
        &mut self,
        now: Timestamp,
        from: Option<ConnId>,
        room: Option<Room>,
        message: Message,
        volatile: bool,
    ) -> Result<Reach, SendError> {
        let bytes = cost(&message);
        let input = Input::Broadcast { from, room, except: Vec::new(), message, bytes, volatile, tag: 0 };
        if from.is_none() {
            return Ok(self.announce(now, input));
        }
        match self.feed(now, input) {
            Some(Answer::Outcome(Outcome::Broadcast { reached, missed })) => Ok(Reach { reached, missed }),
            Some(Answer::Outcome(Outcome::NotLoggedIn(_))) => Err(SendError::NotLoggedIn),
            _ => Err(SendError::Closed),
        }
    }

    /// From the server itself, to which the hub reports no outcome: its counters have it.
    fn announce(&mut self, now: Timestamp, input: Input<U, Message>) -> Reach {
        let before = self.hub.stats();
        self.feed(now, input);
        let after = self.hub.stats();
        let more = |after: u64, before: u64| u32::try_from(after.saturating_sub(before)).unwrap_or(u32::MAX);
        let missed = more(after.full, before.full).saturating_add(more(after.dropped, before.dropped));
        Reach { reached: more(after.routed, before.routed), missed }
    }

    pub(crate) fn close(&mut self, now: Timestamp, conn: ConnId, code: CloseCode, reason: String) {
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.set_reason(reason);
        }
        self.feed(now, Input::Close { conn, code });
    }

    /// Since the last call.
    fn news(&mut self) -> News {
        let (now, before) = (self.hub.stats(), self.reported);
        self.reported = now;
        News { contested: now.contested - before.contested, suspensions: now.suspensions - before.suspensions }
    }

    // ---- who watches who is online -------------------------------------------------------

    pub(crate) fn watch(&mut self, conn: ConnId) {
        match &mut self.cluster {
            Some(cluster) => cluster.presence.watch(conn),
            None => self.presence.watch(conn),
        }
    }

    pub(crate) fn unwatch(&mut self, conn: ConnId) {
        match &mut self.cluster {
            Some(cluster) => cluster.presence.unwatch(conn),
            None => self.presence.unwatch(conn),
        }
    }

    pub(crate) fn watches(&self, conn: ConnId) -> bool {
        self.cluster.as_ref().map_or(&self.presence.watchers, |cluster| &cluster.presence.watchers).contains(&conn)
    }
}

/// Why the hub closes with this code by itself, for people; `close_codes.md` has the table.
fn reason(code: CloseCode, superseded: CloseCode) -> &'static str {
    match code {
        code if code == superseded => "replaced by a newer login",
        CloseCode::POLICY_VIOLATION => "too many messages",
        CloseCode::TRY_AGAIN_LATER => "reading too slowly",
        CloseCode::UNAUTHORIZED => "login expired",
        CloseCode::TIMEOUT => "no sign of life",
        CloseCode::LOGIN_TIMEOUT => "no login in time",
        _ => "",
    }
}

/// What [`Core`] wants of a codec's user.
pub(crate) type CoreOf<C> = Core<<C as Codec>::User>;

#[cfg(test)]
mod tests;

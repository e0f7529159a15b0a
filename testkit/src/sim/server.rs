//! The other end: servers that follow a script.

use std::time::Duration;

use heartline::loss::TransportError;
use heartline::{Loss, Timestamp};

use super::network::{Content, Direction, Due, Frame, Link, LinkId, Network, Request, ServerId};
use super::random::Random;

/// What happened to a server.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Happening<M> {
    /// A dial. It is accepted unless the script says otherwise: [`Wire::refuse`], [`Wire::ignore`].
    Dial {
        /// Its name from now on.
        link: LinkId,
        /// What was asked for.
        request: Request,
    },
    /// The connection is open: the server may send.
    Open {
        /// The connection.
        link: LinkId,
    },
    /// A data message arrived.
    Message {
        /// The connection.
        link: LinkId,
        /// The message.
        message: M,
    },
    /// A ping arrived. It is answered, unless [`Wire::answer_pings`] says otherwise.
    Ping {
        /// The connection.
        link: LinkId,
        /// Its payload.
        token: u32,
    },
    /// A pong arrived.
    Pong {
        /// The connection.
        link: LinkId,
        /// Its payload.
        token: u32,
    },
    /// The connection is over: by a close frame, which has been answered, or because it broke.
    Closed {
        /// The connection.
        link: LinkId,
        /// How it ended, in the session's words.
        loss: Loss,
    },
    /// A timer set by [`Wire::after`] is due.
    Timer {
        /// Its name.
        name: u64,
    },
}

/// A server's script. Closures `FnMut(&mut Wire<M>, Happening<M>)` are peers. To look into a peer from outside, let
/// it own an `Rc<RefCell<…>>`, or read [`Server::journal`].
pub trait Peer<M> {
    /// Something happened. What is to be sent goes to the wire.
    fn on(&mut self, wire: &mut Wire<'_, M>, happening: Happening<M>);
}

impl<M, F: FnMut(&mut Wire<'_, M>, Happening<M>)> Peer<M> for F {
    fn on(&mut self, wire: &mut Wire<'_, M>, happening: Happening<M>) {
        self(wire, happening);
    }
}

/// A peer that sends every message back.
pub fn echo<M>() -> impl Peer<M> {
    |wire: &mut Wire<'_, M>, happening: Happening<M>| {
        if let Happening::Message { link, message } = happening {
            wire.send(link, message);
        }
    }
}

/// What a simulation knows of a server.
#[derive(Debug)]
pub struct Server<M> {
    pub(super) name: String,
    pub(super) up: bool,
    pub(super) silent: bool,
    pub(super) answer_pings: bool,
    pub(super) refuses: Option<(u16, Option<Duration>)>,
    pub(super) ignores: bool,
    /// While it is suspended, what waits for it.
    pub(super) inbox: Option<Vec<Waiting<M>>>,
    pub(super) journal: Vec<(Timestamp, Happening<M>)>,
    pub(super) dials: usize,
}

#[derive(Debug)]
pub(super) enum Waiting<M> {
    Content(LinkId, WaitingContent<M>),
    Timer(u64),
}

#[derive(Debug)]
pub(super) enum WaitingContent<M> {
    Dial(Request),
    Frame(Frame<M>),
}

impl<M> Server<M> {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            up: true,
            silent: false,
            answer_pings: true,
            refuses: None,
            ignores: false,
            inbox: None,
            journal: Vec::new(),
            dials: 0,
        }
    }

    /// The name under which it is dialled.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Dials that reached it so far, those it refused or ignored included.
    pub fn dials(&self) -> usize {
        self.dials
    }

    /// Everything that happened to it, with its time.
    pub fn journal(&self) -> &[(Timestamp, Happening<M>)] {
        &self.journal
    }

    /// The messages that arrived, with their times.
    pub fn messages(&self) -> impl Iterator<Item = (Timestamp, LinkId, &M)> {
        self.journal.iter().filter_map(|(at, happening)| match happening {
            Happening::Message { link, message } => Some((*at, *link, message)),
            _ => None,
        })
    }
}

/// What a server can do on the network.
pub struct Wire<'a, M> {
    pub(super) network: &'a mut Network<M>,
    pub(super) server: ServerId,
}

impl<M> Wire<'_, M> {
    /// The time.
    pub fn now(&self) -> Timestamp {
        self.network.now
    }

    /// The simulation's generator.
    pub fn random(&mut self) -> &mut Random {
        &mut self.network.random
    }

    /// The connections that are open from the server's point of view, oldest first.
    pub fn links(&self) -> Vec<LinkId> {
        let open = self.network.links.iter().enumerate();
        let open = open.filter(|(_, link)| link.server == self.server && link.server_open);
        open.map(|(nth, _)| LinkId(nth)).collect()
    }

    /// Sends a message; on a connection that is not open it does nothing.
    pub fn send(&mut self, link: LinkId, message: M) {
        self.frame(link, Frame::Message(message));
    }

    /// Sends a ping of the server's own.
    pub fn ping(&mut self, link: LinkId, token: u32) {
        self.frame(link, Frame::Ping(token));
    }

    /// Sends a pong, asked for or not.
    pub fn pong(&mut self, link: LinkId, token: u32) {
        self.frame(link, Frame::Pong(token));
    }

    /// Sends a close frame.
    pub fn close(&mut self, link: LinkId, code: u16) {
        self.frame(link, Frame::Close { code, retry_after: None });
    }

    /// Sends a close frame with a wish to stay away.
    pub fn close_for(&mut self, link: LinkId, code: u16, retry_after: Duration) {
        self.frame(link, Frame::Close { code, retry_after: Some(retry_after) });
    }

    /// Breaks the connection: the host learns of it, the server knows.
    pub fn reset(&mut self, link: LinkId) {
        self.frame(link, Frame::Reset);
        if let Some(link) = self.own(link) {
            link.server_open = false;
        }
    }

    /// Refuses this dial with an HTTP status and perhaps `Retry-After`.
    pub fn refuse(&mut self, link: LinkId, status: u16, retry_after: Option<Duration>) {
        if self.take_answer(link) {
            let refused = Content::Refused { loss: Loss::Status(status), retry_after };
            self.network.transport(link, Direction::Down, refused);
        }
    }

    /// Leaves this dial without an answer, until [`accept`](Self::accept) or for ever.
    pub fn ignore(&mut self, link: LinkId) {
        if let Some(link) = self.own(link) {
            link.ignored = true;
        }
    }

    /// Accepts a dial that was ignored, however late. True if it is open now; no [`Happening::Open`] follows.
    pub fn accept(&mut self, link: LinkId) -> bool {
        let accepted = self.take_answer(link);
        if accepted {
            self.network.links[link.0].server_open = true;
            self.network.transport(link, Direction::Down, Content::Accepted);
        }
        accepted
    }

    /// Refuses all dials from now on, with this status; `None` accepts them again.
    pub fn refuse_dials(&mut self, with: Option<(u16, Option<Duration>)>) {
        self.state().refuses = with;
    }

    /// Leaves all dials from now on without an answer, or accepts them again.
    pub fn ignore_dials(&mut self, ignore: bool) {
        self.state().ignores = ignore;
    }

    /// Whether pings are answered by themselves, as they are by default.
    pub fn answer_pings(&mut self, answer: bool) {
        self.state().answer_pings = answer;
    }

    /// Nothing leaves the server any more, answers to dials included, or everything does again. What was not sent is
    /// lost.
    pub fn fall_silent(&mut self, silent: bool) {
        self.state().silent = silent;
    }

    /// Sets a timer: [`Happening::Timer`] with this name when `wait` is over.
    pub fn after(&mut self, wait: Duration, name: u64) {
        let (at, server) = (self.network.now.saturating_add(wait), self.server);
        self.network.at(at, Due::PeerTimer { server, name });
    }

    fn state(&mut self) -> &mut Server<M> {
        &mut self.network.servers[self.server.0]
    }

    fn own(&mut self, link: LinkId) -> Option<&mut Link> {
        let server = self.server;
        self.network.links.get_mut(link.0).filter(|link| link.server == server)
    }

    /// True if the dial still waits for its answer and the server may give one.
    fn take_answer(&mut self, link: LinkId) -> bool {
        let silent = self.state().silent;
        self.own(link).is_some_and(|link| !silent && !std::mem::replace(&mut link.answered, true))
    }

    fn frame(&mut self, link: LinkId, frame: Frame<M>) {
        if !self.state().silent && self.own(link).is_some_and(|link| link.server_open) {
            self.network.frame(link, Direction::Down, frame);
        }
    }
}

impl<M: Clone> Wire<'_, M> {
    /// A dial arrived.
    pub(super) fn dialled(&mut self, peer: &mut dyn Peer<M>, link: LinkId, request: Request) {
        if !self.state().up {
            self.network.links[link.0].answered = true;
            let refused = Content::Refused { loss: Loss::Transport(TransportError::Connect), retry_after: None };
            return self.network.transport(link, Direction::Down, refused);
        }
        self.state().dials += 1;
        self.tell(peer, Happening::Dial { link, request });
        let (ignores, refuses) = (self.state().ignores, self.state().refuses);
        match refuses {
            _ if ignores || self.network.links[link.0].ignored => {}
            Some((status, retry_after)) => self.refuse(link, status, retry_after),
            None if self.accept(link) => self.tell(peer, Happening::Open { link }),
            None => {}
        }
    }

    /// Something arrived on a connection.
    pub(super) fn arrived(&mut self, peer: &mut dyn Peer<M>, link: LinkId, frame: Frame<M>) {
        let state = &mut self.network.links[link.0];
        if matches!(frame, Frame::Reset) {
            state.answered = true;
        }
        if !state.server_open {
            return;
        }
        let happening = match frame {
            Frame::Message(message) => Happening::Message { link, message },
            Frame::Pong(token) => Happening::Pong { link, token },
            Frame::Ping(token) => {
                if self.state().answer_pings {
                    self.pong(link, token);
                }
                Happening::Ping { link, token }
            }
            Frame::Close { code, .. } => {
                self.close(link, code);
                self.network.links[link.0].server_open = false;
                Happening::Closed { link, loss: Loss::Close(code) }
            }
            Frame::Reset => {
                self.network.links[link.0].server_open = false;
                Happening::Closed { link, loss: Loss::Transport(TransportError::Io) }
            }
        };
        self.tell(peer, happening);
    }

    pub(super) fn tell(&mut self, peer: &mut dyn Peer<M>, happening: Happening<M>) {
        let now = self.network.now;
        self.state().journal.push((now, happening.clone()));
        peer.on(self, happening);
    }
}

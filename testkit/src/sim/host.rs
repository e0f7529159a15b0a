//! A host: a session, its application, and the driver between them.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::ops::Deref;

use heartline::loss::TransportError;
use heartline::message::Refused;
use heartline::{Action, Config, ConnId, Event, Input, Loss, MessageId, Outcome, Outgoing, Session, Timestamp};

use super::app::{App, Context, Dial, Ended};
use super::network::{Content, Direction, Frame, HostId, LinkId, Network, Request};

/// A session with its application and everything it did. What the session shows is reached by `Deref`.
pub struct Host<M> {
    id: HostId,
    session: Session<M>,
    app: Option<Box<dyn App<M>>>,
    journal: Vec<(Timestamp, Action<M>)>,
    written: Vec<(Timestamp, Frame<M>)>,
    pub(super) partitioned: bool,
    /// While the network holds back what is for it and from it.
    pub(super) held: Option<Vec<(LinkId, Direction, Content<M>)>>,
    /// While it is suspended, what waits for it.
    pub(super) inbox: Option<Vec<(LinkId, Content<M>)>>,
    pub(super) ends_twice: bool,
}

impl<M> Deref for Host<M> {
    type Target = Session<M>;

    fn deref(&self) -> &Session<M> {
        &self.session
    }
}

impl<M> Host<M> {
    /// Every action so far, with its time.
    pub fn journal(&self) -> &[(Timestamp, Action<M>)] {
        &self.journal
    }

    /// The messages, pings and close frames that it wrote on its connections, with their times, whether they arrived or not.
    pub fn written(&self) -> &[(Timestamp, Frame<M>)] {
        &self.written
    }

    /// The messages that were delivered, with their times.
    pub fn deliveries(&self) -> impl Iterator<Item = (Timestamp, &M)> {
        self.journal.iter().filter_map(|(at, action)| match action {
            Action::Deliver(message) => Some((*at, message)),
            _ => None,
        })
    }

    /// The events, with their times.
    pub fn events(&self) -> impl Iterator<Item = (Timestamp, Event)> {
        self.journal.iter().filter_map(|(at, action)| match action {
            Action::Event(event) => Some((*at, *event)),
            _ => None,
        })
    }

    /// The outcomes of messages, with their times.
    pub fn outcomes(&self) -> impl Iterator<Item = (Timestamp, MessageId, &Outcome<M>)> {
        self.journal.iter().filter_map(|(at, action)| match action {
            Action::Outcome { id, outcome, .. } => Some((*at, *id, outcome)),
            _ => None,
        })
    }

    /// The outcome of this message; `None` while it has none.
    pub fn outcome(&self, id: MessageId) -> Option<&Outcome<M>> {
        self.outcomes().find(|(_, of, _)| *of == id).map(|(_, _, outcome)| outcome)
    }

    /// The dials, with their times.
    pub fn dials(&self) -> impl Iterator<Item = (Timestamp, Dial)> {
        self.journal.iter().filter_map(|(at, action)| match action {
            Action::Connect { conn, attempt, last_loss, renew, .. } => {
                Some((*at, Dial { conn: *conn, attempt: *attempt, last_loss: *last_loss, renew: *renew }))
            }
            _ => None,
        })
    }
}

impl<M: Clone> Host<M> {
    pub(super) fn new(id: HostId, config: Config, seed: u64, app: Box<dyn App<M>>) -> Self {
        let session = Session::new(config, seed);
        Self {
            id,
            session,
            app: Some(app),
            journal: Vec::new(),
            written: Vec::new(),
            partitioned: false,
            held: None,
            inbox: None,
            ends_twice: false,
        }
    }

    pub(super) fn send(&mut self, now: Timestamp, outgoing: Outgoing<M>) -> Result<MessageId, Refused<M>> {
        self.session.send(now, outgoing)
    }

    /// Takes an input, carries out what follows from it, and transmits what there is room for.
    pub(super) fn run(&mut self, network: &mut Network<M>, input: Option<Input<M>>) {
        let mut inputs: VecDeque<_> = input.into_iter().collect();
        loop {
            let mut next = match inputs.pop_front() {
                Some(input) => self.session.handle(network.now, input).next(),
                None => self.session.next_action(),
            };
            while let Some(action) = next {
                self.carry_out(network, action, &mut inputs);
                next = self.session.next_action();
            }
            if inputs.is_empty() && !self.transmit(network) {
                return;
            }
        }
    }

    /// True if there was something to transmit.
    fn transmit(&mut self, network: &mut Network<M>) -> bool {
        let Some(link) = self.session.conn().and_then(|conn| network.link(self.id, conn)) else { return false };
        let mut any = false;
        while network.links[link.0].in_flight < network.room {
            let Some(transmit) = self.session.transmit(network.now) else { break };
            let app = self.app.as_mut().expect("no call into the application transmits");
            let (id, message) = (transmit.id, app.encode(&transmit));
            self.session.sent(network.now, id);
            self.write(network, link, Frame::Message(message));
            any = true;
        }
        any
    }

    fn carry_out(&mut self, network: &mut Network<M>, action: Action<M>, inputs: &mut VecDeque<Input<M>>) {
        self.journal.push((network.now, action.clone()));
        match action {
            Action::Connect { conn, attempt, last_loss, renew, .. } => {
                let dial = Dial { conn, attempt, last_loss, renew };
                let request = self.ask(network.now, inputs, |app, context| app.request(context, &dial));
                self.dial(network, conn, request, inputs);
            }
            Action::Abort { conn, .. } => {
                if let Some(link) = network.link(self.id, conn) {
                    network.links[link.0].host_open = false;
                    network.frame(link, Direction::Up, Frame::Reset);
                }
            }
            Action::Ping { conn, token, .. } => {
                let ping = self.ask(network.now, inputs, |app, _| app.ping(token));
                self.control(network, conn, ping);
            }
            Action::Close { conn, code, .. } => {
                self.control(network, conn, Frame::Close { code: code.get(), retry_after: None });
            }
            action => self.ask(network.now, inputs, |app, context| app.on_action(context, &action)),
        }
    }

    fn dial(
        &mut self,
        network: &mut Network<M>,
        conn: ConnId,
        request: Result<Request, Loss>,
        inputs: &mut VecDeque<Input<M>>,
    ) {
        let unknown = Loss::Transport(TransportError::Resolve);
        match request.and_then(|request| Ok((network.server_named(&request.host).ok_or(unknown)?, request))) {
            Ok((server, request)) => network.dial(self.id, conn, server, request, self.partitioned),
            Err(loss) => inputs.push_front(Input::closed(conn, loss)),
        }
    }

    /// A control frame always has room.
    fn control(&mut self, network: &mut Network<M>, conn: ConnId, frame: Frame<M>) {
        if let Some(link) = network.link(self.id, conn).filter(|link| network.links[link.0].host_open) {
            self.write(network, link, frame);
        }
    }

    fn write(&mut self, network: &mut Network<M>, link: LinkId, frame: Frame<M>) {
        self.written.push((network.now, frame.clone()));
        network.frame(link, Direction::Up, frame);
    }

    fn ask<T>(
        &mut self,
        now: Timestamp,
        inputs: &mut VecDeque<Input<M>>,
        ask: impl FnOnce(&mut dyn App<M>, &mut Context<'_, M>) -> T,
    ) -> T {
        let mut app = self.app.take().expect("an application is not called while it is being called");
        let answer = ask(&mut *app, &mut Context { now, session: &mut self.session, inputs });
        self.app = Some(app);
        answer
    }

    /// Something arrived.
    pub(super) fn arrived(&mut self, network: &mut Network<M>, link: LinkId, content: Content<M>) {
        let (conn, open) = (network.links[link.0].conn, network.links[link.0].host_open);
        let frame = match content {
            // A dial that was given up and succeeds all the same is reported too.
            Content::Accepted => return self.run(network, Some(Input::Opened { conn })),
            _ if !open => return,
            Content::Dial(_) => return,
            Content::Refused { loss, retry_after } => return self.ended(network, link, Ended { loss, retry_after }),
            Content::Frame(frame) => frame,
        };
        match frame {
            Frame::Message(message) => {
                let mut unused = VecDeque::new();
                for input in self.ask(network.now, &mut unused, |app, _| app.decode(conn, message)) {
                    self.run(network, Some(input));
                }
            }
            Frame::Pong(token) => self.run(network, Some(Input::Pong { conn, token: Some(token) })),
            Frame::Ping(token) => {
                network.frame(link, Direction::Up, Frame::Pong(token));
                self.run(network, Some(Input::Alive { conn }));
            }
            Frame::Close { code, retry_after } => {
                network.frame(link, Direction::Up, Frame::Close { code, retry_after: None });
                self.ended(network, link, Ended { loss: Loss::Close(code), retry_after });
            }
            Frame::Reset => {
                let loss = Loss::Transport(TransportError::Io);
                self.ended(network, link, Ended { loss, retry_after: None });
            }
        }
    }

    fn ended(&mut self, network: &mut Network<M>, link: LinkId, ended: Ended) {
        let conn = network.links[link.0].conn;
        network.links[link.0].host_open = false;
        network.frame(link, Direction::Up, Frame::Reset);
        let input = self.ask(network.now, &mut VecDeque::new(), |app, _| app.ended(conn, ended));
        self.run(network, Some(input));
        if self.ends_twice {
            self.run(network, Some(Input::closed(conn, Loss::Close(1006))));
        }
    }
}

impl<M: Debug> Host<M> {
    /// Its state and what it did last, for a failure.
    pub(super) fn summary(&self) -> String {
        let mut summary = format!("{}: {} ({})", self.id, self.session.state(), self.session.cause());
        let last = self.journal.len().saturating_sub(5);
        for (at, action) in &self.journal[last..] {
            summary += &format!("\n  {at} {action:?}");
        }
        summary
    }
}

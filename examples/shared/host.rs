//! A session with its application and its link: what both drivers do alike, whatever they wait on. Written to be
//! copied with either.

use std::collections::VecDeque;

use heartline::{Action, Config, ConnId, Input, Session, Timestamp};
use tungstenite::Message;
use tungstenite::protocol::CloseFrame;

use crate::application::{Application, Command};
use crate::translate::{self, End};

/// What carries a session: at most one dial or connection at a time. None of these wait.
pub trait Link {
    /// Begins a dial.
    fn dial(&mut self, conn: ConnId, url: String);

    /// Drops the dial or connection of this name.
    fn abort(&mut self, conn: ConnId);

    /// Writes a ping or a close frame, however full the socket is: the codec's buffer has room for frames like these.
    fn control(&mut self, conn: ConnId, frame: Message);

    /// Writes a message of the current connection into the codec's buffer, if there is room.
    fn write(&mut self, message: Message) -> Written;
}

/// What a link did with a message.
pub enum Written {
    /// It has the message whole.
    Taken,
    /// It can never take this message.
    Rejected,
    /// It has no room now, or is broken.
    NotNow,
}

pub struct Host<A, L> {
    pub session: Session<Message>,
    pub application: A,
    pub link: L,
    /// The time of this turn. It does not move within the turn: however long the application takes over a message, no
    /// deadline passes before the socket was read again.
    pub now: Timestamp,
    commands: VecDeque<Command>,
}

impl<A: Application, L: Link> Host<A, L> {
    pub fn new(config: Config, seed: u64, application: A, link: L) -> Self {
        let session = Session::new(config, seed);
        Self { session, application, link, now: Timestamp::ORIGIN, commands: VecDeque::new() }
    }

    pub fn is_due(&self) -> bool {
        self.session.deadline().is_some_and(|deadline| deadline <= self.now)
    }

    /// To be called when everything readable was read.
    pub fn timer(&mut self) {
        if self.is_due() {
            self.handle(Input::Timer);
        }
    }

    pub fn handle(&mut self, input: Input<Message>) {
        self.execute(Command::Input(input));
    }

    pub fn execute(&mut self, command: Command) {
        self.commands.push_back(command);
        self.settle();
    }

    /// A frame arrived.
    pub fn receive(&mut self, conn: ConnId, frame: Message) {
        match frame {
            Message::Close(frame) => self.end(conn, translate::close_frame(frame.as_ref())),
            Message::Ping(_) | Message::Frame(_) => self.handle(Input::Alive { conn }),
            Message::Pong(payload) => match payload[..].try_into() {
                Ok(token) => self.handle(Input::Pong { conn, token: Some(u32::from_be_bytes(token)) }),
                Err(_) => self.handle(Input::Alive { conn }), // None of our pings has a payload like this.
            },
            message if self.application.answers_ping(&message) => self.handle(Input::Pong { conn, token: None }),
            message => {
                if self.session.received(self.now, conn) {
                    self.application.on_message(self.now, message, &mut self.commands);
                }
                self.settle();
            }
        }
    }

    /// A connection or a dial ended.
    pub fn end(&mut self, conn: ConnId, end: End) {
        self.link.abort(conn);
        self.handle(end.input(conn));
    }

    /// Writes messages while the link takes them; flushing is the driver's. They are cloned because a codec does not
    /// give back what it does not take.
    pub fn transmit(&mut self) {
        while let Some(transmit) = self.session.transmit(self.now) {
            let id = transmit.id;
            match self.link.write(transmit.message.clone()) {
                Written::Taken => self.session.sent(self.now, id),
                Written::Rejected => self.session.rejected(self.now, id),
                Written::NotNow => return,
            }
        }
    }

    /// Carries out what the session asks for, then what the application asks for in answer, until neither asks for
    /// more. True if the application did: then there may be something new to transmit.
    pub fn settle(&mut self) -> bool {
        let mut commanded = false;
        loop {
            while let Some(action) = self.session.next_action() {
                self.carry_out(action);
            }
            self.application.after_step(self.now, &self.session);
            let Some(command) = self.commands.pop_front() else { return commanded };
            commanded = true;
            match command {
                Command::Send(outgoing) => {
                    let result = self.session.send(self.now, outgoing.clone());
                    self.application.on_send(outgoing, result.map_err(|refused| refused.reason));
                }
                Command::Input(input) => {
                    // A session does not keep a `Deliver`, so the first action is pulled here. The others stay owed.
                    let first = self.session.handle(self.now, input).next();
                    first.into_iter().for_each(|action| self.carry_out(action));
                }
            }
        }
    }

    fn carry_out(&mut self, action: Action<Message>) {
        match action {
            Action::Connect { conn, attempt, renew, .. } => self.link.dial(conn, self.application.url(attempt, renew)),
            Action::Abort { conn, .. } => self.link.abort(conn),
            Action::Ping { conn, token, .. } => self.link.control(conn, self.application.ping(token)),
            Action::Close { conn, code, .. } => {
                let frame = CloseFrame { code: code.get().into(), reason: Default::default() };
                self.link.control(conn, Message::Close(Some(frame)));
            }
            Action::Deliver(message) => self.application.on_message(self.now, message, &mut self.commands),
            other => self.application.on_action(self.now, other, &mut self.commands),
        }
    }
}

//! What arrives, on its way to the application.

use std::sync::Arc;
use std::time::Duration;

use heartline::heartbeat::HeartbeatMode;
use heartline::{ConnId, Input, MessageId, State};
use heartline_tungstenite::codec::{Codec, Item, pong_token};
use heartline_tungstenite::ended::{Close, EndError};
use heartline_tungstenite::{Ended, Response};
use tungstenite::Message;

use super::{Driver, Greet};
use crate::greeting::{Greeting, Next, Step};
use crate::options::WhenFull;

impl<C: Codec> Driver<C> {
    /// The dial succeeded.
    pub(super) fn opened(&mut self, conn: ConnId, response: Response) {
        self.codec.opened(&response);
        let response = Arc::new(response);
        self.view.response = Some(response.clone());
        self.view.changed = true;
        self.handle(Input::Opened { conn });
        if self.session.state() != State::Greeting || self.session.conn() != Some(conn) {
            return;
        }
        let link = Greeting::new(response, self.options.greeting_messages, self.options.greeting_bytes);
        self.greeting = Some(Greet { conn, link, done: false });
        self.greet(conn, Step::Opened, 0);
    }

    /// The greeting's closure takes a step.
    fn greet(&mut self, conn: ConnId, step: Step<C::In>, size: u32) {
        let (Some(hook), Some(greeting)) = (&mut self.greeting_hook, &mut self.greeting) else { return };
        greeting.link.size = size;
        match hook(&mut greeting.link, step) {
            Ok(Next::Wait) => {}
            Ok(Next::Done) => greeting.done = true,
            Err(error) => return self.end(conn, error.ended()),
        }
        self.send_greeting();
    }

    pub(super) fn receive(&mut self, conn: ConnId, frame: Message) {
        match frame {
            Message::Close(frame) => self.end(conn, Ended::by_close(frame.as_ref())),
            Message::Ping(_) | Message::Frame(_) => self.handle(Input::Alive { conn }),
            Message::Pong(payload) => match pong_token(&payload) {
                Some(token) => self.pong(conn, Some(token)),
                None => self.handle(Input::Alive { conn }), // None of our pings has a payload like this.
            },
            message => self.decode(conn, message),
        }
    }

    fn pong(&mut self, conn: ConnId, token: Option<u32>) {
        self.handle(Input::Pong { conn, token });
        self.view.changed = true;
    }

    fn decode(&mut self, conn: ConnId, message: Message) {
        let size = message.len();
        let decoded = self.codec.decode(message, &mut self.items);
        if self.items.is_empty() {
            self.handle(Input::Alive { conn });
        }
        let share = u32::try_from(size / self.items.len().max(1)).unwrap_or(u32::MAX);
        while let Some(item) = self.items.pop() {
            self.take(conn, item, share);
        }
        if let Err(error) = decoded {
            let ended = Ended::from(error);
            if let Some(close) = ended.complaint() {
                self.link.say_goodbye(conn, &close);
            }
            self.end(conn, ended);
        }
    }

    fn take(&mut self, conn: ConnId, item: Item<C::In>, size: u32) {
        match item {
            Item::Message(message) => {
                if self.session.received(self.now, conn) {
                    self.deliver(conn, message, size);
                }
                self.pull();
            }
            Item::Pong(token) => self.pong(conn, token),
            Item::Acked(id) => {
                self.handle(Input::Alive { conn });
                self.handle(Input::Acked { id });
            }
            Item::AckedUpTo(id) => {
                self.handle(Input::Alive { conn });
                self.acked_up_to(id);
            }
            Item::Reply(message) => {
                self.handle(Input::Alive { conn });
                self.link.control(conn, message, true);
            }
            Item::Heartbeat(mode) => self.dictate(conn, mode),
            Item::End(close) => {
                self.items.clear();
                self.link.say_goodbye(conn, &close);
                self.end(conn, Ended::by_application(close));
            }
            _ => self.handle(Input::Alive { conn }),
        }
    }

    fn dictate(&mut self, conn: ConnId, mode: HeartbeatMode) {
        self.handle(Input::Heartbeat { conn, mode });
    }

    fn acked_up_to(&mut self, id: MessageId) {
        let mut last = None;
        while let Some(next) = self.tickets.next_up_to(last, id) {
            self.handle(Input::Acked { id: next });
            last = Some(next);
        }
    }

    /// To the greeting if there is one, else to the application.
    fn deliver(&mut self, conn: ConnId, message: C::In, size: u32) {
        self.stats.received += 1;
        match &mut self.greeting {
            Some(greeting) if greeting.conn == conn && greeting.done => {
                greeting.link.size = size;
                if let Err(error) = greeting.link.pass(message) {
                    self.end(conn, crate::hooks::HookError::retry(error).ended());
                }
            }
            Some(greeting) if greeting.conn == conn => self.greet(conn, Step::Message(message), size),
            _ => self.offer(message, size),
        }
    }

    /// To the application, if there is room.
    fn offer(&mut self, message: C::In, size: u32) {
        if self.inbox.has_room(size) {
            return self.inbox.put(message, size);
        }
        match self.options.when_full {
            // Nothing that comes after the close frame is waited for.
            _ if self.session.state() == State::Closing => self.stats.discarded += 1,
            WhenFull::Close(code) => {
                self.stats.discarded += 1;
                self.end_connection(Close::with_shortened(code, "what was received was not read in time"));
            }
            _ => self.inbox.put(message, size),
        }
    }

    /// Reading goes on if what had no room has room now. Nothing was heard because nobody listened: the peer gets the
    /// whole time to answer.
    pub(super) fn make_room(&mut self) {
        if self.is_stalled() || self.stalled.take().is_none() {
            return;
        }
        self.view.changed = true;
        if let Some(conn) = self.session.conn().filter(|_| self.is_open()) {
            self.handle(Input::Alive { conn });
        }
        let tolerance = self.session.config().heartbeat.late_tolerance + Duration::from_millis(1);
        let due = self.session.deadline().filter(|due| *due <= self.now);
        self.late_from = due.map(|due| due.saturating_add(tolerance));
    }

    pub(super) fn note_stall(&mut self) {
        if self.is_stalled() {
            if self.stalled.is_none() {
                (self.stalled, self.view.changed) = (Some(self.now), true);
                self.stats.stalls += 1;
            }
        } else if self.stalled.take().is_some() {
            self.view.changed = true;
        }
    }

    // ---- ends ------------------------------------------------------------------------------

    /// A connection or a dial ended.
    pub(super) fn end(&mut self, conn: ConnId, ended: Ended) {
        self.end_greeting(conn);
        self.link.abort(conn);
        let input = ended.input(conn);
        self.view.last_ended = Some(Arc::new(ended));
        self.view.changed = true;
        self.handle(input);
    }

    /// The driver ends the connection, and tells the peer as far as that goes out at once.
    pub(super) fn end_connection(&mut self, close: Close) {
        let Some(conn) = self.session.conn() else { return };
        self.link.say_goodbye(conn, &close);
        self.end(conn, Ended::by_application(close));
    }

    /// Nothing was read for `max_stall`. The peer receives the usual code for that; the retry policy meets another,
    /// which it retries.
    pub(super) fn end_stalled(&mut self) {
        let (Some(conn), Some(max_stall)) = (self.session.conn(), self.options.max_stall) else { return };
        let mut ended = Ended::from(EndError::Stalled { max_stall });
        ended.close = ended.complaint();
        if let Some(close) = &ended.close {
            self.link.say_goodbye(conn, close);
        }
        self.end(conn, ended);
    }

    /// What the closure passed on goes to the application: it has arrived.
    pub(super) fn end_greeting(&mut self, conn: ConnId) {
        let Some(mut greeting) = self.greeting.take_if(|greeting| greeting.conn == conn) else { return };
        for (message, size) in greeting.link.passed.drain(..) {
            self.offer(message, size);
        }
    }
}

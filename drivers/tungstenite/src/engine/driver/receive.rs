//! What arrives, on its way to the application.

use std::sync::Arc;
use std::task::Context;

use heartline::heartbeat::HeartbeatMode;
use heartline::{ConnId, Input, MessageId, State};
use tungstenite::Message;

use super::super::host::{Greeting, Host};
use super::super::inbound::{Entry, Taken, push};
use super::{Driver, Greet};
use crate::client::{Event, WhenFull};
use crate::codec::{Codec, Item, pong_token};
use crate::ended::{Close, EndError, Ended};
use crate::request::Response;

impl<C: Codec, H: Host<C>> Driver<C, H> {
    /// The dial succeeded.
    pub(super) fn opened(&mut self, conn: ConnId, response: Response) {
        self.codec.opened(&response);
        let response = Arc::new(response);
        self.view.response = Some(response.clone());
        self.view.changed = true;
        self.handle(Input::Opened { conn });
        let session = self.session.look();
        let greets = session.state() == State::Greeting && session.conn() == Some(conn);
        let Some(dial) = self.dialled.take().filter(|_| greets) else { return };
        match self.host.greet(dial, &response) {
            Ok(greeting) => self.greeting = Some(Greet { conn, greeting, over: false, unsent: None }),
            Err(error) => self.end(conn, error.into()),
        }
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
        self.observer.pong(self.now, self.session.look().rtt());
        self.view.changed = true;
    }

    fn decode(&mut self, conn: ConnId, frame: Message) {
        let size = frame.len();
        match C::whole(frame) {
            Ok(message) => self.message(conn, message, u32::try_from(size).unwrap_or(u32::MAX)),
            Err(frame) => self.decode_items(conn, frame, size),
        }
    }

    fn decode_items(&mut self, conn: ConnId, frame: Message, size: usize) {
        let decoded = self.codec.decode(frame, &mut self.items);
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
            Item::Message(message) => self.message(conn, message, size),
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
        }
    }

    #[inline]
    fn message(&mut self, conn: ConnId, message: C::In, size: u32) {
        if self.session.received(self.now, conn) {
            self.deliver(conn, message, size);
        }
        self.pull();
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
    #[inline]
    fn deliver(&mut self, conn: ConnId, message: C::In, size: u32) {
        self.stats.received += 1;
        match &mut self.greeting {
            Some(greet) if greet.conn == conn => match greet.greeting.put(message, size) {
                Ok(over) => {
                    greet.over |= over.is_ready();
                    self.more = true;
                }
                Err(error) => self.end(conn, error.into()),
            },
            _ => self.offer(message, size),
        }
    }

    /// To the application, if there is room.
    #[inline]
    fn offer(&mut self, message: C::In, size: u32) {
        if self.output.is_handler() {
            self.announce();
            return self.output.call(&mut self.batch, message);
        }
        let fits = self.parked.is_empty() && (self.vacancy.take(size) || self.look_for_room(size));
        if fits {
            self.batch.push_back(Entry::Message(message, size));
            return;
        }
        match self.options.when_full {
            // Nothing that comes after the close frame is waited for.
            _ if self.session.look().state() == State::Closing => self.discarded += 1,
            WhenFull::Close(code) => {
                self.discarded += 1;
                self.end_connection(Close::with_shortened(code, "what was received was not read in time"));
            }
            _ => self.parked.push_back(Entry::Message(message, size)),
        }
    }

    fn look_for_room(&mut self, size: u32) -> bool {
        self.announce();
        self.vacancy = self.output.put(&mut self.batch, None);
        self.vacancy.take(size)
    }

    /// Behind everything that was received before it.
    pub(super) fn offer_event(&mut self, event: Event) {
        let last = if self.parked.is_empty() { &mut self.batch } else { &mut self.parked };
        push(last, Entry::Event(event));
    }

    /// What was received and had no room, if there is room now.
    pub(super) fn make_room(&mut self, cx: &mut Context<'_>) {
        if self.parked.is_empty() {
            return;
        }
        self.announce();
        self.vacancy = self.output.put(&mut self.batch, Some(cx.waker()));
        while let Some(entry) = self.parked.pop_front() {
            if let Entry::Message(_, size) = &entry {
                if !self.vacancy.take(*size) {
                    self.parked.push_front(entry);
                    return;
                }
            }
            push(&mut self.batch, entry);
        }
        self.resume_reading();
    }

    /// Nothing was heard because nothing was read: the peer gets the whole time to answer.
    fn resume_reading(&mut self) {
        let Some(conn) = self.session.look().conn().filter(|_| self.stalled.is_some()) else { return };
        self.stalled = None;
        self.view.changed = true;
        self.handle(Input::Unread { conn });
    }

    /// The batch of this turn, in one go.
    pub(super) fn hand_over(&mut self, cx: &mut Context<'_>) {
        if self.is_stalled() {
            if self.stalled.is_none() {
                (self.stalled, self.view.changed) = (Some(self.now), true);
                self.stats.stalls += 1;
                self.observer.stalled();
                self.more = true; // Room may have come just now.
            }
        } else if self.stalled.take().is_some() {
            self.view.changed = true;
        }
        self.announce();
        if !self.batch.is_empty() || !self.parked.is_empty() {
            let waiting = Some(cx.waker()).filter(|_| !self.parked.is_empty());
            self.vacancy = self.output.put(&mut self.batch, waiting);
        }
    }

    // ---- ends ------------------------------------------------------------------------------

    /// A connection or a dial ended.
    pub(super) fn end(&mut self, conn: ConnId, ended: Ended) {
        self.end_greeting(conn);
        self.link.abort(conn);
        self.observer.ended(&ended);
        let input = ended.input(conn);
        self.view.last_ended = Some(Arc::new(ended));
        self.view.changed = true;
        self.handle(input);
    }

    /// The driver ends the connection, and says so to the peer as far as that goes out at once.
    pub(super) fn end_connection(&mut self, close: Close) {
        let Some(conn) = self.session.look().conn() else { return };
        self.link.say_goodbye(conn, &close);
        self.end(conn, Ended::by_application(close));
    }

    /// Nothing was read for `max_stall`. The peer receives the usual code for that; the retry policy meets another,
    /// which it retries.
    pub(super) fn end_stalled(&mut self) {
        let (Some(conn), Some(max_stall)) = (self.session.look().conn(), self.options.max_stall) else { return };
        let mut ended = Ended::from(EndError::Stalled { max_stall });
        ended.close = ended.complaint();
        if let Some(close) = &ended.close {
            self.link.say_goodbye(conn, close);
        }
        self.end(conn, ended);
    }

    /// What the hook did not take goes to the application: it has arrived. Greetings read although nobody takes what was
    /// received before them, so what they leave behind that is bounded over all connections.
    pub(super) fn end_greeting(&mut self, conn: ConnId) {
        let Some(mut greeting) = self.greeting.take_if(|greeting| greeting.conn == conn) else { return };
        let mut parked = Taken::default();
        self.parked.iter().for_each(|entry| parked.add_entry(entry));
        let limit = (self.options.greeting_messages, self.options.greeting_bytes);
        let bounded = parked.messages > 0;
        for (message, size) in greeting.greeting.close() {
            parked.add(size);
            if bounded && (parked.messages > limit.0 || parked.bytes > limit.1) {
                self.discarded += 1;
                continue;
            }
            self.offer(message, size);
        }
    }
}

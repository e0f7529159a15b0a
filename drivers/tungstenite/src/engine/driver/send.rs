//! What the handles ask for, and what goes out.

use std::task::Waker;
use std::time::Duration;

use heartline::message::{Delivery, Reason, Refusal, Refused};
use heartline::{CloseCode, Input, Outcome, Outgoing, State};

use super::super::host::{Greeting, Host};
use super::super::shared::{Command, Room, Submission, lane};
use super::Driver;
use super::tickets::Ticket;
use crate::client::HookError;
use crate::codec::{Codec, Transmission};
use crate::ended::Close;

/// So often in one turn the buffer is filled and flushed.
const ROUNDS: usize = 16;

impl<C: Codec, H: Host<C>> Driver<C, H> {
    pub(super) fn execute_commands(&mut self) {
        let mut commands = std::mem::take(&mut self.commands);
        self.shared.take_commands(&mut commands);
        self.commands = commands;
        // One by one: if one panics, the others are still there.
        while let Some(command) = self.commands.pop_front() {
            self.execute(command);
        }
    }

    fn execute(&mut self, command: Command<C::Out>) {
        match command {
            Command::Send(submission) => self.submit(submission),
            Command::Cancel(slot) => {
                let named = self.settlement.named.iter().find(|(named, _)| *named == slot).map(|(_, id)| *id);
                let known = self.shared.slots(|slots| slots.take_cancel(slot));
                if let Some(id) = named.or(known) {
                    self.handle(Input::Cancel { id });
                }
            }
            Command::Acked(id) => self.handle(Input::Acked { id }),
            Command::Reconnect if self.close_by.is_some() => {}
            Command::Reconnect => {
                (self.paused, self.begun, self.view.changed) = (false, true, true);
                self.replace_connection();
                self.tell_of_network();
            }
            news @ (Command::NetworkChanged | Command::NetworkLost) if self.paused => self.network_news = Some(news),
            Command::NetworkChanged => self.handle(Input::NetworkChanged),
            Command::NetworkLost => self.handle(Input::NetworkLost),
            Command::Pause => {
                self.paused = self.close_by.is_none();
                self.view.changed = true;
            }
            Command::Resume => self.resume(),
            Command::Close { code, reason, within } => self.close(code, &reason, within),
            Command::WindUp => self.close(CloseCode::NORMAL, "", self.options.drain_timeout),
        }
    }

    fn submit(&mut self, submission: Submission<C::Out>) {
        let Submission { outgoing, size, slot, called } = submission;
        let (delivery, lane) = (outgoing.delivery, lane(outgoing.delivery));
        let room = Room::one(size);
        let passed = called.map_or(Duration::ZERO, |called| self.now.saturating_since(called));
        let time_to_live = outgoing.expires_in.map(|time_to_live| time_to_live.saturating_sub(passed));
        let outgoing = envelope(outgoing.message, delivery, size, time_to_live);
        match self.session.send(self.now, outgoing) {
            Ok(id) => {
                self.settlement.named.extend(slot.map(|slot| (slot, id)));
                // Where the oldest make room, only the way to the session is bounded here.
                let early = self.shared.evicts() && lane == 0;
                let room = if early { Room::default() } else { room };
                if early {
                    self.settlement.release(lane, Room::one(size));
                }
                self.tickets.insert(id, delivery == Delivery::AtLeastOnce, Ticket { slot, lane, room });
            }
            Err(refused) => {
                self.settlement.release(lane, room);
                self.settlement.outcomes.extend(slot.map(|slot| (slot, returned(refused))));
            }
        }
    }

    fn resume(&mut self) {
        if !std::mem::take(&mut self.paused) {
            return;
        }
        self.view.changed = true;
        if self.session.look().state() == State::Waiting || !self.begun {
            self.begin();
        }
        self.tell_of_network();
    }

    /// After a pause, what became of the network meanwhile.
    fn tell_of_network(&mut self) {
        if let Some(news) = self.network_news.take() {
            self.execute(news);
        }
    }

    /// The first dial, or the next one at once.
    pub(super) fn begin(&mut self) {
        self.begun = true;
        self.handle(Input::Connect);
    }

    /// A client that is closed before it ever dialled still sends what it has accepted.
    fn begin_for_the_rest(&mut self) {
        if !self.begun && self.session.look().queued() > 0 {
            self.begin();
        }
    }

    fn close(&mut self, code: CloseCode, reason: &str, within: Duration) {
        let by = self.now.saturating_add(within);
        self.close_by = Some(self.close_by.map_or(by, |earlier| earlier.min(by)));
        self.close.get_or_insert_with(|| Close::with_shortened(code, reason));
        self.paused = false;
        self.view.changed = true;
        self.shared.refuse();
        self.begin_for_the_rest();
        self.handle(Input::Close { code, within });
        self.tell_of_network();
    }
}

impl<C: Codec, H: Host<C>> Driver<C, H> {
    /// Messages, as far as the socket takes them. The order is write, `sent`, flush; and nothing is written behind what
    /// is not flushed, for if the connection then failed, it would be unknown how much of it is out.
    pub(super) fn write(&mut self, waker: &Waker) {
        let _entered = self.observer.enter();
        for round in 0.. {
            self.send_greeting(waker);
            if !self.link.flush() || !self.fill() {
                break;
            }
            self.more |= round == ROUNDS;
            if self.more {
                break;
            }
        }
        self.link.flush();
        if let Some(conn) = self.link.take_progress() {
            self.handle(Input::Alive { conn });
        }
    }

    /// Writes what there is room for before the next flush. False if that is nothing.
    fn fill(&mut self) -> bool {
        let mut written = false;
        while self.link.has_room() {
            let Some(transmit) = self.session.transmit(self.now) else { break };
            let id = transmit.id;
            let encoded = self.codec.encode(transmit.message, Transmission::from(&transmit));
            match encoded.ok().filter(|frame| self.options.limits.allow(frame).is_ok()) {
                Some(frame) => {
                    self.link.write(frame);
                    self.session.sent(self.now, id);
                }
                None => self.session.rejected(self.now, id),
            }
            written = true;
        }
        // A message may have expired, and have been the last one of a drain.
        self.pull();
        written
    }

    /// What a greeting sends, and its end when its hook is done and everything it sent is on its way.
    pub(super) fn send_greeting(&mut self, waker: &Waker) {
        let Some(greeting) = &mut self.greeting else { return };
        let conn = greeting.conn;
        while let Some(message) = greeting.unsent.take().or_else(|| greeting.greeting.pop(waker)) {
            let size = match C::size(&message) {
                Ok(size) => size,
                Err(error) => return self.end(conn, HookError::stop(error).into()),
            };
            match self.session.send(self.now, Outgoing::this_connection(message, size)) {
                Ok(_) => {}
                Err(Refused { reason: Refusal::Full, outgoing, .. }) => {
                    greeting.unsent = Some(outgoing.into_message());
                    return;
                }
                Err(_) => return,
            }
        }
        if greeting.over {
            self.end_greeting(conn);
            self.handle(Input::Ready { conn });
        }
    }
}

fn envelope<M>(message: M, delivery: Delivery, size: u32, time_to_live: Option<Duration>) -> Outgoing<M> {
    let size = size as usize;
    let outgoing = match delivery {
        Delivery::ThisConnection => Outgoing::this_connection(message, size),
        Delivery::AtMostOnce => Outgoing::at_most_once(message, size),
        Delivery::AtLeastOnce => Outgoing::at_least_once(message, size),
    };
    match time_to_live {
        Some(time_to_live) => outgoing.expires_in(time_to_live),
        None => outgoing,
    }
}

/// The outcome of a message that was accepted at the door, but not by the session.
fn returned<M>(refused: Refused<M>) -> Outcome<M> {
    let reason = match refused.reason {
        Refusal::NotConnected => Reason::ConnectionEnded,
        Refusal::Full | Refusal::TooLarge => Reason::Evicted,
        _ => Reason::Abandoned,
    };
    Outcome::Returned(reason, refused.outgoing.into_message())
}

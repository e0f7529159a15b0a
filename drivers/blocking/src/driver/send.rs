//! What the handles ask for, and what goes out.

use heartline::message::{Delivery, Reason, Refusal, Refused};
use heartline::{CloseCode, Input, Outcome, Outgoing, State};
use heartline_tungstenite::codec::{Codec, Transmission};
use heartline_tungstenite::ended::Close;

use super::Driver;
use super::tickets::Ticket;
use crate::shared::{Command, Room, Submission, lane};

/// So often in one turn the buffer is filled and flushed.
const ROUNDS: usize = 16;

impl<C: Codec> Driver<C> {
    /// True if somebody wants the poll to return.
    pub(super) fn execute_commands(&mut self) -> bool {
        let mut commands = std::mem::take(&mut self.commands);
        let woken = self.shared.take_commands(&mut commands);
        for command in commands.drain(..) {
            self.execute(command);
        }
        self.commands = commands;
        woken
    }

    fn execute(&mut self, command: Command<C::Out>) {
        match command {
            Command::Send(submission) => self.submit(submission),
            Command::Cancel(slot) => {
                let named = self.settlement.named.iter().find(|(named, _)| *named == slot).map(|(_, id)| *id);
                if let Some(id) = named.or_else(|| self.shared.slots(|slots| slots.id(slot))) {
                    self.handle(Input::Cancel { id });
                }
            }
            Command::Acked(id) => self.handle(Input::Acked { id }),
            Command::Reconnect if self.close_by.is_some() => {}
            Command::Reconnect => {
                (self.paused, self.view.changed) = (false, true);
                self.replace_connection();
            }
            Command::NetworkChanged if self.paused => {}
            Command::NetworkChanged => self.handle(Input::NetworkChanged),
            Command::Pause => {
                self.paused = self.close_by.is_none();
                self.view.changed = true;
            }
            Command::Resume => self.resume(),
            Command::Close { code, reason, within } => self.close(code, &reason, within),
        }
    }

    fn submit(&mut self, submission: Submission<C::Out>) {
        let Submission { outgoing, size, slot, called } = submission;
        let (delivery, lane) = (outgoing.delivery, lane(outgoing.delivery));
        let room = Room::one(size);
        let passed = self.now.saturating_since(called);
        let time_to_live = outgoing.expires_in.map(|time_to_live| time_to_live.saturating_sub(passed));
        let outgoing = envelope(outgoing.message, delivery, size, time_to_live);
        match self.session.send(self.now, outgoing) {
            Ok(id) => {
                self.settlement.named.extend(slot.map(|slot| (slot, id)));
                // Where the oldest make room, only the way to the session is bounded here.
                let early = self.evicts && lane == 0;
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
        if self.session.state() == State::Waiting {
            self.handle(Input::Connect);
        }
    }

    fn close(&mut self, code: CloseCode, reason: &str, within: std::time::Duration) {
        let by = self.now.saturating_add(within);
        self.close_by = Some(self.close_by.map_or(by, |earlier| earlier.min(by)));
        self.close.get_or_insert_with(|| Close::with_shortened(code, reason));
        self.paused = false;
        self.view.changed = true;
        self.handle(Input::Close { code, within });
    }
}

impl<C: Codec> Driver<C> {
    /// Messages, as far as the socket takes them. The order is write, `sent`, flush; and nothing is written behind what
    /// is not flushed, for if the connection then failed, nobody could tell how much of it is out.
    pub(super) fn write(&mut self) {
        for round in 0.. {
            self.send_greeting();
            if !self.link.flush() || !self.fill() {
                break;
            }
            if round == ROUNDS {
                self.more = true;
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

    /// What a greeting sends, and its end when its closure is done and everything it sent is on its way.
    pub(super) fn send_greeting(&mut self) {
        let Some(greeting) = &mut self.greeting else { return };
        let conn = greeting.conn;
        while let Some(message) = greeting.link.unsent.pop_front() {
            let size = match C::size(&message) {
                Ok(size) => size,
                Err(error) => return self.end(conn, crate::hooks::HookError::stop(error).ended()),
            };
            match self.session.send(self.now, Outgoing::this_connection(message, size)) {
                Ok(_) => {}
                Err(Refused { reason: Refusal::Full, outgoing, .. }) => {
                    greeting.link.unsent.push_front(outgoing.into_message());
                    return;
                }
                Err(_) => return,
            }
        }
        if greeting.done {
            self.end_greeting(conn);
            self.handle(Input::Ready { conn });
        }
    }
}

fn envelope<M>(message: M, delivery: Delivery, size: u32, time_to_live: Option<std::time::Duration>) -> Outgoing<M> {
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

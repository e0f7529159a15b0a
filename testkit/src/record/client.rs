//! A recorder in place of a client's session.

use std::io::Write;

use heartline::message::Refused;
use heartline::{Action, ConnId, Input, MessageId, Outgoing, Session, Timestamp, Transmit};
use heartline_tungstenite::client::Recording;
use serde::Serialize;

use super::Recorder;

impl<M, P: Serialize, W: Write> Recording<M> for Recorder<M, P, W> {
    fn session(&self) -> &Session<M> {
        self
    }

    fn handle(&mut self, now: Timestamp, input: Input<M>) {
        drop(self.handle(now, input));
    }

    fn received(&mut self, now: Timestamp, conn: ConnId) -> bool {
        self.received(now, conn)
    }

    fn next_action(&mut self) -> Option<Action<M>> {
        self.next_action()
    }

    fn send(&mut self, now: Timestamp, outgoing: Outgoing<M>) -> Result<MessageId, Refused<M>> {
        self.send(now, outgoing)
    }

    fn transmit(&mut self, now: Timestamp) -> Option<Transmit<'_, M>> {
        self.transmit(now)
    }

    fn sent(&mut self, now: Timestamp, id: MessageId) {
        self.sent(now, id);
    }

    fn rejected(&mut self, now: Timestamp, id: MessageId) {
        self.rejected(now, id);
    }
}

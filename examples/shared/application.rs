//! The interface between an application and a driver. Both drivers use it as it is.

use std::collections::VecDeque;

use heartline::message::Refusal;
use heartline::{Action, Input, MessageId, Outgoing, Session, Timestamp};
use tungstenite::Message;

/// The application's side. A driver calls it on its own thread or task, one call at a time.
///
/// Whatever it adds to `commands` is executed before anything queued is transmitted and before the next frame is
/// read: a login pushed at `Opened` is the first message, an acknowledgement counts before the close frame behind it.
pub trait Application: Send + 'static {
    /// The URL for the next dial. Asked for every dial, so that a token in it is fresh. With `renew` the server
    /// refused the credentials: get new ones.
    fn url(&mut self, attempt: u32, renew: bool) -> String;

    /// What a ping is: a protocol ping that carries the token, or the text that this server answers.
    fn ping(&mut self, token: u32) -> Message {
        Message::Ping(token.to_be_bytes().to_vec().into())
    }

    /// Whether a data message answers such a text; then it is not delivered. Protocol pongs are the driver's.
    fn answers_ping(&mut self, _message: &Message) -> bool {
        false
    }

    /// A data message arrived.
    fn on_message(&mut self, now: Timestamp, message: Message, commands: &mut VecDeque<Command>);

    /// An event, an outcome or a scheduled dial.
    fn on_action(&mut self, now: Timestamp, action: Action<Message>, commands: &mut VecDeque<Command>);

    /// What became of a `Command::Send`: one call for each, at once. (The driver hands in a clone; the payload of a
    /// `Message` is reference-counted.)
    fn on_send(&mut self, outgoing: Outgoing<Message>, result: Result<MessageId, Refusal>);

    /// After every step, for a status line.
    fn after_step(&mut self, _now: Timestamp, _session: &Session<Message>) {}
}

/// What an application asks of its driver.
#[derive(Debug)]
pub enum Command {
    Input(Input<Message>),
    Send(Outgoing<Message>),
}

/// A running driver, seen from outside: all that the tour, the interactive client and the tests know of either.
pub trait RunningDriver: Send + Sync {
    /// Does nothing once the session is closed.
    fn command(&self, command: Command);

    /// Waits until the session is closed and everything was reported.
    fn join(self: Box<Self>);
}

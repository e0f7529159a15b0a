//! What an application and a driver have to say to each other. Both drivers use it as it stands.

use heartline::{Action, Input, Instant, MessageId, Outgoing, Refusal, Session};
use tungstenite::Message;

/// The application's side. A driver calls it on its own thread or task, never from two at once.
pub trait App: Send + 'static {
    /// The URL for the next dial. Asked anew for every dial, so that a token in it is fresh.
    fn url(&mut self, attempt: u32) -> String;

    /// What a ping is: a protocol ping, or the text that this server answers.
    fn ping(&mut self) -> Message {
        Message::Ping(Default::default())
    }

    /// Whether a frame answers a ping. It is then told to the session as `Pong` and never delivered.
    /// Every other frame but a close is a `Message`: a ping of the server's is a sign of life as well.
    fn is_pong(&mut self, frame: &Message) -> bool {
        matches!(frame, Message::Pong(_))
    }

    /// A message, an event, an outcome or a scheduled dial. The answers are taken before anything
    /// queued is transmitted: a login or a subscription pushed at `Opened` overtakes all else.
    fn tell(&mut self, now: Instant, action: Action<Message>, answers: &mut Vec<Say>);

    /// What became of a `Say::Send`, the application's own answers included: one call for each, at once.
    /// (A driver hands in a clone: the payload of a `Message` is reference-counted.)
    fn sent(&mut self, outgoing: Outgoing<Message>, result: Result<MessageId, Refusal>);

    /// After every step, for a status line. It also tells the name of the current connection, which is
    /// known before anything is told about it.
    fn watch(&mut self, _now: Instant, _session: &Session<Message>) {}
}

/// What an application says to its driver.
#[derive(Debug)]
pub enum Say {
    Input(Input<Message>),
    Send(Outgoing<Message>),
}

/// A driver at work, from outside: what the tour, the interactive client and the tests see of either.
pub trait Running: Send + Sync {
    /// Says something to the session; nothing, once it is closed.
    fn say(&self, say: Say);

    /// Waits until the session is closed and everything was told.
    fn join(self: Box<Self>);
}

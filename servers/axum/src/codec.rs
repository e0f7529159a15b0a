//! From frames to what clients mean, and from messages to frames.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::Duration;

use heartline::hub::LoginRefusal;
use heartline_tungstenite::codec::CodecError;
use tungstenite::Message;

use crate::access::Deny;

/// What clients and server say to each other, as frames. A *frame* is a [`tungstenite::Message`] here: whole, text or
/// binary. Pings, pongs and close frames of WebSocket itself never come here.
///
/// One value serves all connections. No call may block. One that panics ends the connection for which it was made with
/// 1011, and no other; a panic in [`encode`](Self::encode) is the sender's.
pub trait Codec: Send + Sync + Sized + 'static {
    /// What names a user. Where a user may have several devices, a pair of user and device.
    type User: Ord + Hash + Clone + Debug + Send + Sync + 'static;
    /// What a client says with its first message where it logs in by one. [`Never`] where it logs in by its request.
    type Login: Send + 'static;
    /// What [`on_message`](crate::Builder::on_message) gets.
    type In: Send + 'static;
    /// What is sent.
    type Out: ?Sized;

    /// What a frame means.
    ///
    /// # Errors
    /// The frame is not understood: the connection is closed with the error's code and reason.
    fn decode(&self, frame: Message) -> Result<Received<Self>, CodecError>;

    /// The frame for a message: text or binary. Called once for each message, however many receive it.
    fn encode(&self, message: &Self::Out) -> Message;

    /// The frame by which a connection learns of something, or `None` if it is not to. By default it learns of nothing;
    /// a protocol whose clients ping by messages has to answer [`Notice::Pong`].
    fn notice(&self, notice: Notice<'_, Self::User>) -> Option<Message> {
        _ = notice;
        None
    }
}

/// What a frame means.
pub enum Received<C: Codec> {
    /// The client's own heartbeat, to be answered by [`Notice::Pong`].
    Ping,
    /// The answer to a ping, or anything else that is a sign of life and no more.
    Pong,
    /// Credentials, for [`on_login`](crate::Builder::on_login).
    Login(C::Login),
    /// A message of the application's, for [`on_message`](crate::Builder::on_message).
    Message(C::In),
    /// An event that the server does not know, answered by [`Notice::UnknownMessage`] at most once in
    /// [`reply_gap`](heartline::hub::Settings::reply_gap).
    UnknownMessage,
}

/// No value: the login of a [`Codec`] whose clients log in by their requests.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Never {}

/// What the server tells a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Notice<'a, U> {
    /// The answer to the client's own heartbeat.
    Pong,
    /// The connection is logged in.
    LoggedIn {
        /// As this user.
        user: &'a U,
    },
    /// The login was refused by the hub.
    LoginRefused {
        /// What prevents it.
        reason: LoginRefusal,
        /// After how long another attempt may succeed.
        retry_after: Option<Duration>,
    },
    /// The login was denied by [`on_login`](crate::Builder::on_login).
    LoginDenied(&'a Deny),
    /// The login expires: the client is to log in again before that.
    Expiring {
        /// For how long it is still good.
        expires_in: Duration,
    },
    /// The connection was left out of broadcasts that are not volatile, because too much waited to be written.
    Missed {
        /// Of how many messages.
        messages: u64,
    },
    /// The server does not know the event.
    UnknownMessage,
    /// Who is online, for a connection that has begun to watch it.
    PresenceState {
        /// The number of this state. The next [`PresenceDiff`](Self::PresenceDiff) has the next one.
        number: u64,
        /// The first users in order, as many as [`Builder::presence`](crate::Builder::presence) says. Who has lost the connection is among
        /// them until the `offline_grace` is over.
        users: &'a [U],
        /// How many there are.
        count: usize,
    },
    /// Who came and who went since the state before.
    PresenceDiff {
        /// The number of the state that this leads to.
        number: u64,
        /// Who is online now, and was not.
        came: &'a [U],
        /// Who was online, and is not.
        went: &'a [U],
        /// How many there are in the state that this leads to.
        count: usize,
    },
}

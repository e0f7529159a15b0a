//! What clients and server say: texts of JSON, told apart by the field `event`.

use std::time::Duration;

use heartline_axum::tungstenite::{Message, Utf8Bytes};
use heartline_axum::{Codec, CodecError, Name, Notice, Received};
use serde::{Deserialize, Serialize};

/// The answer to an event that the server does not know.
const CANNOT_HANDLE: Utf8Bytes =
    Utf8Bytes::from_static(r#"{"fromuserId":"system","event":"heart","msg":"event cannot be handled"}"#);

/// Events as frames.
pub struct Chat;

/// What a client sends. Fields that are not here are ignored: a client may call itself what it likes.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum ClientEvent {
    Heart,
    Login {
        token: String,
    },
    #[serde(untagged)]
    Request(Request),
}

/// What takes a login.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Request {
    /// A message to a user. With an `id` the sender learns that it was handed over; in any case that it was not. A
    /// volatile one is dropped where the recipient is slow.
    Send {
        /// The user.
        to: String,
        /// What to say.
        text: String,
        /// The sender's own number of the message.
        id: Option<u64>,
        /// Whether it may be dropped.
        #[serde(default)]
        volatile: bool,
    },
    /// A message to all others, or to those in a room.
    Say {
        /// What to say.
        text: String,
        /// The room.
        room: Option<String>,
        /// The sender's own number of the message.
        id: Option<u64>,
        /// Whether it may be dropped for those who are slow.
        #[serde(default)]
        volatile: bool,
    },
    /// Into a room.
    Join {
        /// The room.
        room: String,
    },
    /// Out of a room.
    Leave {
        /// The room.
        room: String,
    },
    /// Who is online.
    Who {
        /// Whether to report changes from now on.
        #[serde(default)]
        watch: bool,
    },
    /// A signal to a user.
    OpenScreen {
        /// The user.
        to_user: String,
    },
    /// A signal to a user.
    StopScreen {
        /// The user.
        to_user: String,
    },
}

/// What the server sends.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[allow(missing_docs)] // Its fields are the protocol's.
pub enum Event {
    /// The client is logged in.
    Open { msg: &'static str, user: String },
    /// It is not, or may not do this.
    Refused {
        msg: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
    /// The answer to its heartbeat.
    Heart,
    /// Somebody wrote: to it alone, to everybody, or to a room.
    Text {
        from: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<String>,
        text: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
    },
    /// Its message was handed over to so many, and so many were left out.
    Sent {
        id: u64,
        reached: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        missed: Option<u32>,
    },
    /// Nobody of that name is there.
    Offline(SendError),
    /// Too much waits for that user.
    Full(SendError),
    /// The message was volatile, and that user is slow.
    Dropped(SendError),
    /// It is in a room, with so many in all.
    Joined { room: String, members: u32 },
    /// It is in the room no more.
    Left { room: String },
    /// Who is online: the first 200 names, and how many there are. The number is that of the changes to come.
    Online {
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        count: usize,
        users: Vec<String>,
    },
    /// Who came and who went.
    Presence { seq: u64, count: usize, joined: Vec<String>, left: Vec<String> },
    /// It was left out of so many messages to many, because it reads too slowly.
    Missed { messages: u64 },
    /// Its login ends: a new token is due.
    Expiring { in_ms: u64 },
    /// A signal from a user.
    OpenScreen { from_user: String },
    /// A signal from a user.
    StopScreen { from_user: String },
}

/// Which message did not arrive.
#[derive(Serialize)]
pub struct SendError {
    /// For whom it was, as the sender wrote it.
    pub to_user: String,
    /// The sender's own number of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
}

impl Event {
    /// A refusal, with a reason.
    pub(crate) fn refused(msg: impl ToString) -> Self {
        Self::Refused { msg: msg.to_string(), retry_after_ms: None }
    }

    fn refused_for_now(msg: impl ToString, retry_after: Option<Duration>) -> Self {
        Self::Refused { msg: msg.to_string(), retry_after_ms: retry_after.map(milliseconds) }
    }
}

pub(crate) fn listed(users: &[Name]) -> Vec<String> {
    users.iter().map(Name::to_string).collect()
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Codec for Chat {
    type User = Name;
    type Login = String;
    type In = Request;
    type Out = Event;

    fn decode(&self, frame: Message) -> Result<Received<Self>, CodecError> {
        let Message::Text(text) = frame else { return Err(CodecError::unsupported("only text is understood here")) };
        Ok(match serde_json::from_str(&text) {
            Ok(ClientEvent::Heart) => Received::Ping,
            Ok(ClientEvent::Login { token }) => Received::Login(token),
            Ok(ClientEvent::Request(request)) => Received::Message(request),
            Err(_) => Received::UnknownMessage,
        })
    }

    fn encode(&self, event: &Event) -> Message {
        Message::text(serde_json::to_string(event).unwrap_or_default())
    }

    fn notice(&self, notice: Notice<'_, Name>) -> Option<Message> {
        let event = match notice {
            Notice::Pong => Event::Heart,
            Notice::LoggedIn { user } => Event::Open { msg: "ok", user: user.to_string() },
            Notice::LoginRefused { reason, retry_after } => Event::refused_for_now(reason, retry_after),
            Notice::LoginDenied(deny) => Event::refused_for_now(deny, deny.retry_after),
            Notice::Expiring { expires_in } => Event::Expiring { in_ms: milliseconds(expires_in) },
            Notice::Missed { messages } => Event::Missed { messages },
            Notice::UnknownMessage => return Some(Message::Text(CANNOT_HANDLE)),
            Notice::PresenceState { number, users, count } => {
                Event::Online { seq: Some(number), count, users: listed(users) }
            }
            Notice::PresenceDiff { number, came, went, count } => {
                Event::Presence { seq: number, count, joined: listed(came), left: listed(went) }
            }
            _ => return None,
        };
        Some(self.encode(&event))
    }
}

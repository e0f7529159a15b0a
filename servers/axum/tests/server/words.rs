//! What clients and server say in the tests: words, as text or as bytes.

use heartline_axum::{Codec, CodecError, Notice, Received};
use tungstenite::Message;

pub struct Words;

/// What a client says.
#[derive(Debug)]
pub enum Say {
    To(String, String),
    All(String),
    Room(String, String),
    Join(String),
    Watch,
    Close(u16, String),
    Panic,
    Fail,
    Forever,
    Echo(String),
}

impl Codec for Words {
    type User = String;
    type Login = String;
    type In = Say;
    type Out = String;

    fn decode(&self, frame: Message) -> Result<Received<Self>, CodecError> {
        let text = frame.to_text().map_err(|_| CodecError::invalid("no words"))?.to_owned();
        let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let (name, said) = rest.split_once('|').unwrap_or((rest, ""));
        let (name, said) = (name.to_owned(), said.to_owned());
        Ok(match word {
            "ping" => Received::Ping,
            "login" => Received::Login(name),
            "to" => Received::Message(Say::To(name, said)),
            "all" => Received::Message(Say::All(name)),
            "room" => Received::Message(Say::Room(name, said)),
            "join" => Received::Message(Say::Join(name)),
            "watch" => Received::Message(Say::Watch),
            "close" => Received::Message(Say::Close(name.parse().unwrap_or(1000), said)),
            "panic" => Received::Message(Say::Panic),
            "fail" => Received::Message(Say::Fail),
            "forever" => Received::Message(Say::Forever),
            "echo" => Received::Message(Say::Echo(rest.to_owned())),
            "gibberish" => return Err(CodecError::invalid("gibberish")),
            "explode" => panic!("as the test wants it"),
            _ => Received::UnknownMessage,
        })
    }

    /// What begins with `0x` goes out as binary.
    fn encode(&self, text: &String) -> Message {
        match text.strip_prefix("0x") {
            Some(bytes) => Message::binary(bytes.as_bytes().to_vec()),
            None => Message::text(text),
        }
    }

    fn notice(&self, notice: Notice<'_, String>) -> Option<Message> {
        let text = match notice {
            Notice::Pong => "pong".into(),
            Notice::LoggedIn { user } => format!("hello {user}"),
            Notice::LoginRefused { reason, .. } => format!("refused: {reason}"),
            Notice::LoginDenied(deny) => format!("denied: {deny}"),
            Notice::Expiring { expires_in } => format!("expires in {} s", expires_in.as_secs()),
            Notice::Missed { messages } => format!("missed {messages}"),
            Notice::UnknownMessage => "what?".into(),
            Notice::PresenceState { number, users, count } => format!("online {number} {} of {count}", users.len()),
            Notice::PresenceDiff { number, came, went, count } => {
                format!("changed {number} +{} -{} = {count}", came.len(), went.len())
            }
            _ => return None,
        };
        Some(Message::text(text))
    }
}

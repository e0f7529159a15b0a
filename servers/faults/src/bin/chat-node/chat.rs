//! What the nodes are for. Lines: a client sends
//!
//! - `say bob 17` or `wave bob 17`: bob gets `from ann 17`, on whichever node he is, and she `sent 17 routed`, or what else became of it. Who
//!   waves does not mind if it is dropped;
//! - `join lobby`, and `room lobby 18`: everybody else in it gets `room ann 18`.
//!
//! and is told who is online: `online ann bob`, then `change +carol -bob`.

use std::fmt::Write as _;

use heartline::hub::Settings;
use heartline_axum::tungstenite::Message;
use heartline_axum::{
    Access, Builder, Codec, CodecError, Cx, Deny, Handshake, Never, Notice, Received, SendError, Server,
};

pub struct Chat;

pub enum Request {
    Say { to: String, text: String, volatile: bool },
    Join { room: String },
    Room { room: String, text: String },
}

impl Codec for Chat {
    type User = String;
    type Login = Never;
    type In = Request;
    type Out = String;

    fn decode(&self, frame: Message) -> Result<Received<Self>, CodecError> {
        let Message::Text(line) = frame else { return Err(CodecError::unsupported("only text is taken here")) };
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Ok(match words[..] {
            [say @ ("say" | "wave"), to, text] => {
                Received::Message(Request::Say { to: to.into(), text: text.into(), volatile: say == "wave" })
            }
            ["join", room] => Received::Message(Request::Join { room: room.into() }),
            ["room", room, text] => Received::Message(Request::Room { room: room.into(), text: text.into() }),
            _ => Received::UnknownMessage,
        })
    }

    fn encode(&self, line: &String) -> Message {
        Message::text(line)
    }

    fn notice(&self, notice: Notice<'_, String>) -> Option<Message> {
        match notice {
            Notice::PresenceState { users, .. } => Some(Message::text(format!("online {}", users.join(" ")))),
            Notice::PresenceDiff { came, went, .. } => {
                let mut line = "change".to_owned();
                came.iter().for_each(|user| _ = write!(line, " +{user}"));
                went.iter().for_each(|user| _ = write!(line, " -{user}"));
                Some(Message::text(line))
            }
            _ => None,
        }
    }
}

/// The same whether it is one of several nodes or alone. Names are taken at their word; an application checks a token.
pub fn builder() -> Builder<Chat> {
    Server::builder(Chat, Settings::default())
        .authenticate(|request: Handshake| async move {
            request.bearer().map(|name| Access::user(name.to_owned())).ok_or(Deny::unauthorized("a name is needed"))
        })
        .on_user(|cx| async move {
            cx.watch_presence();
            Ok(())
        })
        .on_message(|cx, request| async move {
            let from = cx.user().cloned().unwrap_or_default();
            match request {
                Request::Say { to, text, volatile } => {
                    let outcome = relay(&cx, &to, &format!("from {from} {text}"), volatile).await;
                    cx.reply(&format!("sent {text} {outcome}"))?;
                }
                Request::Join { room } => _ = cx.join(room.as_str())?,
                Request::Room { room, text } => _ = cx.broadcast(room.as_str(), &format!("room {from} {text}"))?,
            }
            Ok(())
        })
}

async fn relay(cx: &Cx<Chat>, to: &String, line: &String, volatile: bool) -> &'static str {
    let sent = if volatile { cx.relay_volatile(to, line).await } else { cx.relay(to, line).await };
    match sent {
        Ok(()) => "routed",
        Err(SendError::Offline) => "offline",
        Err(SendError::Unknown) => "unknown",
        Err(SendError::Full) => "full",
        Err(SendError::Dropped) => "dropped",
        Err(_) => "refused",
    }
}

//! socket.io 4 (protocol 5) in engine.io 4 packets, over WebSocket alone: no upgrade from polling, no binary attachments.
//!
//! - The server's handshake says how often it pings and for how long it waits; that becomes the heartbeat of the connection.
//! - An [`acknowledged`] event is sent at least once, with the id of its message as acknowledgement id: the server's handler has
//!   to call its callback, and meets an event twice if a connection ends between the two. What the callback is called with is
//!   not looked at. An [`event`] is sent at most once.
//! - Events for which the server wants an acknowledgement get an empty one as soon as they are decoded.

use std::time::Duration;

use heartline_tokio::codec::{Item, Items, Transmission};
use heartline_tokio::{
    Close, CloseCode, Codec, CodecError, Greeting, HeartbeatMode, HookError, Message, MessageId, Outgoing,
};
use serde::Deserialize;
use serde_json::Value;

/// Where a socket.io server listens, for its address such as `ws://127.0.0.1:3000`.
pub fn url(server: &str) -> String {
    format!("{}/socket.io/?EIO=4&transport=websocket", server.trim_end_matches('/'))
}

/// An event that is sent until the server has acknowledged it.
pub fn acknowledged(name: &str, arguments: impl IntoIterator<Item = Value>) -> Outgoing<Packet> {
    Outgoing::at_least_once(Packet::Event(array(name, arguments)))
}

/// An event that is sent once.
pub fn event(name: &str, arguments: impl IntoIterator<Item = Value>) -> Outgoing<Packet> {
    Outgoing::at_most_once(Packet::Event(array(name, arguments)))
}

fn array(name: &str, arguments: impl IntoIterator<Item = Value>) -> String {
    Value::Array(std::iter::once(name.into()).chain(arguments).collect()).to_string()
}

/// What is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Packet {
    /// Joins the namespace, with what the server's middleware wants to see; `null` for nothing.
    Connect(Value),
    /// An event, its name and arguments as a JSON array. The server is asked to acknowledge it if it is sent at least once,
    /// as by [`acknowledged`], and not if it is sent as by [`event`].
    Event(String),
}

/// What is received.
#[derive(Clone, PartialEq, Debug)]
pub enum Received {
    /// engine.io is ready.
    Opened,
    /// The namespace was joined.
    Connected,
    /// The namespace was refused, with this reason.
    Refused(String),
    /// An event.
    Event {
        /// Its name.
        name: String,
        /// Its arguments.
        arguments: Vec<Value>,
    },
}

/// Joins the namespace. A refusal stops the client when it comes twice in a row: the first is taken for credentials that
/// are to be renewed (`Dial::renew`).
///
/// # Errors
/// The namespace is refused, or the connection ends.
pub async fn greet(mut link: Greeting<Packet, Received>, auth: Value) -> Result<(), HookError> {
    link.until(|received| *received == Received::Opened).await?;
    link.send(Packet::Connect(auth)).await?;
    match link.until(|received| matches!(received, Received::Connected | Received::Refused(_))).await? {
        Received::Refused(reason) => Err(HookError::renew(reason)),
        _ => Ok(()),
    }
}

/// The codec for one namespace.
#[derive(Clone, Debug)]
pub struct SocketIo {
    /// `/chat,` before what follows the packet's type; nothing for the namespace `/`.
    prefix: String,
}

impl SocketIo {
    /// The codec for a namespace: `/`, or `/chat`.
    pub fn new(namespace: &str) -> Self {
        let namespace = namespace.trim_matches('/');
        Self { prefix: if namespace.is_empty() { String::new() } else { format!("/{namespace},") } }
    }

    /// A packet of socket.io, which is a message of engine.io.
    fn packet(&self, kind: char, rest: &str) -> Message {
        Message::text(format!("4{kind}{}{rest}", self.prefix))
    }

    fn decode_packet(&self, packet: &str, items: &mut Items<Received>) -> Result<(), CodecError> {
        let kind = packet.chars().next();
        let rest = packet.get(1..).unwrap_or_default();
        // A packet without data has no comma behind its namespace.
        let ours =
            rest.strip_prefix(&self.prefix).or_else(|| (self.prefix.trim_end_matches(',') == rest).then_some(""));
        let Some(rest) = ours.filter(|rest| !rest.starts_with('/')) else { return Ok(()) };
        match kind {
            Some('0') => items.push(Item::Message(Received::Connected)),
            Some('1') => items.push(Item::End(Close::with_shortened(DISCONNECTED, "the server has disconnected us"))),
            Some('2') => self.decode_event(rest, items)?,
            Some('3') => items.push(Item::Acked(MessageId::from_raw(numbered(rest).0.ok_or_else(malformed)?))),
            Some('4') => items.push(Item::Message(Received::Refused(parse::<Refusal>(rest)?.message))),
            Some('5' | '6') => return Err(CodecError::unsupported("binary attachments")),
            _ => return Err(malformed()),
        }
        Ok(())
    }

    fn decode_event(&self, rest: &str, items: &mut Items<Received>) -> Result<(), CodecError> {
        let (id, array) = numbered(rest);
        let mut values: Vec<Value> = parse(array)?;
        let Some(Value::String(name)) = values.first_mut().map(Value::take) else { return Err(malformed()) };
        items.push(Item::Message(Received::Event { name, arguments: values.split_off(1) }));
        items.extend(id.map(|id| Item::Reply(self.packet('3', &format!("{id}[]")))));
        Ok(())
    }
}

/// As HTTP 403: the default retry policy stops there, as socket.io's own client does.
const DISCONNECTED: CloseCode = match CloseCode::new(4403) {
    Ok(code) => code,
    Err(_) => panic!("a code that may be sent"),
};

impl Codec for SocketIo {
    type Out = Packet;
    type In = Received;

    fn size(packet: &Packet) -> Result<usize, CodecError> {
        Ok(match packet {
            Packet::Connect(auth) => auth.to_string().len(),
            Packet::Event(event) => event.len(),
        })
    }

    fn encode(&mut self, packet: &Packet, transmission: Transmission) -> Result<Message, CodecError> {
        Ok(match packet {
            Packet::Connect(Value::Null) => self.packet('0', ""),
            Packet::Connect(auth) => self.packet('0', &auth.to_string()),
            Packet::Event(event) if transmission.is_acknowledged() => {
                self.packet('2', &format!("{}{event}", transmission.id.as_raw()))
            }
            Packet::Event(event) => self.packet('2', event),
        })
    }

    fn decode(&mut self, frame: Message, items: &mut Items<Received>) -> Result<(), CodecError> {
        let Message::Text(text) = frame else { return Err(CodecError::unsupported("binary attachments")) };
        let rest = text.get(1..).unwrap_or_default();
        match text.chars().next() {
            Some('0') => items.extend([Item::Heartbeat(heartbeat(rest)?), Item::Message(Received::Opened)]),
            Some('1') => items.push(Item::End(Close::from(CloseCode::GOING_AWAY))),
            Some('2') => items.push(Item::Reply(Message::text(format!("3{rest}")))),
            Some('4') => self.decode_packet(rest, items)?,
            Some('6') => {}
            _ => return Err(malformed()),
        }
        Ok(())
    }

    fn goodbye(&mut self) -> Option<Message> {
        Some(self.packet('1', ""))
    }
}

/// engine.io's handshake.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Open {
    /// In milliseconds, as the next.
    ping_interval: u64,
    ping_timeout: u64,
}

/// Why a namespace was refused.
#[derive(Deserialize)]
struct Refusal {
    message: String,
}

fn heartbeat(open: &str) -> Result<HeartbeatMode, CodecError> {
    let Open { ping_interval, ping_timeout } = parse(open)?;
    Ok(HeartbeatMode::Listen { timeout: Duration::from_millis(ping_interval.saturating_add(ping_timeout)) })
}

/// The number at the beginning, if there is one, and the rest.
fn numbered(rest: &str) -> (Option<u64>, &str) {
    let (digits, rest) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
    (digits.parse().ok(), rest)
}

fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, CodecError> {
    serde_json::from_str(json).map_err(|error| CodecError::invalid(format!("socket.io: {error}")))
}

fn malformed() -> CodecError {
    CodecError::invalid("no packet of engine.io 4 with one of socket.io")
}

#[cfg(test)]
mod tests;

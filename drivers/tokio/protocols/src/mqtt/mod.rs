//! MQTT 3.1.1 over WebSocket, with QoS 0 and 1.
//!
//! - [`publish`] is QoS 1: it is sent until its PUBACK, with DUP and the same packet id from the second time on.
//!   [`publish_once`] is QoS 0.
//! - [`greet`] connects to a persistent session (clean session off) and subscribes with QoS 1, so that what
//!   others publish with QoS 1 while this client is away arrives later, if the server keeps it.
//! - What arrives with QoS 1 is acknowledged as soon as it is decoded, before the application has looked at it.
//! - [`Login::heartbeat`] is the PINGREQ that the server expects.

mod packet;
mod packet_ids;

use std::fmt;
use std::time::Duration;

use heartline_tokio::codec::{Item, Items, Transmission};
use heartline_tokio::tungstenite::Bytes;
use heartline_tokio::{CloseCode, Codec, CodecError, Greeting, HeartbeatMode, HookError, Message, Outgoing, Response};
use packet::Packet;
use packet_ids::PacketIds;

/// The subprotocol to ask for, by [`Request::protocol`](heartline_tokio::Request::protocol).
pub const PROTOCOL: &str = "mqtt";

/// The largest packet that is taken, in bytes. One that is larger ends the connection with 1009.
pub const MAX_PACKET: usize = 1 << 20;

/// A publication of QoS 1.
pub fn publish(topic: impl Into<String>, payload: impl Into<Bytes>) -> Outgoing<Request> {
    Outgoing::at_least_once(Request::Publish { topic: topic.into(), payload: payload.into() })
}

/// A publication of QoS 0.
pub fn publish_once(topic: impl Into<String>, payload: impl Into<Bytes>) -> Outgoing<Request> {
    Outgoing::at_most_once(Request::Publish { topic: topic.into(), payload: payload.into() })
}

/// Who connects. `Debug` does not print the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The name of the session on the server. Keep it across restarts of the program.
    pub client_id: String,
    /// A user name and a password.
    pub credentials: Option<(String, String)>,
    /// In seconds: the server may end a connection on which the client sends nothing for half as long again. 0 for never.
    pub keep_alive: u16,
}

impl Login {
    /// Pings every `keep_alive`, whatever arrives, because the server counts what the client sends. No answer for 10 s is
    /// death; for `keep_alive` if that is shorter.
    pub fn heartbeat(&self) -> HeartbeatMode {
        let interval = Duration::from_secs(self.keep_alive.into());
        match self.keep_alive {
            0 => HeartbeatMode::Off,
            _ => HeartbeatMode::Periodic { interval, timeout: Some(interval.min(Duration::from_secs(10))) },
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.credentials.as_ref().map(|(user, _)| user);
        let mut fields = formatter.debug_struct("Login");
        fields.field("client_id", &self.client_id).field("user", &user).field("keep_alive", &self.keep_alive).finish()
    }
}

/// What is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// The first packet of a connection.
    Connect(Login),
    /// A publication: of QoS 1 if it is sent at least once, as by [`publish`], otherwise of QoS 0, as by [`publish_once`].
    Publish {
        /// Where to: no wildcards.
        topic: String,
        /// The content.
        payload: Bytes,
    },
    /// Topic filters to subscribe to with QoS 1.
    Subscribe(Vec<String>),
}

/// What is received.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Received {
    /// CONNACK.
    Connected {
        /// The server knows the session, its subscriptions and what came for it meanwhile.
        session_present: bool,
        /// Why the connection is refused; 0 if it is not.
        code: u8,
    },
    /// SUBACK, with whether each filter was accepted.
    Subscribed(Vec<bool>),
    /// A publication.
    Published {
        /// Where it was published.
        topic: String,
        /// The content.
        payload: Bytes,
        /// The server may have sent it before.
        duplicate: bool,
        /// It is what was last retained under this topic, not news.
        retained: bool,
    },
}

/// Connects, and subscribes to these filters if there are any: always, since a server that crashed has forgotten them.
///
/// # Errors
/// The server refuses: for good, or for credentials (4 and 5) that may be renewed, or because it is not available (3).
pub async fn greet(mut link: Greeting<Request, Received>, login: Login, filters: Vec<String>) -> Result<(), HookError> {
    link.send(Request::Connect(login)).await?;
    match link.until(|received| matches!(received, Received::Connected { .. })).await? {
        Received::Connected { code: 3, .. } => return Err(HookError::retry("the server is not available")),
        Received::Connected { code: code @ (4 | 5), .. } => {
            return Err(HookError::renew(format!("CONNACK {code}: not authorized")));
        }
        Received::Connected { code: code @ 1.., .. } => return Err(HookError::stop(format!("CONNACK {code}"))),
        _ => {}
    }
    // SUBACK is not waited for: what the server has kept may come before it, and be more than a greeting has room for.
    if !filters.is_empty() {
        link.send(Request::Subscribe(filters)).await?;
    }
    Ok(())
}

/// The codec.
#[derive(Clone, Default, Debug)]
pub struct Mqtt {
    /// The beginning of a packet: frames need not end where packets do (MQTT 3.1.1, 6.0).
    begun: Vec<u8>,
    ids: PacketIds,
}

impl Mqtt {
    fn take(&mut self, packet: Packet, items: &mut Items<Received>) {
        match packet {
            Packet::ConnAck { session_present, code } => {
                items.push(Item::Message(Received::Connected { session_present, code }));
            }
            Packet::Publish { topic, payload, id, dup, retain } => {
                items.extend(id.map(|id| Item::Reply(Message::binary(packet::puback(id)))));
                items.push(Item::Message(Received::Published { topic, payload, duplicate: dup, retained: retain }));
            }
            Packet::PubAck { id } => items.extend(self.ids.release(id).map(Item::Acked)),
            Packet::SubAck { id, codes } => {
                items.extend(self.ids.release(id).map(Item::Acked));
                items.push(Item::Message(Received::Subscribed(codes.into_iter().map(|code| code < 0x80).collect())));
            }
            Packet::PingResp => items.push(Item::Pong(None)),
        }
    }
}

impl Codec for Mqtt {
    type Out = Request;
    type In = Received;

    fn size(request: &Request) -> Result<usize, CodecError> {
        let strings: Vec<&String> = match request {
            Request::Connect(login) => {
                let credentials = login.credentials.iter().flat_map(|(user, password)| [user, password]);
                credentials.chain([&login.client_id]).collect()
            }
            Request::Publish { topic, .. } => vec![topic],
            Request::Subscribe(filters) => filters.iter().collect(),
        };
        if !strings.iter().all(|text| packet::is_string(text)) {
            return Err(CodecError::invalid("a string of more than 65,535 bytes, or with a null character"));
        }
        let payload = if let Request::Publish { payload, .. } = request { payload.len() } else { 0 };
        Ok(strings.iter().map(|text| text.len() + 3).sum::<usize>() + payload + 4)
    }

    fn encode(&mut self, request: &Request, transmission: Transmission) -> Result<Message, CodecError> {
        let Transmission { id, redelivery, .. } = transmission;
        let is_acknowledged = transmission.is_acknowledged();
        Ok(Message::binary(match request {
            Request::Connect(login) => packet::connect(login),
            Request::Publish { topic, payload } => {
                let id = is_acknowledged.then(|| self.ids.of(id, redelivery));
                packet::publish(topic, payload, id, redelivery)
            }
            Request::Subscribe(filters) => packet::subscribe(self.ids.of(id, redelivery), filters),
        }))
    }

    fn decode(&mut self, frame: Message, items: &mut Items<Received>) -> Result<(), CodecError> {
        let Message::Binary(frame) = frame else { return Err(CodecError::unsupported("text")) };
        self.begun.extend(&frame);
        let mut at = 0;
        while let Some((header, length)) = packet::length(&self.begun[at..])? {
            if length > MAX_PACKET {
                return Err(CodecError::new(TOO_LARGE, format!("a packet of {length} bytes")));
            }
            let Some(whole) = self.begun.get(at..at + length) else { break };
            let packet = packet::decode(whole, header)?;
            self.take(packet, items);
            at += length;
        }
        self.begun.drain(..at);
        Ok(())
    }

    fn opened(&mut self, _: &Response) {
        self.begun.clear();
    }

    fn ping(&mut self, _: u32) -> Message {
        Message::binary(packet::PINGREQ.to_vec())
    }

    fn goodbye(&mut self) -> Option<Message> {
        Some(Message::binary(packet::DISCONNECT.to_vec()))
    }
}

const TOO_LARGE: CloseCode = match CloseCode::new(1009) {
    Ok(code) => code,
    Err(_) => panic!("a code that may be sent"),
};

#[cfg(test)]
mod tests;

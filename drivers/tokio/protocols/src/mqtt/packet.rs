//! The packets of MQTT 3.1.1 that a client with QoS 0 and 1 needs (OASIS standard, chapters 2 and 3).

use heartline_tokio::CodecError;
use heartline_tokio::tungstenite::Bytes;

use super::Login;

/// The largest number that four bytes of a remaining length hold (2.2.3).
const MOST: usize = 268_435_455;

/// A packet of the server's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Packet {
    ConnAck { session_present: bool, code: u8 },
    Publish { topic: String, payload: Bytes, id: Option<u16>, dup: bool, retain: bool },
    PubAck { id: u16 },
    SubAck { id: u16, codes: Vec<u8> },
    PingResp,
}

pub(super) const PINGREQ: [u8; 2] = [0xc0, 0];
pub(super) const DISCONNECT: [u8; 2] = [0xe0, 0];

/// CONNECT for a session that outlives its connections: clean session is off.
pub(super) fn connect(login: &Login) -> Vec<u8> {
    let mut flags = 0;
    let mut body = Vec::new();
    string(&mut body, b"MQTT");
    body.extend([4, 0]); // The protocol's level, and the flags to come.
    body.extend(login.keep_alive.to_be_bytes());
    string(&mut body, login.client_id.as_bytes());
    if let Some((user, password)) = &login.credentials {
        flags |= 0xc0;
        string(&mut body, user.as_bytes());
        string(&mut body, password.as_bytes());
    }
    body[7] = flags;
    packet(0x10, &body)
}

/// PUBLISH: of QoS 1 with a packet id, else of QoS 0.
pub(super) fn publish(topic: &str, payload: &[u8], id: Option<u16>, dup: bool) -> Vec<u8> {
    let mut body = Vec::with_capacity(payload.len() + topic.len() + 4);
    string(&mut body, topic.as_bytes());
    body.extend(id.into_iter().flat_map(u16::to_be_bytes));
    body.extend(payload);
    let flags = u8::from(id.is_some()) << 1 | u8::from(dup && id.is_some()) << 3;
    packet(0x30 | flags, &body)
}

pub(super) fn puback(id: u16) -> Vec<u8> {
    packet(0x40, &id.to_be_bytes())
}

/// SUBSCRIBE to all of these topic filters with QoS 1.
pub(super) fn subscribe(id: u16, filters: &[String]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    for filter in filters {
        string(&mut body, filter.as_bytes());
        body.push(1);
    }
    packet(0x82, &body)
}

/// Whether this fits into the two bytes of a string's length.
pub(super) fn is_string(text: &str) -> bool {
    text.len() <= usize::from(u16::MAX) && !text.contains('\0')
}

fn string(body: &mut Vec<u8>, text: &[u8]) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    body.extend(length.to_be_bytes());
    body.extend(&text[..usize::from(length)]);
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut rest = body.len().min(MOST);
    loop {
        let more = rest > 0x7f;
        packet.push((rest & 0x7f) as u8 | u8::from(more) << 7);
        rest >>= 7;
        if !more {
            break;
        }
    }
    packet.extend(body);
    packet
}

/// How long the packet at the beginning is, its header included; `None` if not even that is known yet.
///
/// # Errors
/// A remaining length of more than four bytes.
pub(super) fn length(bytes: &[u8]) -> Result<Option<(usize, usize)>, CodecError> {
    let mut length = 0;
    for (index, byte) in bytes.iter().skip(1).enumerate() {
        if index == 4 {
            return Err(malformed());
        }
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((index + 2, index + 2 + length)));
        }
    }
    Ok(None)
}

/// A whole packet, whose header has `header` bytes.
///
/// # Errors
/// It is none that a server sends to such a client.
pub(super) fn decode(bytes: &[u8], header: usize) -> Result<Packet, CodecError> {
    let first = bytes.first().copied().unwrap_or_default();
    let mut body = Body(bytes.get(header..).unwrap_or_default());
    let packet = match first >> 4 {
        2 => Packet::ConnAck { session_present: body.byte()? & 1 == 1, code: body.byte()? },
        3 => {
            let qos = first >> 1 & 3;
            if qos > 1 {
                return Err(CodecError::unsupported("QoS 2, which was not subscribed to"));
            }
            let topic = body.string()?;
            let id = if qos == 1 { Some(body.number()?) } else { None };
            let payload = Bytes::copy_from_slice(std::mem::take(&mut body.0));
            Packet::Publish { topic, payload, id, dup: first & 8 != 0, retain: first & 1 != 0 }
        }
        4 => Packet::PubAck { id: body.number()? },
        9 => Packet::SubAck { id: body.number()?, codes: std::mem::take(&mut body.0).to_vec() },
        13 => Packet::PingResp,
        _ => return Err(malformed()),
    };
    if body.0.is_empty() { Ok(packet) } else { Err(malformed()) }
}

/// What is left of a packet.
struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], CodecError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, CodecError> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Result<u16, CodecError> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn string(&mut self) -> Result<String, CodecError> {
        let length = self.number()?;
        let bytes = self.take(length.into())?;
        String::from_utf8(bytes.to_vec()).map_err(|_| malformed())
    }
}

pub(super) fn malformed() -> CodecError {
    CodecError::invalid("no packet of MQTT 3.1.1 that a server sends")
}

//! Frames as nodes send them to each other: a byte, 0 for text and 1 for binary, then the payload.

use tungstenite::{Bytes, Message, Utf8Bytes};

const TEXT: u8 = 0;
const BINARY: u8 = 1;

/// The bytes of a frame, which is text or binary, for another node.
pub(crate) fn pack(frame: &Message) -> Vec<u8> {
    let payload = frame.clone().into_data();
    let mut packed = Vec::with_capacity(1 + payload.len());
    packed.push(if frame.is_text() { TEXT } else { BINARY });
    packed.extend_from_slice(&payload);
    packed
}

/// The frame of bytes from another node; `None` if they are none.
pub(crate) fn unpack(packed: Vec<u8>) -> Option<Message> {
    let packed = Bytes::from(packed);
    let kind = *packed.first()?;
    let payload = packed.slice(1..);
    match kind {
        TEXT => Utf8Bytes::try_from(payload).ok().map(Message::Text),
        BINARY => Some(Message::Binary(payload)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_arrives_as_it_was_sent_and_nothing_else_does() {
        for frame in [Message::text("grüße"), Message::text(""), Message::binary(vec![0, 255]), Message::binary(vec![])]
        {
            assert_eq!(unpack(pack(&frame)), Some(frame));
        }
        for packed in [vec![], vec![2, b'x'], vec![TEXT, 255]] {
            assert_eq!(unpack(packed), None);
        }
    }
}

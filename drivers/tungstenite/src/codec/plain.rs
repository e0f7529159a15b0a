//! Codecs whose messages are frames as they are.

use tungstenite::{Bytes, Message, Utf8Bytes};

use super::{Codec, CodecError, Item, Items, Transmission};

/// tungstenite's messages both ways: text and binary. Others are refused when they are sent, as pings, pongs and
/// close frames are the session's.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Frames;

impl Codec for Frames {
    type Out = Message;
    type In = Message;

    fn size(message: &Message) -> Result<usize, CodecError> {
        match message {
            Message::Text(_) | Message::Binary(_) => Ok(message.len()),
            _ => Err(CodecError::unsupported("only text and binary messages can be sent")),
        }
    }

    fn encode(&mut self, message: &Message, _: Transmission) -> Result<Message, CodecError> {
        Ok(message.clone())
    }

    fn decode(&mut self, frame: Message, items: &mut Items<Message>) -> Result<(), CodecError> {
        items.push(Item::Message(frame));
        Ok(())
    }

    #[inline]
    fn whole(frame: Message) -> Result<Message, Message> {
        Ok(frame)
    }
}

/// Text both ways. A binary message ends the connection with 1003.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Text;

impl Codec for Text {
    type Out = Utf8Bytes;
    type In = Utf8Bytes;

    fn size(message: &Utf8Bytes) -> Result<usize, CodecError> {
        Ok(message.len())
    }

    fn encode(&mut self, message: &Utf8Bytes, _: Transmission) -> Result<Message, CodecError> {
        Ok(Message::Text(message.clone()))
    }

    fn decode(&mut self, frame: Message, items: &mut Items<Utf8Bytes>) -> Result<(), CodecError> {
        let Message::Text(text) = frame else { return Err(CodecError::unsupported("only text is taken here")) };
        items.push(Item::Message(text));
        Ok(())
    }

    #[inline]
    fn whole(frame: Message) -> Result<Utf8Bytes, Message> {
        if let Message::Text(text) = frame { Ok(text) } else { Err(frame) }
    }
}

/// Bytes both ways. A text message ends the connection with 1003.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Binary;

impl Codec for Binary {
    type Out = Bytes;
    type In = Bytes;

    fn size(message: &Bytes) -> Result<usize, CodecError> {
        Ok(message.len())
    }

    fn encode(&mut self, message: &Bytes, _: Transmission) -> Result<Message, CodecError> {
        Ok(Message::Binary(message.clone()))
    }

    fn decode(&mut self, frame: Message, items: &mut Items<Bytes>) -> Result<(), CodecError> {
        let Message::Binary(bytes) = frame else { return Err(CodecError::unsupported("only binary is taken here")) };
        items.push(Item::Message(bytes));
        Ok(())
    }

    #[inline]
    fn whole(frame: Message) -> Result<Bytes, Message> {
        if let Message::Binary(bytes) = frame { Ok(bytes) } else { Err(frame) }
    }
}

//! Values as JSON texts.

use std::fmt;
use std::io;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tungstenite::Message;

use super::{Codec, CodecError, Item, Items, Transmission};

/// Values as JSON, by serde: `S` is sent, as text; `R` is received, as text or binary.
///
/// A value that cannot be serialized is refused when it is sent. What does not parse as `R` ends the connection with
/// 1007, at which the default policy stops: an `R` that a server may outgrow wants `#[serde(other)]` or is a
/// `serde_json::Value`. A message is serialized twice: once to learn its size, and once for each transmission.
pub struct Json<S, R> {
    types: PhantomData<fn(S) -> R>,
}

impl<S, R> Json<S, R> {
    /// The codec for these types.
    pub const fn new() -> Self {
        Self { types: PhantomData }
    }
}

impl<S, R> Codec for Json<S, R>
where
    S: Serialize + Send + 'static,
    R: DeserializeOwned + Send + 'static,
{
    type Out = S;
    type In = R;

    fn size(message: &S) -> Result<usize, CodecError> {
        let mut counter = Counter(0);
        serde_json::to_writer(&mut counter, message).map_err(invalid)?;
        Ok(counter.0)
    }

    fn encode(&mut self, message: &S, _: Transmission) -> Result<Message, CodecError> {
        serde_json::to_string(message).map(Message::text).map_err(invalid)
    }

    fn decode(&mut self, frame: Message, items: &mut Items<R>) -> Result<(), CodecError> {
        let value = match &frame {
            Message::Text(text) => serde_json::from_str(text),
            Message::Binary(bytes) => serde_json::from_slice(bytes),
            _ => return Err(CodecError::unsupported("only text and binary are taken here")),
        };
        items.push(Item::Message(value.map_err(invalid)?));
        Ok(())
    }
}

/// Takes any number of bytes and only counts them.
struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn invalid(error: serde_json::Error) -> CodecError {
    CodecError::invalid(format!("JSON: {error}"))
}

impl<S, R> Clone for Json<S, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S, R> Copy for Json<S, R> {}

impl<S, R> Default for Json<S, R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S, R> fmt::Debug for Json<S, R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Json")
    }
}

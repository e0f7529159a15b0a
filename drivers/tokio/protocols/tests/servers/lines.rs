//! The protocol of the plain servers: `7 hello`, acknowledged by `ok 7`.

use heartline_tokio::codec::{Item, Items, Transmission};
use heartline_tokio::{Client, Codec, CodecError, Delivery, HeartbeatMode, Message, MessageId, Outgoing};

use crate::settings;

pub struct Lines;

impl Codec for Lines {
    type Out = String;
    type In = ();

    fn size(line: &String) -> Result<usize, CodecError> {
        Ok(line.len())
    }

    fn encode(&mut self, line: &String, transmission: Transmission) -> Result<Message, CodecError> {
        Ok(Message::text(format!("{} {line}", transmission.id.as_raw())))
    }

    fn decode(&mut self, frame: Message, items: &mut Items<()>) -> Result<(), CodecError> {
        let id = frame.to_text().ok().and_then(|text| text.strip_prefix("ok ")?.parse().ok());
        let id = id.ok_or_else(|| CodecError::invalid("no acknowledgement"))?;
        items.push(Item::Acked(MessageId::from_raw(id)));
        Ok(())
    }
}

/// A client that speaks it.
pub fn client(url: &str, mode: HeartbeatMode) -> Client<String> {
    let builder = Client::builder(url).session(settings(mode)).codec(Lines);
    let (client, _) = builder.spawn().expect("valid"); // The servers send nothing but acknowledgements.
    client
}

pub fn line(label: &str, delivery: Delivery) -> Outgoing<String> {
    match delivery {
        Delivery::AtLeastOnce => Outgoing::at_least_once(label),
        _ => Outgoing::at_most_once(label),
    }
}

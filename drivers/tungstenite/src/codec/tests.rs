use heartline::message::Delivery;
use heartline::{Action, Config, ConnId, Input, Loss, Outgoing, Session, Settings, Timestamp};

use super::*;

fn decoded<C: Codec>(codec: &mut C, frame: Message) -> Result<Vec<Item<C::In>>, CodecError> {
    let mut items = Items::new();
    codec.decode(frame, &mut items)?;
    Ok(std::iter::from_fn(|| items.pop()).collect())
}

fn first() -> Transmission {
    Transmission::first(MessageId::from_raw(1), Delivery::AtMostOnce)
}

#[test]
fn frames_pass_as_they_are_both_ways() {
    for message in [Message::text("a"), Message::binary(vec![0, 255])] {
        assert_eq!(Frames::size(&message), Ok(message.len()));
        assert_eq!(Frames.encode(&message, first()), Ok(message.clone()));
        assert_eq!(decoded(&mut Frames, message.clone()), Ok(vec![Item::Message(message)]));
    }
}

#[test]
fn control_frames_are_refused_when_they_are_sent() {
    for message in [Message::Ping(Bytes::new()), Message::Pong(Bytes::new()), Message::Close(None)] {
        assert!(Frames::size(&message).is_err(), "{message:?}");
    }
}

#[test]
fn text_and_binary_each_take_only_their_own_kind() {
    assert_eq!(decoded(&mut Text, Message::text("a")), Ok(vec![Item::Message("a".into())]));
    assert_eq!(decoded(&mut Text, Message::binary(vec![1])).unwrap_err().code().get(), 1003);
    assert_eq!(decoded(&mut Binary, Message::binary(vec![1])), Ok(vec![Item::Message(vec![1].into())]));
    assert_eq!(decoded(&mut Binary, Message::text("a")).unwrap_err().code().get(), 1003);
    assert_eq!(Text.encode(&"é".into(), first()), Ok(Message::text("é")));
    assert_eq!(Binary.encode(&vec![7].into(), first()), Ok(Message::binary(vec![7])));
    assert_eq!((Text::size(&"é".into()), Binary::size(&vec![7].into())), (Ok(2), Ok(1)));
}

#[test]
fn a_pong_is_ours_only_if_its_payload_is_a_token() {
    for token in [0, 1, 0x0102_0304, u32::MAX] {
        let Message::Ping(payload) = Frames.ping(token) else { panic!("a ping") };
        assert_eq!(pong_token(&payload), Some(token));
    }
    assert_eq!(Frames.ping(0x0102_0304), Message::Ping(vec![1, 2, 3, 4].into()));
    assert_eq!([&b""[..], b"abc", b"abcde"].map(pong_token), [None; 3]);
}

#[test]
fn items_come_out_in_the_order_in_which_they_went_in() {
    let mut items = Items::default();
    items.push(Item::Message(1));
    items.extend([Item::AckedUpTo(MessageId::from_raw(9)), Item::Pong(None)]);
    assert_eq!((items.len(), items.pop()), (3, Some(Item::Message(1))));
    assert_eq!(items.pop(), Some(Item::AckedUpTo(MessageId::from_raw(9))));
    items.clear();
    assert!(items.is_empty() && items.pop().is_none());
}

/// The id and the redelivery flag go into the payload, as MQTT has them.
struct Numbered;

impl Codec for Numbered {
    type Out = &'static str;
    type In = ();

    fn size(message: &&'static str) -> Result<usize, CodecError> {
        Ok(message.len())
    }

    fn encode(&mut self, message: &&'static str, transmission: Transmission) -> Result<Message, CodecError> {
        let Transmission { id, redelivery, .. } = transmission;
        Ok(Message::text(format!("{} {redelivery} {message}", id.as_raw())))
    }

    fn decode(&mut self, _: Message, _: &mut Items<()>) -> Result<(), CodecError> {
        Ok(())
    }
}

/// What is transmitted on a connection with this name.
fn transmit_all(session: &mut Session<&'static str>, now: Timestamp, conn: ConnId) -> Vec<Message> {
    session.handle(now, Input::Opened { conn }).for_each(drop);
    let mut frames = Vec::new();
    while let Some(transmit) = session.transmit(now) {
        let (id, transmission) = (transmit.id, Transmission::from(&transmit));
        frames.push(Numbered.encode(transmit.message, transmission).unwrap());
        session.sent(now, id);
    }
    frames
}

#[test]
fn a_codec_sees_the_id_of_the_message_and_whether_it_is_sent_again() {
    let config = Config::new(Settings::default()).unwrap();
    let mut session = Session::new(config, 1);
    let conn = |raw| ConnId::from_raw(raw).unwrap();
    let now = Timestamp::ORIGIN;
    let id = session.send(now, Outgoing::at_least_once("buy", 3)).unwrap().as_raw();
    session.handle(now, Input::Connect).for_each(drop);
    assert_eq!(transmit_all(&mut session, now, conn(1)), [Message::text(format!("{id} false buy"))]);

    let ended = Input::closed(conn(1), Loss::Close(1001));
    session.handle(now, ended).for_each(drop);
    let due = session.deadline().expect("a retry");
    let dialled = session.handle(due, Input::Timer).any(|action| matches!(action, Action::Connect { .. }));
    assert!(dialled);
    assert_eq!(transmit_all(&mut session, due, conn(2)), [Message::text(format!("{id} true buy"))]);
}

#[test]
fn a_frame_may_mean_nothing() {
    assert_eq!(decoded(&mut Numbered, Message::text("")), Ok(vec![]));
    assert_eq!(Numbered.goodbye(), None);
}

#[cfg(feature = "json")]
mod json {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    #[serde(tag = "type", rename_all = "lowercase")]
    enum Chat {
        Say { text: String },
    }

    fn say(text: &str) -> Chat {
        Chat::Say { text: text.into() }
    }

    #[test]
    fn values_are_sent_as_text_and_received_as_text_or_binary() {
        let mut codec = Json::<Chat, Chat>::new();
        let text = r#"{"type":"say","text":"grüß \"dich\""}"#;
        let value = say("grüß \"dich\"");
        assert_eq!(codec.encode(&value, first()), Ok(Message::text(text)));
        assert_eq!(Json::<Chat, Chat>::size(&value), Ok(text.len()));
        for frame in [Message::text(text), Message::binary(text.as_bytes().to_vec())] {
            assert_eq!(decoded(&mut codec, frame), Ok(vec![Item::Message(say("grüß \"dich\""))]));
        }
    }

    #[test]
    fn what_cannot_be_serialized_is_refused_when_it_is_sent() {
        assert!(Json::<BTreeMap<Vec<u8>, u8>, ()>::size(&BTreeMap::from([(vec![1], 1)])).is_err());
    }

    #[test]
    fn what_does_not_parse_ends_the_connection_with_1007_and_says_where() {
        for text in ["{", r#"{"type":"shout"}"#, "\u{feff}{}", "1 2"] {
            let error = decoded(&mut Json::<Chat, Chat>::new(), Message::text(text)).unwrap_err();
            assert_eq!(error.code().get(), 1007, "{text}");
            assert!(error.reason().contains("line 1"), "{error}");
        }
    }

    #[test]
    fn a_value_nested_without_end_is_an_error_and_not_a_stack_overflow() {
        let deep = "[".repeat(100_000);
        assert!(decoded(&mut Json::<(), serde_json::Value>::new(), Message::text(deep)).is_err());
    }
}

#[test]
fn the_way_around_the_items_leads_to_what_decode_says() {
    fn agrees<C: Codec<In: Clone + PartialEq + std::fmt::Debug>>(codec: &mut C, frame: &Message) -> bool {
        match C::whole(frame.clone()) {
            Ok(message) => {
                assert_eq!(decoded(codec, frame.clone()), Ok(vec![Item::Message(message)]));
                true
            }
            Err(back) => {
                assert_eq!(&back, frame);
                false
            }
        }
    }
    let (text, binary) = (Message::text("a"), Message::binary(vec![0, 255]));
    assert!(agrees(&mut Frames, &text) && agrees(&mut Frames, &binary));
    assert!(agrees(&mut Text, &text) && !agrees(&mut Text, &binary));
    assert!(!agrees(&mut Binary, &text) && agrees(&mut Binary, &binary));
}

use heartline_tokio::{Delivery, MessageId};

use super::*;

fn decoded(codec: &mut Mqtt, bytes: &[u8]) -> Result<Vec<Item<Received>>, CodecError> {
    let mut items = Items::new();
    codec.decode(Message::binary(bytes.to_vec()), &mut items)?;
    Ok(std::iter::from_fn(|| items.pop()).collect())
}

fn encoded(codec: &mut Mqtt, request: &Request, transmission: Transmission) -> Vec<u8> {
    codec.encode(request, transmission).unwrap().into_data().to_vec()
}

fn first(id: u64, delivery: Delivery) -> Transmission {
    Transmission::first(MessageId::from_raw(id), delivery)
}

fn published(topic: &str, payload: &'static [u8]) -> Received {
    let payload = Bytes::from_static(payload);
    Received::Published { topic: topic.into(), payload, duplicate: false, retained: false }
}

#[test]
fn connect_asks_for_a_session_that_lasts() {
    let credentials = Some(("u".into(), "pw".into()));
    let login = Login { client_id: "me".into(), credentials, keep_alive: 300 };
    let expected = [&[0x10, 21, 0, 4][..], b"MQTT", &[4, 0xc0, 1, 44, 0, 2], b"me", &[0, 1], b"u", &[0, 2], b"pw"];
    let printed = format!("{login:?}");
    assert!(printed.contains("\"u\"") && !printed.contains("pw"), "{printed}");
    assert_eq!(
        encoded(&mut Mqtt::default(), &Request::Connect(login), first(1, Delivery::ThisConnection)),
        expected.concat()
    );
}

#[test]
fn a_publication_of_qos_1_goes_again_with_dup_and_the_same_packet_id_until_its_puback() {
    let mut codec = Mqtt::default();
    let outgoing = publish("t", "hi");
    let packet = |first: u8| [&[first, 7, 0, 1][..], b"t", &[0, 8], b"hi"].concat();
    assert_eq!(encoded(&mut codec, outgoing.message(), first(7, outgoing.delivery())), packet(0x32));
    let again = Transmission::again(MessageId::from_raw(7));
    assert_eq!(encoded(&mut codec, outgoing.message(), again), packet(0x3a));
    assert_eq!(decoded(&mut codec, &[0x40, 2, 0, 8]).unwrap(), [Item::Acked(MessageId::from_raw(7))]);
    assert_eq!(decoded(&mut codec, &[0x40, 2, 0, 8]).unwrap(), [], "a second one is for nobody");
}

#[test]
fn a_publication_of_qos_0_has_no_packet_id() {
    let outgoing = publish_once("t", "hi");
    let bytes = encoded(&mut Mqtt::default(), outgoing.message(), first(7, outgoing.delivery()));
    assert_eq!(bytes, [&[0x30, 5, 0, 1][..], b"thi"].concat());
}

#[test]
fn what_arrives_with_qos_1_is_acknowledged() {
    let mut codec = Mqtt::default();
    let packet = [&[0x32, 7, 0, 1][..], b"t", &[1, 2], b"hi"].concat();
    let expected = [Item::Reply(Message::binary(vec![0x40, 2, 1, 2])), Item::Message(published("t", b"hi"))];
    assert_eq!(decoded(&mut codec, &packet).unwrap(), expected);
    let retained = [&[0x31, 5, 0, 1][..], b"thi"].concat();
    let items = decoded(&mut codec, &retained).unwrap();
    assert!(matches!(items[..], [Item::Message(Received::Published { retained: true, duplicate: false, .. })]));
    let again = [&[0x3a, 7, 0, 1][..], b"t", &[1, 2], b"hi"].concat();
    let items = decoded(&mut codec, &again).unwrap();
    assert!(matches!(items[..], [_, Item::Message(Received::Published { duplicate: true, .. })]));
}

#[test]
fn packets_may_begin_and_end_anywhere_in_frames() {
    let packets = [&[0x20, 2, 1, 0, 0xd0, 0, 0x30, 5, 0, 1][..], b"thi"].concat();
    let connected = Received::Connected { session_present: true, code: 0 };
    let expected = [Item::Message(connected), Item::Pong(None), Item::Message(published("t", b"hi"))];
    assert_eq!(decoded(&mut Mqtt::default(), &packets).unwrap(), expected);
    for length in 1..packets.len() {
        let mut codec = Mqtt::default();
        let frames = packets.chunks(length);
        let items: Vec<_> = frames.flat_map(|frame| decoded(&mut codec, frame).unwrap()).collect();
        assert_eq!(items, expected, "{length}");
    }
}

#[test]
fn the_beginning_of_a_packet_does_not_outlive_its_connection() {
    let mut codec = Mqtt::default();
    assert_eq!(decoded(&mut codec, &[0x30, 5, 0]).unwrap(), []);
    let response = heartline_tokio::tungstenite::http::Response::builder().status(101).body(None).unwrap();
    codec.opened(&response.into());
    assert_eq!(decoded(&mut codec, &[0xd0, 0]).unwrap(), [Item::Pong(None)]);
}

#[test]
fn a_subscription_asks_for_qos_1_and_learns_what_was_granted() {
    let mut codec = Mqtt::default();
    let request = Request::Subscribe(vec!["a/#".into(), "b".into()]);
    let expected = [&[0x82, 12, 0, 4, 0, 3][..], b"a/#", &[1, 0, 1], b"b", &[1]].concat();
    assert_eq!(encoded(&mut codec, &request, first(3, Delivery::ThisConnection)), expected);
    let items = decoded(&mut codec, &[0x90, 4, 0, 4, 1, 0x80]).unwrap();
    let subscribed = Item::Message(Received::Subscribed(vec![true, false]));
    assert_eq!(items, [Item::Acked(MessageId::from_raw(3)), subscribed]);
}

#[test]
fn a_long_packet_has_a_length_of_several_bytes() {
    let payload = vec![7; 20_000];
    let mut codec = Mqtt::default();
    let bytes = encoded(&mut codec, publish_once("t", payload.clone()).message(), first(1, Delivery::AtMostOnce));
    assert_eq!(bytes[..4], [0x30, 0xa3, 0x9c, 0x01]);
    let items = decoded(&mut codec, &bytes).unwrap();
    assert!(matches!(&items[..], [Item::Message(Received::Published { payload: p, .. })] if *p == payload));
}

#[test]
fn a_packet_that_is_too_large_or_none_ends_the_connection() {
    let code = |bytes: &[u8]| decoded(&mut Mqtt::default(), bytes).unwrap_err().code().get();
    assert_eq!(code(&[0x30, 0xff, 0xff, 0x7f]), 1009, "before it has arrived");
    let qos_2 = [0x34, 5, 0, 1, b't', 0, 1];
    assert_eq!(code(&qos_2), 1003);
    let malformed: [&[u8]; 8] = [
        &[0x30, 0xff, 0xff, 0xff, 0xff, 1],
        &[0x00, 0],
        &[0x20, 1, 0],
        &[0x20, 3, 0, 0, 0],
        &[0x40, 1, 0],
        &[0x30, 2, 0, 9],
        &[0x30, 3, 0, 1, 0xff],
        &[0xd0, 1, 0],
    ];
    for bytes in malformed {
        assert_eq!(code(bytes), 1007, "{bytes:?}");
    }
}

#[test]
fn a_string_that_mqtt_cannot_carry_is_refused_when_it_is_sent() {
    for topic in ["a\0".to_owned(), "x".repeat(65_536)] {
        assert!(Mqtt::size(publish(topic, "").message()).is_err());
    }
    assert_eq!(Mqtt::size(publish("t", "hi").message()), Ok(10));
}

#[test]
fn the_client_pings_as_often_as_it_has_promised() {
    let login = |keep_alive| Login { client_id: String::new(), credentials: None, keep_alive }.heartbeat();
    let seconds = Duration::from_secs;
    assert_eq!(login(0), HeartbeatMode::Off);
    assert_eq!(login(4), HeartbeatMode::Periodic { interval: seconds(4), timeout: Some(seconds(4)) });
    assert_eq!(login(60), HeartbeatMode::Periodic { interval: seconds(60), timeout: Some(seconds(10)) });
}

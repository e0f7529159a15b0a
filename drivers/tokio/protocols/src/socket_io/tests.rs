use serde_json::json;

use super::*;

fn decoded(codec: &mut SocketIo, text: &str) -> Result<Vec<Item<Received>>, CodecError> {
    let mut items = Items::new();
    codec.decode(Message::text(text), &mut items)?;
    Ok(std::iter::from_fn(|| items.pop()).collect())
}

fn encoded(codec: &mut SocketIo, outgoing: Outgoing<Packet>) -> String {
    let transmission = Transmission::first(MessageId::from_raw(12), outgoing.delivery());
    codec.encode(outgoing.message(), transmission).unwrap().to_string()
}

fn root() -> SocketIo {
    SocketIo::new("/")
}

#[test]
fn the_servers_handshake_dictates_the_heartbeat() {
    let open = r#"0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
    let timeout = Duration::from_secs(45);
    let expected = [Item::Heartbeat(HeartbeatMode::Listen { timeout }), Item::Message(Received::Opened)];
    assert_eq!(decoded(&mut root(), open).unwrap(), expected);
}

#[test]
fn the_servers_ping_is_answered() {
    assert_eq!(decoded(&mut root(), "2").unwrap(), [Item::Reply(Message::text("3"))]);
}

#[test]
fn an_acknowledged_event_carries_the_id_of_its_message_and_its_acknowledgement_brings_it_back() {
    let mut codec = root();
    assert_eq!(encoded(&mut codec, acknowledged("say", [json!("hi"), json!(1)])), r#"4212["say","hi",1]"#);
    assert_eq!(decoded(&mut codec, "4312[]").unwrap(), [Item::Acked(MessageId::from_raw(12))]);
    assert_eq!(encoded(&mut codec, event("say", [json!("hi")])), r#"42["say","hi"]"#);
}

#[test]
fn an_event_arrives_with_its_arguments_and_is_acknowledged_if_it_asks_for_that() {
    let news = |arguments| Item::Message(Received::Event { name: "news".into(), arguments });
    assert_eq!(decoded(&mut root(), r#"42["news",{"a":1}]"#).unwrap(), [news(vec![json!({ "a": 1 })])]);
    let expected = [news(vec![]), Item::Reply(Message::text("437[]"))];
    assert_eq!(decoded(&mut root(), r#"427["news"]"#).unwrap(), expected);
}

#[test]
fn a_namespace_stands_in_every_packet_and_packets_of_others_are_none_of_ours() {
    let mut chat = SocketIo::new("/chat");
    assert_eq!(encoded(&mut chat, acknowledged("say", [])), r#"42/chat,12["say"]"#);
    assert_eq!(
        encoded(&mut chat, Outgoing::this_connection(Packet::Connect(json!({ "token": 1 })))),
        r#"40/chat,{"token":1}"#
    );
    assert_eq!(decoded(&mut chat, r#"40/chat,{"sid":"y"}"#).unwrap(), [Item::Message(Received::Connected)]);
    assert_eq!(decoded(&mut chat, "43/chat,12[]").unwrap(), [Item::Acked(MessageId::from_raw(12))]);
    assert!(matches!(decoded(&mut chat, "41/chat").unwrap()[..], [Item::End(_)]));
    assert_eq!(decoded(&mut chat, "4312[]").unwrap(), []);
    assert_eq!(decoded(&mut root(), "43/chat,12[]").unwrap(), []);
    assert_eq!(chat.goodbye(), Some(Message::text("41/chat,")));
}

#[test]
fn a_refusal_has_its_reason_and_a_disconnect_is_not_retried_by_default() {
    let refused = decoded(&mut root(), r#"44{"message":"no token"}"#).unwrap();
    assert_eq!(refused, [Item::Message(Received::Refused("no token".into()))]);
    let items = decoded(&mut root(), "41").unwrap();
    assert!(matches!(&items[..], [Item::End(close)] if close.code() == 4403), "{items:?}");
}

#[test]
fn what_is_no_packet_is_an_error_and_no_panic() {
    let texts = [
        "",
        "9",
        "4",
        "49",
        "42",
        "42{}",
        "42[]",
        "42[1]",
        "43[]",
        "4399999999999999999999999[]",
        "0{}",
        "44",
        "é",
        "4é",
    ];
    for text in texts {
        assert_eq!(decoded(&mut root(), text).unwrap_err().code().get(), 1007, "{text}");
    }
    assert_eq!(decoded(&mut root(), r#"451-["a",{"_placeholder":true,"num":0}]"#).unwrap_err().code().get(), 1003);
}

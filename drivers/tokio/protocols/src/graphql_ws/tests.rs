use heartline_tokio::Delivery;

use super::*;

fn decoded(text: &str) -> Result<Vec<Item<Received>>, CodecError> {
    let mut items = Items::new();
    GraphqlWs.decode(Message::text(text), &mut items)?;
    Ok(std::iter::from_fn(|| items.pop()).collect())
}

fn encoded(request: &Request) -> Value {
    let transmission = Transmission::first(MessageId::from_raw(12), Delivery::AtLeastOnce);
    serde_json::from_str(GraphqlWs.encode(request, transmission).unwrap().to_text().unwrap()).unwrap()
}

#[test]
fn an_operation_carries_the_id_of_its_message_and_complete_or_error_acknowledges_it() {
    let operation = Operation { query: "mutation { buy }".into(), variables: json!({ "a": 1 }) };
    let outgoing = execute(operation);
    assert_eq!(
        encoded(outgoing.message()),
        json!({ "type": "subscribe", "id": "12", "payload": { "query": "mutation { buy }", "variables": { "a": 1 } } })
    );
    let acked = Item::Acked(MessageId::from_raw(12));
    assert_eq!(decoded(r#"{"type":"complete","id":"12"}"#).unwrap(), std::slice::from_ref(&acked));
    let failed = Item::Message(Received::Failed { id: "12".into(), errors: json!([]) });
    assert_eq!(decoded(r#"{"type":"error","id":"12","payload":[]}"#).unwrap(), [acked, failed]);
}

#[test]
fn a_subscription_has_a_name_and_its_results_and_its_end_arrive() {
    let subscription = Request::Subscribe("news".into(), Operation::new("subscription { news }"));
    assert_eq!(
        encoded(&subscription),
        json!({ "type": "subscribe", "id": "news", "payload": { "query": "subscription { news }" } })
    );
    assert_eq!(encoded(&Request::Complete("news".into())), json!({ "type": "complete", "id": "news" }));
    let next = Item::Message(Received::Next { id: "news".into(), result: json!({ "data": 1 }) });
    assert_eq!(decoded(r#"{"type":"next","id":"news","payload":{"data":1}}"#).unwrap(), [next]);
    let complete = Item::Message(Received::Complete { id: "news".into() });
    assert_eq!(decoded(r#"{"type":"complete","id":"news"}"#).unwrap(), [complete]);
}

#[test]
fn a_subscription_whose_name_is_a_number_is_refused_when_it_is_sent() {
    let named = |name: &str| GraphqlWs::size(&Request::Subscribe(name.into(), Operation::new("")));
    assert!(named("12").is_err() && named("12a").is_ok());
}

#[test]
fn pings_go_both_ways_with_their_payload() {
    let pong = Item::Reply(Message::text(r#"{"payload":{"a":1},"type":"pong"}"#));
    assert_eq!(decoded(r#"{"type":"ping","payload":{"a":1}}"#).unwrap(), [pong]);
    assert_eq!(decoded(r#"{"type":"ping"}"#).unwrap(), [Item::Reply(Message::text(r#"{"type":"pong"}"#))]);
    assert_eq!(GraphqlWs.ping(7), Message::text(r#"{"payload":{"token":7},"type":"ping"}"#));
    assert_eq!(decoded(r#"{"payload":{"token":7},"type":"pong"}"#).unwrap(), [Item::Pong(Some(7))]);
    assert_eq!(decoded(r#"{"type":"pong"}"#).unwrap(), [Item::Pong(None)]);
}

#[test]
fn the_greeting_is_acknowledged() {
    assert_eq!(encoded(&Request::Init(Value::Null)), json!({ "type": "connection_init" }));
    assert_eq!(encoded(&Request::Init(json!({ "t": 1 }))), json!({ "type": "connection_init", "payload": { "t": 1 } }));
    let ready = [Item::Message(Received::Ready)];
    assert_eq!(decoded(r#"{"type":"connection_ack"}"#).unwrap(), ready);
    assert_eq!(decoded(r#"{"type":"connection_ack","payload":{"a":1}}"#).unwrap(), ready);
}

#[test]
fn what_is_no_message_of_the_subprotocol_is_an_error() {
    for text in ["", "{}", r#"{"type":"next"}"#, r#"{"type":"ka"}"#, "[1]"] {
        assert_eq!(decoded(text).unwrap_err().code().get(), 1007, "{text}");
    }
}

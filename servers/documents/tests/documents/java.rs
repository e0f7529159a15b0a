//! The Java server (003), and pages of the document's module.

use std::net::SocketAddr;
use std::time::Duration;

use heartline_axum::heartline::CloseCode;
use heartline_axum::tungstenite::Message;
use heartline_axum::tungstenite::protocol::CloseFrame;
use heartline_axum::{CodecError, Server};
use heartline_documents::java::{self as documents, Endpoint, OPEN, Screens, UNKNOWN};
use heartline_tokio::codec::{Item, Items, Transmission};
use heartline_tokio::{Cause, Client, EndReason, HeartbeatMode, Incoming, Loss, State};
use serde_json::{Value, json};

use crate::site::{Patient as _, Raw, listen, refused, soon};

const HEART: &str = r#"{"event":"heart"}"#;

struct Java {
    address: SocketAddr,
    managers: Endpoint,
    devices: Endpoint,
    to_devices: Server<Screens>,
}

impl Java {
    async fn start() -> Self {
        let servers = documents::Java::new();
        let address = listen(servers.routes()).await;
        let documents::Java { managers: (managers, _), devices: (devices, to_devices) } = servers;
        Self { address, managers, devices, to_devices }
    }

    fn url(&self, path: &str) -> String {
        format!("ws://{}/goLink/{path}", self.address)
    }

    /// A connection that was told that it is open, whose user the log has.
    async fn raw(&self, path: &str) -> Raw {
        let mut raw = Raw::dial(&self.url(path), &[]).await;
        assert_eq!(raw.text().await, OPEN);
        raw
    }

    /// A page of the document's module: it asks for the screen of a device whenever the server says `open`, and beats.
    fn page(&self, path: &str, screen: &'static str) -> (Client<String>, Incoming<Value>) {
        let builder = Client::builder(self.url(path)).codec(Module);
        let builder = builder.heartbeat(HeartbeatMode::Periodic { interval: Duration::from_millis(50), timeout: None });
        let builder = builder.greeting(move |mut link| async move {
            link.until(|json: &Value| json["event"] == "open").await?;
            link.send(event("open_screen", screen)).await?;
            Ok(())
        });
        builder.spawn().expect("valid")
    }
}

/// Texts out, JSON in; the heartbeat is a text that nobody answers.
struct Module;

impl heartline_tokio::Codec for Module {
    type Out = String;
    type In = Value;

    fn size(text: &String) -> Result<usize, CodecError> {
        Ok(text.len())
    }

    fn encode(&mut self, text: &String, _: Transmission) -> Result<Message, CodecError> {
        Ok(Message::text(text))
    }

    fn decode(&mut self, frame: Message, items: &mut Items<Value>) -> Result<(), CodecError> {
        let json =
            serde_json::from_slice(&frame.into_data()).map_err(|error| CodecError::invalid(error.to_string()))?;
        items.push(Item::Message(json));
        Ok(())
    }

    fn ping(&mut self, _: u32) -> Message {
        Message::text(HEART)
    }
}

fn event(name: &str, to: &str) -> String {
    json!({ "event": name, "to_user": to }).to_string()
}

fn relayed(name: &str, from: &str) -> String {
    json!({ "event": name, "fromUser": from }).to_string()
}

#[tokio::test]
async fn who_comes_is_told_open_and_counted_in_the_registry_of_the_endpoint() {
    let java = Java::start().await;
    let _ann = java.raw("manager/ann").await;
    java.managers.log.wait("用户连接:ann,当前在线人数为:1").await;
    let bob = java.raw("manager/bob").await;
    java.managers.log.wait("用户连接:bob,当前在线人数为:2").await;
    let _device = java.raw("device/ann").await;
    java.devices.log.wait("用户连接:ann,当前在线人数为:1").await;
    bob.close(None).await;
    java.managers.log.wait("用户退出:bob,当前在线人数为:1").await;
    assert_eq!(java.devices.log.lines("").len(), 1, "{:?}", java.devices.log);
    let (status, _) = refused(Raw::try_dial(&java.url("manager/"), &[]).await);
    assert_eq!(status, 404, "without a user there is no endpoint");
}

#[tokio::test]
async fn screens_are_opened_and_stopped_in_the_other_registry_under_the_registered_name() {
    let java = Java::start().await;
    let (mut ann, mut phone) = (java.raw("manager/ann").await, java.raw("device/phone").await);
    let (mut namesake, mut tablet) = (java.raw("device/ann").await, java.raw("device/tablet").await);
    ann.send(event("open_screen", "phone")).await;
    assert_eq!(phone.text().await, relayed("open_screen", "ann"));
    ann.send(json!({ "event": "stop_screen", "to_user": "phone", "fromUser": "the boss" }).to_string()).await;
    assert_eq!(phone.text().await, relayed("stop_screen", "ann"));
    phone.send(event("stop_screen", "ann")).await;
    assert_eq!(ann.text().await, relayed("stop_screen", "phone"));
    ann.send(event("open_screen", "ann")).await;
    assert_eq!(namesake.text().await, relayed("open_screen", "ann"));
    // The next that each hears is the answer to its own.
    for other in [&mut ann, &mut phone, &mut namesake, &mut tablet] {
        other.send(r#"{"event":"dance"}"#).await;
        assert_eq!(other.text().await, UNKNOWN);
    }
}

#[tokio::test]
async fn every_unknown_event_is_answered_and_neither_a_heart_nor_a_blank_text_nor_bytes_are() {
    let java = Java::start().await;
    let (mut ann, mut phone) = (java.raw("manager/ann").await, java.raw("device/phone").await);
    for unknown in
        [r#"{"event":"dance"}"#, r#"{"event":"screen","to_user":"phone"}"#, r#"{"event":7}"#, r#"{"event":""}"#]
    {
        for ignored in [HEART, "", " \t\r\n"] {
            ann.send(ignored).await;
        }
        ann.send(Message::binary(HEART)).await;
        ann.send(unknown).await;
    }
    for _ in 0..4 {
        assert_eq!(ann.text().await, UNKNOWN);
    }
    phone.send(event("stop_screen", "ann")).await;
    assert_eq!(ann.text().await, relayed("stop_screen", "phone"), "and not a fifth answer");
    ann.close(None).await;
    java.managers.log.wait("用户退出:ann").await;
    assert_eq!(java.managers.log.lines("").len(), 2, "nothing is an error: {:?}", java.managers.log);
}

#[tokio::test]
async fn a_text_that_makes_no_sense_is_logged_and_costs_nothing() {
    let java = Java::start().await;
    let mut ann = java.raw("manager/ann").await;
    for (count, senseless) in ["no JSON", "{", "[1]", "null", "{}", r#"{"event":null}"#].into_iter().enumerate() {
        ann.send(senseless).await;
        ann.send(r#"{"event":"dance"}"#).await;
        assert_eq!(ann.text().await, UNKNOWN, "the next answer after {senseless}");
        assert_eq!(java.managers.log.lines("用户错误:ann,原因:").len(), count + 1, "{senseless}");
    }
}

#[tokio::test]
async fn who_is_not_there_is_logged_as_offline_and_the_sender_hears_nothing() {
    let java = Java::start().await;
    let mut ann = java.raw("manager/ann").await;
    ann.send(event("open_screen", "phone")).await;
    java.managers.log.wait("用户phone,不在线！").await;
    // Of the other registry only.
    ann.send(event("open_screen", "ann")).await;
    java.managers.log.wait("用户ann,不在线！").await;
    ann.send(r#"{"event":"stop_screen"}"#).await;
    java.managers.log.wait("用户,不在线！").await;
    ann.send(r#"{"event":"dance"}"#).await;
    assert_eq!(ann.text().await, UNKNOWN, "and nothing before");
    assert_eq!(java.managers.log.lines("用户错误"), [""; 0]);
}

/// In the document the old connection's close takes the new one out of the registry.
#[tokio::test]
async fn a_second_connection_of_a_user_takes_over_and_the_close_of_the_first_takes_nothing_back() {
    let java = Java::start().await;
    let mut ann = java.raw("manager/ann").await;
    let (first, second) = (java.raw("device/phone").await, java.raw("device/phone").await);
    assert_eq!(first.closed().await.0, 4409);
    java.devices.log.wait("用户退出:phone,当前在线人数为:1,4409").await;
    ann.send(event("open_screen", "phone")).await;
    let mut phone = second;
    assert_eq!(phone.text().await, relayed("open_screen", "ann"));
    phone.close(None).await;
    java.devices.log.wait("用户退出:phone,当前在线人数为:0").await;
    assert_eq!(java.devices.log.lines("用户连接:phone,当前在线人数为:1").len(), 2, "one user, twice");
}

#[tokio::test]
async fn the_reason_of_a_close_is_known_whoever_closes() {
    let java = Java::start().await;
    let frame = CloseFrame { code: 4000.into(), reason: "the dialog was closed".into() };
    java.raw("manager/ann").await.close(Some(frame)).await;
    java.managers.log.wait(r#"用户退出:ann,当前在线人数为:0,4000 "the dialog was closed""#).await;
    drop(java.raw("manager/bob").await);
    java.managers.log.wait("用户退出:bob,当前在线人数为:0,1006 ").await;
    // The document's `serverClose`.
    let phone = java.raw("device/phone").await;
    let devices = &java.to_devices;
    let conn = devices.conn_of(&"phone".to_owned()).expect("online");
    devices.close(conn, CloseCode::GOING_AWAY, "maintenance");
    assert_eq!(phone.closed().await, (1001, "maintenance".into()));
    java.devices.log.wait(r#"用户退出:phone,当前在线人数为:0,1001 "maintenance""#).await;
}

#[tokio::test]
async fn a_page_opens_the_screen_at_each_open_beats_without_an_answer_and_yields_to_another_tab() {
    let java = Java::start().await;
    let mut phone = java.raw("device/phone").await;
    let (ann, mut to_ann) = java.page("manager/ann", "phone");
    assert_eq!(phone.text().await, relayed("open_screen", "ann"));
    ann.reconnect();
    assert_eq!(phone.text().await, relayed("open_screen", "ann"), "at the second open");
    let mut status = ann.status();
    soon("an opening", status.wait_for(|status| status.state == State::Open)).await.expect("running");
    let beats = ann.stats().session.pings;
    soon("hearts", async {
        while ann.stats().session.pings < beats + 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    phone.send(event("stop_screen", "ann")).await;
    let first = soon("a message", to_ann.next_message()).await.expect("a message");
    assert_eq!(first.to_string(), relayed("stop_screen", "phone"), "and no answer to a heart");

    let _other = java.raw("manager/ann").await;
    let end = soon("the end", ann.closed()).await;
    assert_eq!(end.reason, EndReason::Stopped(Cause::Stopped(Loss::Close(4409))));
}

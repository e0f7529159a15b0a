//! The named events (002), by the protocol of socket.io 4 (engine.io 4) over WebSocket, without its polling: the server
//! pings, and an event is `42["name",data]`.

use std::time::Duration;

use axum::BoxError;
use heartline_axum::heartline::hub::Settings;
use heartline_axum::tungstenite::Message;
use heartline_axum::{Audience, Deny, Handshake, Server};
use serde_json::{Value, json};

use crate::guests::{Frames, Guest, number, opened, texts};
use crate::log::Log;

/// The event that the document's server has a handler for, and with which it answers: "own event 1".
const ASKED: &str = "自定义事件1";
/// The one that it emits to all: "own event 2".
const TOLD: &str = "自定义事件2";

/// Pings each `interval`; an answer may take as long.
pub fn server(log: &Log, interval: Duration) -> Server<Frames> {
    let millis = interval.as_millis();
    let builder = texts(Settings::default(), log, accept, move |cx, text, _| heard(cx, text));
    let starts = log.clone();
    let builder = builder.on_open(move |cx| {
        opened(&starts, &cx);
        async move {
            let about = json!({
                "sid": cx.conn().to_string(), "upgrades": [], "pingInterval": millis, "pingTimeout": millis, "maxPayload": 1_000_000
            });
            tokio::spawn(beat(cx.server().clone(), number(&cx), interval));
            Ok(cx.reply(&Message::text(format!("0{about}")))?)
        }
    });
    builder.build().expect("a server")
}

fn accept(request: &Handshake) -> Result<(), Deny> {
    let spoken =
        request.query("EIO").as_deref() == Some("4") && request.query("transport").as_deref() == Some("websocket");
    spoken.then_some(()).ok_or(Deny::forbidden("only EIO=4 and transport=websocket are spoken here"))
}

async fn beat(server: Server<Frames>, guest: u64, interval: Duration) {
    let mut due = tokio::time::interval_at(tokio::time::Instant::now() + interval, interval);
    loop {
        due.tick().await;
        if server.send(&guest, &Message::text("2")).is_err() {
            return;
        }
    }
}

fn heard(cx: &Guest, text: &str) -> Result<(), BoxError> {
    if text.starts_with("40") {
        let joined = json!({ "sid": cx.conn().to_string() });
        return Ok(cx.reply(&Message::text(format!("40{joined}")))?);
    }
    let Some(event) = text.strip_prefix("42") else { return Ok(()) };
    let event: Value = serde_json::from_str(event)?;
    if event[0] == ASKED {
        cx.reply(&packet(ASKED, &event[1]))?;
        cx.server().broadcast(Audience::All, &packet(TOLD, &event[1]))?;
    }
    Ok(())
}

fn packet(name: &str, data: &Value) -> Message {
    Message::text(format!("42{}", json!([name, data])))
}

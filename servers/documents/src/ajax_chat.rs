//! What the Vue component (001) talks to.

use heartline_axum::Server;
use heartline_axum::heartline::hub::Settings;
use heartline_axum::tungstenite::Message;
use serde_json::json;

use crate::guests::{Frames, texts};
use crate::log::Log;

/// Answers `{"heart":1}` by itself unless it is `mute`, an `id` by a text for it, and a `number` by its acknowledgement.
pub fn server(log: &Log, mute: bool) -> Server<Frames> {
    let builder = texts(
        Settings::default(),
        log,
        |_| Ok(()),
        move |cx, _, json| {
            let answer = if let Some(id) = json["id"].as_str() {
                json!({ "id": id, "text": "ok" })
            } else if let Some(number) = json["number"].as_u64() {
                json!({ "ack": number })
            } else if json["heart"] == 1 && !mute {
                json!({ "heart": 1 })
            } else {
                return Ok(());
            };
            Ok(cx.reply(&Message::text(answer.to_string()))?)
        },
    );
    builder.build().expect("a server")
}

/// What everybody is sent next.
pub fn points(number: u64) -> Vec<String> {
    vec![json!({ "text": number.to_string() }).to_string()]
}

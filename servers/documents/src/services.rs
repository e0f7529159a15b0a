//! What the Angular controller (004) subscribes to.

use heartline_axum::Server;
use heartline_axum::heartline::hub::Settings;
use heartline_axum::tungstenite::Message;
use serde_json::{Value, json};

use crate::guests::{Frames, texts};
use crate::log::Log;

/// Those that have points.
const SERVICES: [&str; 2] = ["业务1", "业务2"];

/// Hearts are answered by themselves unless it is `mute`.
pub fn server(log: &Log, mute: bool) -> Server<Frames> {
    let builder = texts(
        Settings::default(),
        log,
        |_| Ok(()),
        move |cx, text, json| {
            match (json["type"].as_str(), json["service"].as_str()) {
                (Some("sub"), Some(service)) => _ = cx.join(service)?,
                (Some("unsub"), Some(service)) => cx.leave(service),
                (Some("HEART_BEAT"), _) if !mute => cx.reply(&Message::text(text))?,
                _ => {}
            }
            Ok(())
        },
    );
    builder.build().expect("a server")
}

/// Who gets what is pushed: those who subscribed to its service.
pub fn room(json: &Value) -> Option<String> {
    json["service"].as_str().map(str::to_owned)
}

/// What the services have next.
pub fn points(number: u64) -> Vec<String> {
    SERVICES.map(|service| json!({ "service": service, "data": number }).to_string()).into()
}

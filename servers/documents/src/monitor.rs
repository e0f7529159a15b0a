//! The monitor (002): points of the processor for everybody who said anything.

use heartline_axum::Server;
use heartline_axum::heartline::hub::Settings;
use heartline_axum::tungstenite::Message;
use serde_json::{Value, json};

use crate::guests::{Frames, texts};
use crate::log::Log;

const FEED: &str = "monitorCPU";

/// Welcomes who speaks, which is no point.
pub fn server(log: &Log) -> Server<Frames> {
    let builder = texts(
        Settings::default(),
        log,
        |_| Ok(()),
        |cx, _, _| {
            cx.reply(&Message::text("welcome to the monitor"))?;
            cx.join(FEED)?;
            Ok(())
        },
    );
    builder.build().expect("a server")
}

/// Who gets what is pushed.
pub fn room(_: &Value) -> Option<String> {
    Some(FEED.into())
}

/// A year, and a value.
pub fn points(number: u64) -> Vec<String> {
    vec![json!({ FEED: [[2000 + number, number]] }).to_string()]
}

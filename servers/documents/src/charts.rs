//! The charts of the React page (000): points for those who said of which group and project, by a token in the query.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heartline_axum::heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline_axum::heartline::hub::Settings;
use heartline_axum::tungstenite::Message;
use heartline_axum::{Deny, Server};
use serde_json::Value;

use crate::guests::{Frames, texts};
use crate::log::Log;

/// The heartbeat, and its answer.
pub const HEART: &str = "H&M";
/// Whose points have no project.
const ALL: &str = "all charts";

/// Tokens of which each is good for one connection.
#[derive(Clone, Default)]
pub struct Tokens(Arc<Mutex<(u64, BTreeSet<String>)>>);

impl Tokens {
    /// A new one.
    pub fn issue(&self) -> String {
        let mut tokens = self.0.lock().expect("nobody panics here");
        tokens.0 += 1;
        let token = format!("token-{}", tokens.0);
        tokens.1.insert(token.clone());
        token
    }

    fn take(&self, token: &str) -> bool {
        self.0.lock().expect("nobody panics here").1.remove(token)
    }
}

/// Who sends nothing for `idle` is disconnected; hearts are answered unless it is `mute`.
pub fn server(log: &Log, tokens: &Tokens, idle: Duration, mute: bool) -> Server<Frames> {
    let mode = HeartbeatMode::Listen { timeout: idle };
    let heartbeat = HeartbeatConfig { mode, slow_after: None, ..HeartbeatConfig::default() };
    let tokens = tokens.clone();
    let accept = move |request: &heartline_axum::Handshake| {
        let good = request.query("token").is_some_and(|token| tokens.take(&token));
        good.then_some(()).ok_or(Deny::unauthorized("the token is not good, or no longer"))
    };
    let builder = texts(Settings { heartbeat, ..Settings::default() }, log, accept, move |cx, text, json| {
        if text == HEART && !mute {
            cx.reply(&Message::text(HEART))?;
        }
        if let (Some(_), Some(room)) = (json["projectId"].as_u64(), room(json)) {
            cx.join(room)?;
            cx.join(ALL)?;
        }
        Ok(())
    });
    builder.build().expect("a server")
}

/// Who gets a point: those of its project, or else all that have one.
pub fn room(point: &Value) -> Option<String> {
    let of_project = point["projectId"].is_u64();
    Some(if of_project { format!("{}/{}", point["groupId"], point["projectId"]) } else { ALL.into() })
}

/// What all charts show next: a number of percent.
pub fn points(number: u64) -> Vec<String> {
    vec![(number % 100).to_string()]
}

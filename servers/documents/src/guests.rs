//! Servers where nobody logs in. A hub delivers to users, so the hook that authenticates makes each connection a guest
//! of its own, by a number.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::BoxError;
use heartline_axum::heartline::hub::Settings;
use heartline_axum::tungstenite::Message;
use heartline_axum::{Access, Builder, Codec, CodecError, Cx, Deny, Handshake, Never, Origins, Received, Server};
use serde_json::Value;

use crate::log::Log;

/// Texts and bytes as they are.
pub struct Frames;

impl Codec for Frames {
    type User = u64;
    type Login = Never;
    type In = Message;
    type Out = Message;

    fn decode(&self, frame: Message) -> Result<Received<Self>, CodecError> {
        Ok(Received::Message(frame))
    }

    fn encode(&self, message: &Message) -> Message {
        message.clone()
    }
}

/// A connection of a guest.
pub type Guest = Cx<Frames>;

/// The number of a guest.
pub fn number(cx: &Guest) -> u64 {
    cx.user().copied().unwrap_or_default()
}

/// Writes down that a guest has come, for servers with a hook of their own for that.
pub fn opened(log: &Log, cx: &Guest) {
    log.write(format!("opened {}", number(cx)));
}

/// A server for guests from anywhere. Who comes, what arrives, what fails and how a connection ends stands in the log.
pub fn guests(
    settings: Settings,
    log: &Log,
    accept: impl Fn(&Handshake) -> Result<(), Deny> + Send + Sync + 'static,
    heard: impl Fn(&Guest, &Message) -> Result<(), BoxError> + Send + Sync + 'static,
) -> Builder<Frames> {
    let [starts, received, ends, errors] = [(); 4].map(|()| log.clone());
    let last = AtomicU64::new(0);
    Server::builder(Frames, settings)
        .origins(Origins::any())
        .authenticate(move |request| {
            let guest = accept(&request).map(|()| Access::user(1 + last.fetch_add(1, Ordering::Relaxed)));
            async { guest }
        })
        .on_open(move |cx| {
            opened(&starts, &cx);
            async { Ok(()) }
        })
        .on_message(move |cx, message| {
            received.write(format!("received {}: {}", number(&cx), message.to_text().unwrap_or("bytes")));
            let done = heard(&cx, &message);
            async { done }
        })
        .on_close(move |cx, closed| {
            let (code, reason, clean) = (closed.code, closed.reason, closed.clean);
            ends.write(format!("closed {} with {code}, {reason:?}, clean: {clean}", number(&cx)));
            async {}
        })
        .on_error(move |_, error| errors.write(format!("error: {error}")))
}

/// A server of texts: `heard` gets each, and what it is as JSON, or null.
pub fn texts(
    settings: Settings,
    log: &Log,
    accept: impl Fn(&Handshake) -> Result<(), Deny> + Send + Sync + 'static,
    heard: impl Fn(&Guest, &str, &Value) -> Result<(), BoxError> + Send + Sync + 'static,
) -> Builder<Frames> {
    guests(settings, log, accept, move |cx, message| {
        let text = message.to_text().unwrap_or_default();
        heard(cx, text, &serde_json::from_str(text).unwrap_or_default())
    })
}

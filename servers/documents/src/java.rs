//! The Java server (003): managers who look at the screens of devices. Two endpoints on one port, each with a registry of
//! users and a count of its own; events go from one registry to the other.
//!
//! Whose name stands in the path is believed, as in the document: an application has the name proved.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::extract::Path;
use axum::{BoxError, Router};
use heartline_axum::heartline::ConnId;
use heartline_axum::heartline::hub::Settings;
use heartline_axum::tungstenite::Message;
use heartline_axum::{
    Access, Closed, Codec, CodecError, Cx, Deny, Handshake, Never, Notice, Origins, Received, SendError, Server,
};
use serde_json::{Value, json};

use crate::log::Log;

/// What everybody is told who comes.
pub const OPEN: &str = r#"{"event":"open","msg":"ok"}"#;
/// The answer to an event that there is not: "cannot be handled".
pub const UNKNOWN: &str = r#"{"event":"heart","fromuserId":"system","msg":"event无法处理"}"#;

/// The events of the document, as JSON.
pub struct Screens;

/// What a handler has to do with: an event for the other registry, or a text that makes no sense.
pub enum Said {
    /// An event for the user `to` of the other registry.
    Screen {
        /// Its name.
        event: &'static str,
        /// `to_user`, if there is one.
        to: Option<String>,
    },
    /// Why it makes no sense.
    Senseless(String),
}

impl Codec for Screens {
    type User = String;
    type Login = Never;
    type In = Said;
    type Out = Value;

    fn decode(&self, frame: Message) -> Result<Received<Self>, CodecError> {
        // Nobody listens to bytes, and a blank text is skipped.
        let Message::Text(text) = frame else { return Ok(Received::Pong) };
        if text.trim().is_empty() {
            return Ok(Received::Pong);
        }
        let json: Value = match serde_json::from_str(&text) {
            Ok(json) => json,
            Err(error) => return Ok(Received::Message(Said::Senseless(error.to_string()))),
        };
        Ok(match &json["event"] {
            Value::Null => Received::Message(Said::Senseless("no event".into())),
            event if event == "heart" => Received::Pong,
            event if event == "open_screen" => Received::Message(Said::screen("open_screen", &json)),
            event if event == "stop_screen" => Received::Message(Said::screen("stop_screen", &json)),
            _ => Received::UnknownMessage,
        })
    }

    fn encode(&self, message: &Value) -> Message {
        Message::text(message.to_string())
    }

    fn notice(&self, notice: Notice<'_, String>) -> Option<Message> {
        match notice {
            Notice::LoggedIn { .. } => Some(Message::text(OPEN)),
            Notice::UnknownMessage => Some(Message::text(UNKNOWN)),
            _ => None,
        }
    }
}

impl Said {
    fn screen(event: &'static str, json: &Value) -> Self {
        Self::Screen { event, to: json["to_user"].as_str().map(str::to_owned) }
    }
}

/// One of the two endpoints.
#[derive(Clone, Default)]
pub struct Endpoint {
    /// What it writes down.
    pub log: Log,
    /// The document's field `userId`, by connection.
    users: Arc<Mutex<BTreeMap<ConnId, String>>>,
    /// Where its events go.
    other: Arc<OnceLock<Server<Screens>>>,
}

impl Endpoint {
    fn server(&self) -> Server<Screens> {
        let [opened, heard, closed, failed] = [(); 4].map(|()| self.clone());
        Server::builder(Screens, Settings { reply_gap: Duration::ZERO, ..Settings::default() })
            .origins(Origins::any())
            .authenticate(named_by_path)
            .on_open(move |cx| {
                opened.opened(&cx);
                async { Ok(()) }
            })
            .on_message(move |cx, said| {
                let heard = heard.heard(&cx, said);
                async { heard }
            })
            .on_close(move |cx, how| {
                closed.closed(&cx, &how);
                async {}
            })
            .on_error(move |cx, error| {
                failed.log.write(format!("用户错误:{},原因:{error}", failed.user(cx)));
            })
            .build()
            .expect("a server")
    }

    fn user(&self, cx: &Cx<Screens>) -> String {
        self.users.lock().expect("nobody panics here").get(&cx.conn()).cloned().unwrap_or_default()
    }

    fn opened(&self, cx: &Cx<Screens>) {
        let user = cx.user().map(|user| user.to_string()).unwrap_or_default();
        self.log.write(format!("用户连接:{user},当前在线人数为:{}", cx.server().stats().online));
        self.users.lock().expect("nobody panics here").insert(cx.conn(), user);
    }

    /// The document's `sendInfo` of the other registry. Who is not there is logged, and nobody is told.
    fn heard(&self, cx: &Cx<Screens>, said: Said) -> Result<(), BoxError> {
        let (event, to) = match said {
            Said::Screen { event, to } => (event, to.unwrap_or_default()),
            Said::Senseless(why) => return Err(why.into()),
        };
        let user = self.user(cx);
        self.log.write(format!("用户消息:{user},报文:{event} {to}"));
        let message = json!({ "event": event, "fromUser": user });
        let other = self.other.get().expect("both are set up before a request comes");
        match other.send(&to, &message) {
            Err(SendError::Offline) => self.log.write(format!("用户{to},不在线！")),
            sent => sent?,
        }
        Ok(())
    }

    fn closed(&self, cx: &Cx<Screens>, how: &Closed) {
        let (user, online) = (self.user(cx), cx.server().stats().online);
        self.users.lock().expect("nobody panics here").remove(&cx.conn());
        self.log.write(format!("用户退出:{user},当前在线人数为:{online},{} {:?}", how.code, how.reason));
    }
}

async fn named_by_path(mut request: Handshake) -> Result<Access<String>, Deny> {
    let Path(user) = request.extract::<Path<String>>().await.map_err(|_| Deny::unauthorized("无userId"))?;
    Ok(Access::user(user))
}

/// Both endpoints, each with its server.
pub struct Java {
    /// That of the managers.
    pub managers: (Endpoint, Server<Screens>),
    /// That of the devices.
    pub devices: (Endpoint, Server<Screens>),
}

impl Java {
    /// Endpoints that know each other.
    pub fn new() -> Self {
        let [managers, devices] = [(); 2].map(|()| {
            let endpoint = Endpoint::default();
            let server = endpoint.server();
            (endpoint, server)
        });
        for (one, other) in [(&managers, &devices), (&devices, &managers)] {
            _ = one.0.other.set(other.1.clone());
        }
        Self { managers, devices }
    }

    /// Their paths.
    pub fn routes(&self) -> Router {
        Router::new()
            .route("/goLink/manager/{userId}", self.managers.1.route())
            .route("/goLink/device/{userId}", self.devices.1.route())
    }
}

impl Default for Java {
    fn default() -> Self {
        Self::new()
    }
}

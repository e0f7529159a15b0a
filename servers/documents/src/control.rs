//! What a test has a server do, and reads of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use heartline_axum::heartline::CloseCode;
use heartline_axum::tungstenite::Message;
use heartline_axum::{Audience, Codec, Server};
use serde_json::Value;

use crate::event_stream::EventStream;
use crate::guests::Frames;
use crate::java::Screens;
use crate::log::Log;

/// What a server sends by itself.
#[derive(Clone, Copy)]
pub struct Feed {
    /// Who gets a message: a room, or everybody.
    pub room: fn(&Value) -> Option<String>,
    /// The points of this number.
    pub points: fn(u64) -> Vec<String>,
}

impl Feed {
    /// Nothing; what a test pushes is for everybody.
    pub const NONE: Self = Self { room: |_| None, points: |_| Vec::new() };
}

type Push = dyn Fn(&str) + Send + Sync;
type Close = dyn Fn(CloseCode, &str) + Send + Sync;

/// One server, as a test has it.
pub struct Controlled {
    log: Log,
    push: Box<Push>,
    close: Box<Close>,
    points: fn(u64) -> Vec<String>,
}

impl Controlled {
    /// One for guests.
    pub fn guests(server: &Server<Frames>, log: Log, feed: Feed) -> Self {
        let [sender, closer] = [(); 2].map(|()| server.clone());
        let push = move |text: &str| {
            let room = (feed.room)(&serde_json::from_str(text).unwrap_or_default());
            let audience = room.map_or(Audience::All, Audience::from);
            // Who is gone needs no point.
            _ = sender.broadcast(audience, &Message::text(text));
        };
        let close = move |code, reason: &str| close_all(&closer, code, reason);
        Self { log, push: Box::new(push), close: Box::new(close), points: feed.points }
    }

    /// One of the two registries; a text that is no JSON is not sent.
    pub fn screens(server: &Server<Screens>, log: Log) -> Self {
        let [sender, closer] = [(); 2].map(|()| server.clone());
        let push = move |text: &str| {
            if let Ok(json) = serde_json::from_str(text) {
                _ = sender.broadcast(Audience::All, &json);
            }
        };
        let close = move |code, reason: &str| close_all(&closer, code, reason);
        Self { log, push: Box::new(push), close: Box::new(close), points: Feed::NONE.points }
    }

    /// The stream of events; `close` ends its responses, without a code.
    pub fn events(events: &EventStream) -> Self {
        let [sender, closer] = [(); 2].map(|()| events.clone());
        let push = move |text: &str| sender.push(text);
        let points = |number: u64| vec![number.to_string()];
        Self { log: events.log.clone(), push: Box::new(push), close: Box::new(move |_, _| closer.end()), points }
    }
}

fn close_all<C: Codec>(server: &Server<C>, code: CloseCode, reason: &str) {
    for user in server.online(usize::MAX).0 {
        if let Some(conn) = server.conn_of(&user) {
            server.close(conn, code, reason);
        }
    }
}

/// The servers, by their names.
pub type Names = BTreeMap<&'static str, Controlled>;

/// The paths for tests. With `every`, the feeds run as long as the runtime does.
pub fn routes(servers: Names, every: Option<Duration>) -> Router {
    let servers = Arc::new(servers);
    if let Some(every) = every {
        tokio::spawn(run_feeds(Arc::clone(&servers), every));
    }
    Router::new()
        .route("/log/{name}", get(lines))
        .route("/push/{name}", post(push))
        .route("/close/{name}", post(close))
        .with_state(servers)
}

async fn run_feeds(servers: Arc<Names>, every: Duration) {
    let mut due = tokio::time::interval(every);
    for number in 1.. {
        due.tick().await;
        for server in servers.values() {
            (server.points)(number).iter().for_each(|point| (server.push)(point));
        }
    }
}

type Servers = State<Arc<Names>>;

async fn lines(State(servers): Servers, Path(name): Path<String>) -> Result<Json<Vec<String>>, StatusCode> {
    let server = servers.get(&*name).ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(server.log.lines("")))
}

async fn push(State(servers): Servers, Path(name): Path<String>, text: String) -> Result<(), StatusCode> {
    let server = servers.get(&*name).ok_or(StatusCode::NOT_FOUND)?;
    (server.push)(&text);
    Ok(())
}

/// `?code=1012&reason=`
async fn close(
    State(servers): Servers,
    Path(name): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<(), StatusCode> {
    let server = servers.get(&*name).ok_or(StatusCode::NOT_FOUND)?;
    let code = query.get("code").and_then(|code| CloseCode::new(code.parse().ok()?).ok());
    let reason = query.get("reason").map_or("", String::as_str);
    (server.close)(code.ok_or(StatusCode::BAD_REQUEST)?, reason);
    Ok(())
}

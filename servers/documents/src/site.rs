//! All servers on one port.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use heartline_axum::{Origins, Server};
use tower::ServiceExt as _;

use crate::control::{self, Controlled, Feed, Names};
use crate::event_stream::EventStream;
use crate::guests::Frames;
use crate::java::Java;
use crate::log::Log;
use crate::{ajax_chat, charts, monitor, node, services, socket_io};

/// How the servers behave.
#[derive(Clone, Debug)]
pub struct Options {
    /// The time between two points of a feed; `None`: only what a test pushes.
    pub every: Option<Duration>,
    /// How long a page of charts may be silent.
    pub idle: Duration,
    /// The time between two pings of socket.io.
    pub ping: Duration,
    /// Whether hearts of 000, 001 and 004 stay without an answer.
    pub mute: bool,
    /// The pages that may connect to the server of `echo-protocol`.
    pub origins: Origins,
}

impl Default for Options {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { every: Some(seconds(1)), idle: seconds(120), ping: seconds(25), mute: false, origins: Origins::any() }
    }
}

/// All paths. Needs a runtime of tokio, in which the feeds run.
pub fn routes(options: &Options) -> Router {
    let (tokens, events, java) = (charts::Tokens::default(), EventStream::new(), Java::new());
    let mut names = Names::from([
        ("events", Controlled::events(&events)),
        ("managers", Controlled::screens(&java.managers.1, java.managers.0.log.clone())),
        ("devices", Controlled::screens(&java.devices.1, java.devices.0.log.clone())),
    ]);
    let mut add = |name, feed, server: &dyn Fn(&Log) -> Server<Frames>| {
        let log = Log::default();
        let server = server(&log);
        names.insert(name, Controlled::guests(&server, log, feed));
        server.route::<()>()
    };
    let (mute, everybody) = (options.mute, Feed::NONE.room);
    let to_charts = Feed { room: charts::room, points: charts::points };
    let to_all = Feed { room: everybody, points: ajax_chat::points };
    let beats = Feed { room: everybody, points: node::beats };
    let to_monitors = Feed { room: monitor::room, points: monitor::points };
    let to_subscribers = Feed { room: services::room, points: services::points };
    let app = Router::new()
        .route("/websocket", add("charts", to_charts, &|log| charts::server(log, &tokens, options.idle, mute)))
        .route("/ajaxchattest", add("ajax_chat", to_all, &|log| ajax_chat::server(log, mute)))
        .route("/all", add("all", Feed::NONE, &node::to_all))
        .route("/ws", add("ws", beats, &node::greeting))
        .route("/ws/monitor", add("monitor", to_monitors, &monitor::server))
        .route("/socket.io/", add("socket_io", Feed::NONE, &|log| socket_io::server(log, options.ping)))
        .route("/subscribeWebSocket/", add("services", to_subscribers, &|log| services::server(log, mute)));
    let echo = add("echo", Feed::NONE, &|log| node::echo(log, options.origins.clone()));
    app.route("/", get(either).with_state(echo))
        .route("/token", get(async move || ([(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")], tokens.issue())))
        .route(
            "/events",
            get(async move |headers: HeaderMap, Query(query): Query<BTreeMap<_, _>>| {
                events.response(last(&headers, &query))
            }),
        )
        .merge(java.routes())
        .merge(control::routes(names, options.every))
}

/// After which event a page takes up a stream: `Last-Event-ID`, which an `EventSource` sends when it dials again, or `?after=`
/// of a new one, which cannot set a header.
fn last<'a>(headers: &'a HeaderMap, query: &'a BTreeMap<String, String>) -> &'a str {
    let header = headers.get("Last-Event-ID").and_then(|id| id.to_str().ok());
    header.or(query.get("after").map(String::as_str)).unwrap_or_default()
}

/// Upgrades are the WebSocket server's, and everything else is the HTTP server's, by the same path.
pub async fn either(State(websocket): State<MethodRouter>, request: Request) -> Response {
    if request.headers().contains_key("Upgrade") {
        return websocket.oneshot(request).await.into_response();
    }
    format!("{} by HTTP", request.uri().path()).into_response()
}

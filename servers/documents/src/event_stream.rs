//! Server-sent events (002): numbered, kept, and taken up after the last that a page has seen.

use std::convert::Infallible;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::header;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::sync::watch;

use crate::log::Log;

/// How long a page waits before it asks again.
const RETRY: Duration = Duration::from_millis(100);

/// All events since the start, and how often all streams were ended.
#[derive(Default)]
struct History {
    events: Vec<String>,
    ends: u64,
}

/// The stream. The id of an event is `RUN-NUMBER`: after a restart of the server its numbers begin anew.
#[derive(Clone)]
pub struct EventStream {
    run: u128,
    history: watch::Sender<History>,
    /// What it writes down: after which number a page began.
    pub log: Log,
}

impl EventStream {
    /// Without events.
    pub fn new() -> Self {
        let run = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        Self { run, history: watch::Sender::default(), log: Log::default() }
    }

    /// The next event.
    pub fn push(&self, data: &str) {
        self.history.send_modify(|history| history.events.push(data.into()));
    }

    /// The number of the event with this id; 0 unless this run made it.
    fn number(&self, id: &str) -> usize {
        let number = id.strip_prefix(&format!("{}-", self.run));
        number.and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    /// Ends all responses.
    pub fn end(&self) {
        self.history.send_modify(|history| history.ends += 1);
    }

    /// A response with all events after that of the id `last`, for pages from anywhere. Each is of the type `point`.
    pub fn response(&self, last: &str) -> Response {
        let (run, last) = (self.run, self.number(last));
        self.log.write(format!("opened after {last}"));
        let events = self.history.subscribe();
        let ends = events.borrow().ends;
        let stream = stream::unfold((events, last), move |(mut events, last)| async move {
            let found = events.wait_for(|history| history.ends > ends || history.events.len() > last).await.ok()?;
            let data = (found.ends == ends).then(|| found.events[last].clone())?;
            drop(found);
            let id = format!("{run}-{}", last + 1);
            let event = Event::default().id(id).event("point").retry(RETRY).data(data);
            Some((Ok::<_, Infallible>(event), (events, last + 1)))
        });
        let anywhere = [(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")];
        (anywhere, Sse::new(stream).keep_alive(KeepAlive::default())).into_response()
    }
}

impl Default for EventStream {
    fn default() -> Self {
        Self::new()
    }
}

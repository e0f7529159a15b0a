//! The users' messages: what was sent in this phase, and what became of it.

use std::borrow::Cow;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::user::name;
use crate::figures::Figures;
use crate::tally::{Codes, add};

/// How the text of a user's message begins; then come the phase, a colon, and microseconds.
const MARK: &str = "canary:";

#[derive(Debug)]
pub struct Post {
    origin: Instant,
    now: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    phase: u64,
    /// Messages of this phase, for their ids.
    written: u64,
    figures: Figures,
    closed: Codes,
}

/// A server's event, as far as it matters here.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    id: Option<u64>,
}

/// The high bits of an id are its phase.
const PHASE: u32 = 32;

impl Default for Post {
    fn default() -> Self {
        Self { origin: Instant::now(), now: Mutex::default() }
    }
}

impl Post {
    fn now(&self) -> MutexGuard<'_, State> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on another phase.
    pub fn begin(&self) {
        let mut now = self.now();
        now.phase += 1;
        now.written = 0;
        now.figures = Figures::default();
    }

    /// What became of the messages of this phase.
    pub fn end(&self) -> Figures {
        let mut figures = std::mem::take(&mut self.now().figures);
        figures.lost = figures.sent.saturating_sub(figures.received + figures.returned);
        figures
    }

    /// Whether messages of this phase are under way.
    pub fn is_awaiting(&self) -> bool {
        let figures = &self.now().figures;
        figures.received + figures.returned < figures.sent
    }

    /// A message to the user of this number, with its time and phase.
    pub fn message(&self, to: usize) -> String {
        let micros = self.origin.elapsed().as_micros();
        let mut now = self.now();
        now.written += 1;
        let (phase, id, to) = (now.phase, (now.phase << PHASE) | now.written, name(to));
        format!(r#"{{"event":"send","to":"{to}","text":"{MARK}{phase}:{micros}","id":{id}}}"#)
    }

    pub fn count_sent(&self, is_sent: bool) {
        let figures = &mut self.now().figures;
        *(if is_sent { &mut figures.sent } else { &mut figures.unsent }) += 1;
    }

    pub fn count_closed(&self, code: u16) {
        let mut now = self.now();
        add(&mut now.figures.closed, code);
        add(&mut now.closed, code);
    }

    /// The connections that have ended, in whichever phase.
    pub fn all_closed(&self) -> Codes {
        self.now().closed.clone()
    }

    /// Takes a server's text.
    pub fn receive(&self, text: &str) {
        let Ok(Event { event, text, id }) = serde_json::from_str(text) else { return };
        let stamp = text.as_deref().and_then(|text| text.strip_prefix(MARK)?.split_once(':'));
        let mut now = self.now();
        match (&*event, stamp) {
            ("text", Some((phase, micros))) if phase.parse() == Ok(now.phase) => {
                let sent = Duration::from_micros(micros.parse().unwrap_or(0));
                now.figures.received += 1;
                now.figures.latency.record(self.origin.elapsed().saturating_sub(sent));
            }
            ("offline" | "full" | "dropped", _) if id.is_some_and(|id| id >> PHASE == now.phase) => {
                now.figures.returned += 1;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_received_returned_or_lost_and_counts_in_its_own_phase() {
        let post = Post::default();
        post.begin();
        let late = post.message(0);
        post.count_sent(true);
        assert!(post.is_awaiting());
        assert_eq!(post.end().lost, 1);

        post.begin();
        let texts: Vec<String> = (0..3).map(|to| post.message(to)).collect();
        (0..3).for_each(|_| post.count_sent(true));
        post.count_sent(false);
        post.receive(&relayed(&texts[0]));
        post.receive(&relayed(&late));
        let id: serde_json::Value = serde_json::from_str(&texts[1]).expect("JSON");
        post.receive(&format!(r#"{{"event":"full","to_user":"canary1","id":{}}}"#, id["id"]));
        post.receive(r#"{"event":"text","from":"mallory","text":"canary"}"#);
        post.receive("no JSON");
        post.count_closed(1013);
        let figures = post.end();
        assert_eq!((figures.sent, figures.received, figures.returned, figures.lost, figures.unsent), (3, 1, 1, 1, 1));
        assert_eq!((figures.latency.count(), figures.closed), (1, Codes::from([(1013, 1)])));
    }

    fn relayed(sent: &str) -> String {
        let sent: serde_json::Value = serde_json::from_str(sent).expect("JSON");
        format!(r#"{{"event":"text","from":"ann","text":{},"id":{}}}"#, sent["text"], sent["id"])
    }
}

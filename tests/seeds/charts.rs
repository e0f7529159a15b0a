//! The server of the React class (000), and its page.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use heartline::hub::{self, SecondLogin};
use heartline::{ConnId, Rhythm};

use crate::page::Page;
use crate::serving::{Desk, Rules, Served, Upgrade};
use crate::support::pulse;

pub const HEART: &str = "H&M";
pub const OPENING: &str = r#"{"groupId":12,"projectId":7}"#;

/// The server: a token is good for one dial, and a page gets what its project has to show.
#[derive(Default)]
pub struct Charts {
    /// The counter that tokens are taken from, as the site's login keeps it.
    pub issued: Arc<AtomicU32>,
    used: u32,
    /// Only what the client sends counts against the two minutes.
    pub strict: bool,
    /// Which group and project a page asked for, by the connection it asked on.
    projects: BTreeMap<ConnId, (u64, u64)>,
}

impl Rules for Charts {
    type Key = String;

    fn judge(&mut self, upgrade: &Upgrade) -> Result<(), u16> {
        let token = upgrade.path.strip_prefix("/websocket?token=").and_then(|token| token.parse().ok());
        let fresh = token.is_some_and(|token: u32| token > self.used && token <= self.issued.load(Ordering::Relaxed));
        self.used = token.unwrap_or(self.used);
        if fresh { Ok(()) } else { Err(401) }
    }

    fn opened(&mut self, desk: &mut Desk<String>, conn: ConnId, _upgrade: &Upgrade) {
        desk.input(hub::Input::Login { conn, user: "the page's user".into() });
    }

    fn text(&mut self, desk: &mut Desk<String>, conn: ConnId, text: &str) {
        let asked: Option<serde_json::Value> = serde_json::from_str(text).ok();
        let number = |name: &str| asked.as_ref().and_then(|asked| asked[name].as_u64());
        match (number("groupId"), number("projectId")) {
            (Some(group), Some(project)) => drop(self.projects.insert(conn, (group, project))),
            _ if text == HEART => desk.input(hub::Input::Ping { conn }),
            _ => desk.input(hub::Input::Unknown { conn }),
        }
    }

    fn closed(&mut self, _desk: &mut Desk<String>, conn: ConnId) {
        self.projects.remove(&conn);
    }
}

impl Charts {
    /// News of a project, for whoever asked for it.
    pub fn publish(&self, desk: &mut Desk<String>, project: u64, news: &str) {
        for conn in self.projects.iter().filter(|(_, (_, asked))| *asked == project).map(|(conn, _)| *conn) {
            desk.say(conn, news);
            // Idle is a connection without traffic either way.
            if !self.strict {
                desk.input(hub::Input::Alive { conn });
            }
        }
    }
}

pub fn served(charts: Charts, patience: Duration) -> Served<Charts> {
    let heartbeat = pulse(Rhythm::Listen { window: patience });
    let settings = hub::Settings { heartbeat, second_login: SecondLogin::Replace, ..Default::default() };
    Served::new(settings, charts).answering(HEART)
}

pub fn page(base: String, tokens: Arc<AtomicU32>) -> Page {
    Page {
        url: Box::new(move || format!("{base}/websocket?token={}", tokens.fetch_add(1, Ordering::Relaxed) + 1)),
        opening: vec![OPENING.into()],
        ping: HEART.into(),
        is_pong: |text| text == HEART,
        ..Page::at("")
    }
}

//! What became of a fault.

use std::collections::BTreeMap;
use std::time::Duration;

use heartline::directory::Stats;
use heartline_testkit::faults::Audit;

use crate::fault::Fault;

/// What was seen of one fault.
#[derive(Clone, Debug)]
pub struct Report {
    /// Which.
    pub fault: Fault,
    /// After what all nodes agreed again.
    pub agreements: Vec<Agreement>,
    /// What became of every message from user to user, and of every connection.
    pub audit: Audit,
    /// How often a user was told that another is offline; and of these, how often that one was connected.
    pub offline_events: (usize, usize),
    /// Messages in rooms that were heard twice on a connection, or by who said them.
    pub heard_wrongly: usize,
    /// Users with two connections at the end.
    pub doubled: usize,
    /// What did not come about in time.
    pub wrong: Vec<String>,
    /// What the nodes have counted since they started.
    pub stats: BTreeMap<String, Stats>,
}

/// How long it took after something until all nodes agreed on all users; none if they did not.
#[derive(Clone, Debug)]
pub struct Agreement {
    /// After what.
    pub after: String,
    /// How long.
    pub took: Option<Duration>,
}

/// The head of a table of [`Report::row`]s.
pub const HEAD: &str = "\
| fault | all agreed after | sent | routed / offline / unknown / full / dropped / not told | lost / false / twice / overtaken | unknown, and arrived | routed, and gone with a connection | ends of connections and dials | offline events, of these about users who were connected |
|---|---|---|---|---|---|---|---|---|";

const ENDS: &str = "connections that ended, and dials that failed";

impl Report {
    /// The row of a Markdown table.
    pub fn row(&self) -> String {
        let audit = |what: &str| self.audit.count(what).unwrap_or_default();
        let outcomes =
            ["routed", "offline", "unknown", "full", "dropped"].map(|it| audit(&format!("of these {it}")).to_string());
        let untold = audit("of these not told, as the sender's connection ended");
        let lost = audit("routed, and not arrived on a connection that lived");
        let wrong = audit("offline, and arrived") + audit("full or dropped, and arrived");
        let twice = audit("arrived more than once");
        let overtaken = audit("arrived behind a later one");
        let (offline, wrongly) = self.offline_events;
        format!(
            "| {} | {} | {} | {} / {untold} | {lost} / {wrong} / {twice} / {overtaken} | {} | {} | {} | {offline}, {wrongly} |",
            self.fault,
            self.agreements.iter().map(Agreement::text).collect::<Vec<_>>().join(", "),
            audit("messages sent"),
            outcomes.join(" / "),
            audit("unknown, and arrived"),
            audit("routed, and gone with the recipient's connection"),
            self.ends()
        )
    }

    fn ends(&self) -> String {
        let text = self.audit.to_string();
        let lines = text.lines().skip_while(|line| !line.starts_with(ENDS)).skip(1);
        let ends = lines.map_while(|line| line.trim_start().strip_prefix("of these "));
        ends.map(|end| end.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("; ")
    }

    /// What must not be, and is.
    pub fn violations(&self) -> Vec<String> {
        let mut violations = self.wrong.clone();
        if !self.audit.is_clean() {
            violations.push(self.audit.to_string());
        }
        if self.heard_wrongly > 0 {
            violations.push(format!("{} messages in rooms were heard twice, or by who said them", self.heard_wrongly));
        }
        if self.doubled > 0 {
            violations.push(format!("{} users have two connections", self.doubled));
        }
        violations
    }
}

impl Agreement {
    fn text(&self) -> String {
        let took = self.took.map_or("never".into(), |took| format!("{:.1} s", took.as_secs_f64()));
        format!("{} {took}", self.after)
    }
}

//! What must be told of the story.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;

use tracing::Level;

use super::capture::{Log, Number, Span, Told};
use super::{IN_THE_CODEC, IN_THE_HOOK};

pub(super) fn log(log: &Log, server: SocketAddr) {
    let told = format!("{log:?}");
    assert!(!told.contains("hush") && !told.contains("user"), "a payload, a path or credentials: {told}");
    let places: Vec<usize> = (0..log.spans.len()).filter(|place| log.spans[*place].name == "connection").collect();
    let spans: Vec<&Span> = places.iter().map(|place| &log.spans[*place]).collect();
    connections(&spans, server);
    for (message, connections) in [(IN_THE_HOOK, &[0, 1, 2, 3][..]), (IN_THE_CODEC, &[1, 2, 3])] {
        let within: Vec<_> = log.events.iter().filter(|told| told.message() == message).map(|told| told.span).collect();
        let expected: Vec<_> = connections.iter().map(|connection| Some(places[*connection])).collect();
        assert_eq!(within, expected, "{message}: {log:?}");
    }
    let events: Vec<&Told> = log.events.iter().filter(|told| told.target == "heartline").collect();
    changes(&events, &places);
    let delays: Vec<_> = events.iter().filter_map(|told| told.fields.get("delay")).collect();
    assert_eq!(delays, ["1ms", "1ms"]);
    let lost: Vec<_> = events.iter().filter(|told| told.fields.contains_key("outcome")).collect();
    let [lost] = lost[..] else { panic!("{lost:?}") };
    assert_eq!(lost.level, Level::WARN);
    assert_eq!(lost.fields["outcome"], "transmitted, not acknowledged: the session ended first");
    let last = events.last().expect("an event");
    assert_eq!((last.message(), last.level), ("the client has ended", Level::INFO), "{last:?}");
    assert_eq!((last.fields["returned"].as_str(), last.fields["unconfirmed"].as_str()), ("0", "1"), "{last:?}");
}

fn connections(spans: &[&Span], server: SocketAddr) {
    let field = |span: &Span, name: &str| span.fields.get(name).cloned().unwrap_or_default();
    let fields = |span: &&Span| ["conn", "attempt", "cause", "close_code", "reason"].map(|name| field(span, name));
    let refused = ["1", "0", "dial refused with HTTP 503", "", ""];
    let closed = ["2", "1", "closed by the peer with 4500", "4500", r#""busy\n""#];
    let replaced = ["3", "2", "requested", "", ""];
    let left = ["4", "0", "closed by the peer with 1000", "1000", ""];
    let told: Vec<_> = spans.iter().map(fields).collect();
    assert_eq!(told, [refused, closed, replaced, left]);
    for span in spans {
        assert_eq!(span.fields["url"], format!("ws://{server}"));
        assert!(span.closed, "a span that stays: {span:?}");
    }
}

/// Each change of state is told in the span of its connection: an end in that of the old one, and so is a dial that
/// replaces it.
fn changes(events: &[&Told], places: &[usize]) {
    let changes = events.iter().filter(|told| told.fields.contains_key("to"));
    let changes = changes.map(|told| (told.level, told.fields["to"].as_str(), told.span));
    let [first, second, third, fourth] = places else { panic!("{places:?}") };
    let expected = [
        (Level::DEBUG, "Connecting", Some(*first)),
        (Level::WARN, "Waiting", Some(*first)),
        (Level::DEBUG, "Connecting", Some(*second)),
        (Level::INFO, "Open", Some(*second)),
        (Level::WARN, "Waiting", Some(*second)),
        (Level::DEBUG, "Connecting", Some(*third)),
        (Level::INFO, "Open", Some(*third)),
        (Level::DEBUG, "Connecting", Some(*third)),
        (Level::INFO, "Open", Some(*fourth)),
        (Level::DEBUG, "Closing", Some(*fourth)),
        (Level::INFO, "Closed", Some(*fourth)),
    ];
    assert_eq!(changes.collect::<Vec<_>>(), expected);
}

pub(super) fn numbers(numbers: &[Number], server: SocketAddr) {
    let allowed = BTreeSet::from(["kind", "outcome", "reason", "server", "state"]);
    for number in numbers {
        assert_eq!(number.labels["server"], server.to_string(), "{number:?}");
        assert!(number.labels.keys().all(|label| allowed.contains(label.as_str())), "{number:?}");
    }
    let value = |name: &str, labels: &[(&str, &str)]| -> f64 {
        let has = |number: &&Number| {
            number.name == name
                && labels.iter().all(|(label, value)| number.labels.get(*label).is_some_and(|v| v == value))
        };
        let found: Vec<&Number> = numbers.iter().filter(has).collect();
        let [found] = found[..] else { panic!("{name} {labels:?}: {found:?}") };
        found.values.iter().sum()
    };
    for (name, labels, expected) in [
        ("heartline_dials_total", &[][..], 4.0),
        ("heartline_connections_total", &[], 3.0),
        ("heartline_losses_total", &[("kind", "status")], 1.0),
        ("heartline_losses_total", &[("kind", "close")], 1.0),
        ("heartline_losses_total", &[("kind", "heartbeat_timeout")], 0.0),
        ("heartline_outcomes_total", &[("outcome", "transmitted")], 2.0),
        ("heartline_outcomes_total", &[("outcome", "unconfirmed"), ("reason", "abandoned")], 1.0),
        ("heartline_received_messages_total", &[], 3.0),
        ("heartline_queued_messages", &[], 0.0),
        ("heartline_queued_bytes", &[], 0.0),
    ] {
        assert_eq!(value(name, labels), expected, "{name} {labels:?}");
    }
    for state in ["idle", "waiting", "connecting", "open", "closing", "closed"] {
        assert_eq!(value("heartline_clients", &[("state", state)]), 0.0, "{state}");
    }
    for positive in
        ["received_bytes_total", "sent_bytes_total", "pings_total", "redeliveries_total", "round_trip_seconds"]
    {
        assert!(value(&format!("heartline_{positive}"), &[]) > 0.0, "{positive}");
    }
    are_documented(numbers, concat!(env!("CARGO_MANIFEST_DIR"), "/../tungstenite/src/telemetry.md"));
}

/// The table of the docs at this path has each number once, with kind, unit and meaning, and no other.
///
/// # Panics
/// If it has not.
pub fn are_documented(numbers: &[Number], docs: &str) {
    let docs = fs::read_to_string(docs).expect("the docs");
    let rows = docs.lines().filter_map(|line| line.strip_prefix("| `heartline_"));
    let rows: BTreeMap<String, Vec<&str>> = rows
        .map(|row| {
            let mut cells = row.split('|').map(str::trim);
            let name = cells.next().unwrap_or_default().trim_end_matches('`');
            (format!("heartline_{name}"), cells.filter(|cell| !cell.is_empty()).collect())
        })
        .collect();
    let mut told: BTreeMap<String, [String; 4]> = BTreeMap::new();
    for number in numbers {
        let labels = told.get(&number.name).map(|told| told[2].clone()).unwrap_or_default();
        let own = number.labels.keys().filter(|label| *label != "server").map(|label| format!("`{label}`"));
        let own = own.collect::<Vec<_>>().join(", ");
        let labels = if own.len() > labels.len() { own } else { labels };
        told.insert(number.name.clone(), [number.kind.into(), number.unit.clone(), labels, number.meaning.clone()]);
    }
    let told: BTreeMap<_, Vec<_>> = told
        .iter()
        .map(|(name, cells)| {
            (name.clone(), cells.iter().map(|cell| if cell.is_empty() { "–" } else { cell }).collect())
        })
        .collect();
    assert_eq!(rows, told);
}

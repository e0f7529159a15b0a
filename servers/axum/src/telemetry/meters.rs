//! Counters and gauges by `metrics`.

use std::sync::Weak;
use std::time::Duration;

use metrics::{Counter, Gauge, Label, Unit, counter, describe_counter, describe_gauge, gauge};

use crate::cluster::ClusterStats;
use crate::codec::Codec;
use crate::hub::Shared;
use crate::server::ServerStats;

/// How often numbers are told: more often than anybody asks.
const EVERY: Duration = Duration::from_secs(1);

/// A number with its label, if it has one.
struct Number {
    name: &'static str,
    unit: Unit,
    meaning: &'static str,
    label: Option<(&'static str, &'static str)>,
    value: fn(&ServerStats) -> u64,
}

const fn number(name: &'static str, meaning: &'static str, value: fn(&ServerStats) -> u64) -> Number {
    Number { name, unit: Unit::Count, meaning, label: None, value }
}

/// One of several counters of a name, told apart by a label.
const fn part(
    name: &'static str,
    meaning: &'static str,
    label: (&'static str, &'static str),
    value: fn(&ServerStats) -> u64,
) -> Number {
    Number { label: Some(label), ..number(name, meaning, value) }
}

const fn message(outcome: &'static str, value: fn(&ServerStats) -> u64) -> Number {
    let meaning = "messages, one for each recipient, by what became of them";
    part("heartline_server_messages_total", meaning, ("outcome", outcome), value)
}

const fn closed(cause: &'static str, value: fn(&ServerStats) -> u64) -> Number {
    let meaning = "connections that the hub has closed by itself, by what they did";
    part("heartline_server_closes_total", meaning, ("cause", cause), value)
}

const fn relayed(outcome: &'static str, value: fn(&ServerStats) -> u64) -> Number {
    let meaning = "messages for users on other nodes, by what became of them";
    part("heartline_server_relays_total", meaning, ("outcome", outcome), value)
}

const fn moved(cause: &'static str, value: fn(&ServerStats) -> u64) -> Number {
    let meaning = "connections closed because their user logged in on another node";
    part("heartline_server_moves_total", meaning, ("cause", cause), value)
}

/// Of the node among others; nothing if it is alone.
fn of_cluster<N: Default>(stats: &ServerStats, value: fn(&ClusterStats) -> N) -> N {
    stats.cluster.as_ref().map(value).unwrap_or_default()
}

const COUNTERS: &[Number] = &[
    number("heartline_server_admitted_total", "connections admitted", |stats| stats.hub.admitted),
    number("heartline_server_denied_total", "connections denied by the hub", |stats| stats.hub.denied),
    number("heartline_server_logins_total", "logins that registered a user", |stats| stats.hub.logins),
    number("heartline_server_logins_refused_total", "logins refused by the hub", |stats| stats.hub.logins_refused),
    number("heartline_server_superseded_total", "connections replaced by a newer login", |stats| stats.hub.superseded),
    message("routed", |stats| stats.hub.routed),
    message("offline", |stats| stats.hub.offline),
    message("full", |stats| stats.hub.full),
    message("dropped", |stats| stats.hub.dropped),
    closed("anonymous", |stats| stats.hub.closed_anonymous),
    closed("silent", |stats| stats.hub.closed_silent),
    closed("slow", |stats| stats.hub.closed_slow),
    closed("expired", |stats| stats.hub.closed_expired),
    closed("overloaded", |stats| stats.hub.closed_overloaded),
    closed("flooding", |stats| stats.hub.closed_flooding),
    number("heartline_server_pauses_total", "frames after which a connection was paused", |stats| stats.hub.pauses),
    number("heartline_server_joins_total", "connections that entered a room", |stats| stats.hub.joined),
    number("heartline_server_joins_refused_total", "connections that were not let into a room", |stats| {
        stats.hub.joins_refused
    }),
    number("heartline_server_pings_total", "pings sent", |stats| stats.hub.pings),
    number("heartline_server_suspensions_total", "suspensions of the server", |stats| stats.hub.suspensions),
    number("heartline_server_panics_total", "panics of handlers, hooks and the codec", |stats| stats.panics),
    number("heartline_server_errors_total", "errors of handlers", |stats| stats.errors),
    number("heartline_server_timeouts_total", "handlers that took too long", |stats| stats.timeouts),
    relayed("routed", |stats| of_cluster(stats, |cluster| cluster.directory.routed)),
    relayed("offline", |stats| of_cluster(stats, |cluster| cluster.directory.offline)),
    relayed("full", |stats| of_cluster(stats, |cluster| cluster.directory.full)),
    relayed("dropped", |stats| of_cluster(stats, |cluster| cluster.directory.dropped)),
    relayed("unknown", |stats| of_cluster(stats, |cluster| cluster.directory.unknown)),
    moved("superseded", |stats| of_cluster(stats, |cluster| cluster.directory.superseded)),
    moved("concurrent", |stats| of_cluster(stats, |cluster| cluster.directory.concurrent)),
    number(
        "heartline_server_repairs_total",
        "buckets of other nodes' claims that were replaced because they differed",
        |stats| of_cluster(stats, |cluster| cluster.directory.repaired),
    ),
    number("heartline_server_gaps_total", "packets of other nodes that came behind a lost one", |stats| {
        of_cluster(stats, |cluster| cluster.directory.gaps)
    }),
    number("heartline_server_interruptions_total", "times that the broker may have lost something", |stats| {
        of_cluster(stats, |cluster| cluster.directory.interrupted)
    }),
    number(
        "heartline_server_excess_total",
        "users and nodes beyond the limits of the cluster, each time they were heard of",
        |stats| of_cluster(stats, |cluster| cluster.directory.excess),
    ),
    number("heartline_server_skewed_total", "hellos of nodes whose clocks are more than 10 s ahead", |stats| {
        of_cluster(stats, |cluster| cluster.directory.skewed)
    }),
    number("heartline_server_unreadable_total", "packets of other nodes that could not be read", |stats| {
        of_cluster(stats, |cluster| cluster.directory.unreadable)
    }),
];

const GAUGES: &[Number] = &[
    number("heartline_server_connections", "connections, those being closed included", |stats| {
        stats.connections as u64
    }),
    number("heartline_server_anonymous", "connections that have not logged in", |stats| stats.anonymous as u64),
    number("heartline_server_users", "users online", |stats| stats.online as u64),
    number("heartline_server_nodes", "other nodes that are heard", |stats| {
        of_cluster(stats, |cluster| cluster.nodes as u64)
    }),
    number("heartline_server_cluster_users", "users online on any node, as this one knows", |stats| {
        of_cluster(stats, |cluster| cluster.online as u64)
    }),
    number("heartline_server_cut_off", "1 while the broker does not give back what this node publishes", |stats| {
        of_cluster(stats, |cluster| u64::from(cluster.cut_off))
    }),
    Number {
        name: "heartline_server_unwritten_bytes",
        unit: Unit::Bytes,
        meaning: "what waits to be written to all connections",
        label: None,
        value: |stats| stats.unwritten,
    },
];

impl Number {
    fn labels(&self) -> Vec<Label> {
        self.label.iter().map(|(name, value)| Label::from_static_parts(name, value)).collect()
    }
}

/// What one server has told. Servers of a process add up, so what it contributes to gauges is taken back at its end.
struct Meters {
    counters: Vec<(Counter, u64)>,
    gauges: Vec<(Gauge, u64)>,
}

impl Meters {
    fn new() -> Self {
        for Number { name, unit, meaning, .. } in COUNTERS {
            describe_counter!(*name, *unit, *meaning);
        }
        for Number { name, unit, meaning, .. } in GAUGES {
            describe_gauge!(*name, *unit, *meaning);
        }
        let counters = COUNTERS.iter().map(|number| (counter!(number.name, number.labels()), 0)).collect();
        let gauges = GAUGES.iter().map(|number| (gauge!(number.name, number.labels()), 0)).collect();
        Self { counters, gauges }
    }

    fn tell(&mut self, stats: &ServerStats) {
        for (number, (counter, told)) in COUNTERS.iter().zip(&mut self.counters) {
            let value = (number.value)(stats);
            counter.increment(value.saturating_sub(*told));
            *told = value;
        }
        for (number, (gauge, told)) in GAUGES.iter().zip(&mut self.gauges) {
            let value = (number.value)(stats);
            gauge.increment(value as f64 - *told as f64);
            *told = value;
        }
    }
}

impl Drop for Meters {
    fn drop(&mut self) {
        for (gauge, told) in &self.gauges {
            gauge.decrement(*told as f64);
        }
    }
}

/// Tells the numbers of a server until it is dropped.
pub(crate) async fn run<C: Codec>(server: Weak<Shared<C>>) {
    let mut meters = Meters::new();
    while let Some(server) = server.upgrade() {
        meters.tell(&server.stats());
        let mut finished = server.watch_finished();
        drop(server);
        // Whether it has finished or is dropped: the rest is told at once.
        _ = tokio::time::timeout(EVERY, finished.changed()).await;
    }
}

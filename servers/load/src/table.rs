//! Verdicts as rows of Markdown tables.

use std::fmt::Write as _;
use std::time::Duration;

use crate::figures::{Durations, Figures, Verdict};
use crate::scenario::stop::Stopped;
use crate::tally::{Attack, Codes};

/// The head of a table of [`rows`].
pub const HEAD: &str = "\
| scenario | phase | sent | lost | returned | unsent | p50 / p99 / p99.9 / max, ms | generator late p99, ms | closed | newcomers in / refused / none, p99 ms | memory MiB, peak | CPU | descriptors, peak |
|---|---|---|---|---|---|---|---|---|---|---|---|---|";

/// The head of a table of [`stop_row`]s.
pub const STOP_HEAD: &str = "\
| SIGTERM | exit | signal | took | users | closed | others' connections |
|---|---|---|---|---|---|---|";

/// A row for each phase, and one for the attack.
pub fn rows(verdict: &Verdict) -> String {
    let mut rows = String::new();
    let phases = [("before", &verdict.before), ("during", &verdict.during), ("after", &verdict.after)];
    for (phase, figures) in phases {
        _ = writeln!(rows, "| {} | {phase} | {} |", verdict.name, columns(figures));
    }
    if verdict.attack != Attack::default() {
        _ = writeln!(rows, "| {} | attack | {} |", verdict.name, attack(&verdict.attack));
    }
    rows
}

fn columns(figures: &Figures) -> String {
    let Figures { sent, lost, returned, unsent, .. } = figures;
    let (latency, late) = (latency(&figures.latency), millis(figures.generator_lag.at(0.99)));
    let (closed, server, new) = (codes(&figures.closed), &figures.server, &figures.newcomers);
    let newcomers = format!("{} / {} / {}, {}", new.admitted, new.refused, new.failed, millis(new.took.at(0.99)));
    let memory =
        format!("{} → {}, {}", mebi(server.before.memory), mebi(server.after.memory), mebi(server.peak_memory));
    let cpu = 100.0 * server.cpu().as_secs_f64() / figures.took.as_secs_f64().max(0.001);
    let descriptors =
        format!("{} → {}, {}", server.before.descriptors, server.after.descriptors, server.peak_descriptors);
    let cpu = format!("{:.2} s, {cpu:.0} %", server.cpu().as_secs_f64());
    format!(
        "{sent} | {lost} | {returned} | {unsent} | {latency} | {late} | {closed} | {newcomers} | {memory} | {cpu} | {descriptors}"
    )
}

fn latency(latency: &Durations) -> String {
    [0.5, 0.99, 0.999, 1.0].map(|share| millis(latency.at(share))).join(" / ")
}

fn attack(attack: &Attack) -> String {
    let took = match attack.took {
        Duration::ZERO => "cut short".into(),
        took => format!("{:.2} s", took.as_secs_f64()),
    };
    format!(
        "{took}: {} connected, {} failed, denied {}; {} logged in, {} refused; sent {} frames, {} MiB; received {} frames, {} MiB; closed {}; recipients closed {}",
        attack.connected,
        attack.failed,
        codes(&attack.denied),
        attack.logged_in,
        attack.login_refused,
        attack.frames_sent,
        mebi(attack.bytes_sent),
        attack.frames_received,
        mebi(attack.bytes_received),
        codes(&attack.closed),
        codes(&attack.recipients_closed),
    )
}

/// The row of a server that was ended.
pub fn stop_row(stopped: &Stopped) -> String {
    let code = |code: Option<i32>| code.map_or_else(|| "–".into(), |code| code.to_string());
    format!(
        "| {} | {} | {} | {:.2} s | {} | {} | closed {}, denied {}, failed {} |",
        stopped.phase,
        code(stopped.exit),
        code(stopped.signal),
        stopped.took.as_secs_f64(),
        stopped.users,
        codes(&stopped.closed),
        codes(&stopped.others.closed),
        codes(&stopped.others.denied),
        stopped.others.failed,
    )
}

fn codes(codes: &Codes) -> String {
    if codes.is_empty() {
        return "0".into();
    }
    codes.iter().map(|(code, count)| format!("{count} × {code}")).collect::<Vec<_>>().join(", ")
}

fn millis(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64() * 1000.0)
}

fn mebi(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}

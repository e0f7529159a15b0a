//! Servers and proxies that others wrote: messages go on while each is killed, stopped and continued, and restarted. No
//! message with a receipt is lost, and what stands still is found dead in time. `.ci/interop-setup` installs them; what is
//! missing is left out, and the test says so; with the environment variable `CI` it is a failure.
#![cfg(unix)]

mod command_line;
mod faults;
mod graphql_ws;
mod heard;
mod ledger;
mod lines;
mod mqtt;
mod plain;
mod proxies;
mod socket_io;
mod traffic;

use std::path::{Path, PathBuf};
use std::time::Duration;

use heartline_tokio::heartline::heartbeat::HeartbeatConfig;
use heartline_tokio::{Backoff, HeartbeatMode, Pattern, RetryPolicy, Settings, Verdict};

/// No test waits longer for anything. Nothing is concluded from how long things take, but where that is what is promised.
const PATIENCE: Duration = Duration::from_secs(30);

/// The configuration of mosquitto.
const MOSQUITTO: &str = include_str!("programs/mosquitto.conf");

/// A ping after half a second of silence, dead as long after.
const HEARTBEAT: HeartbeatMode =
    HeartbeatMode::WhenIdle { interval: Duration::from_millis(500), timeout: Duration::from_millis(500) };

/// As an application would set it, but for the delays, which are short: also after 1012, by which a server asks for 5 s.
fn settings(mode: HeartbeatMode) -> Settings {
    Settings {
        heartbeat: HeartbeatConfig { mode, slow_after: None, ..HeartbeatConfig::default() },
        connect_timeout: Duration::from_secs(2),
        greeting_timeout: Some(Duration::from_secs(2)),
        backoff: Backoff::constant(Duration::from_millis(200)),
        retry: RetryPolicy::default().with(Pattern::Close(1012, 1012), Verdict::Retry),
        ..Settings::default()
    }
}

/// A file in `programs`.
fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/programs").join(name)
}

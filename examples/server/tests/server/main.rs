//! The example server on real sockets: what it promises, what bad input comes to, and clients that others wrote.

mod bad_input;
mod client;
mod interop;
mod promises;

use std::time::Duration;

use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline::hub::Settings;

const MILLI: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Nothing happens by itself, unless a test asks for it.
fn quiet() -> Settings {
    Settings {
        heartbeat: heartbeat(HeartbeatMode::Off, HOUR),
        login_timeout: HOUR,
        reply_gap: HOUR,
        messages: None,
        bytes: None,
        ..Settings::default()
    }
}

fn heartbeat(mode: HeartbeatMode, late_tolerance: Duration) -> HeartbeatConfig {
    HeartbeatConfig { mode, slow_after: None, late_tolerance }
}

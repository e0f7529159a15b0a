//! The example server on real sockets: what it promises, what bad input comes to, and clients that others wrote.
#![cfg(unix)]

mod bad_input;
mod client;
mod interop;
mod program;
mod promises;
mod tokens;

use std::time::Duration;

use heartline_axum::heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline_axum::heartline::hub::Settings;

const MILLI: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Nothing happens by itself, unless a test asks for it.
fn quiet() -> Settings {
    Settings {
        heartbeat: HeartbeatConfig { mode: HeartbeatMode::Off, slow_after: None, late_tolerance: HOUR },
        login_timeout: HOUR,
        reply_gap: HOUR,
        messages: None,
        bytes: None,
        supersede_limit: None,
        ..Settings::default()
    }
}

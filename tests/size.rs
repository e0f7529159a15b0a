//! What a session weighs.

use heartline::{Config, Session};

#[test]
fn an_idle_session_is_at_most_256_bytes() {
    assert!(size_of::<Session<tungstenite::Message, &Config>>() <= 256);
}

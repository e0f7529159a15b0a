//! Any bytes as a valid config.

use std::time::Duration;

use heartline::backoff::{Backoff, Jitter};
use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline::loss::TransportError;
use heartline::outbox::{OutboxConfig, Overflow};
use heartline::retry::{Pattern, RetryPolicy, Verdict};
use heartline::{Config, Settings};

/// How many bytes a config takes, and which of them decides on jitter (0: none).
pub const SETTINGS: usize = 24;
pub const JITTER: usize = 8;

/// Lengths of time that meet each other: equal ones, multiples, very short and very long ones.
const TIMES_MS: [u64; 16] =
    [1, 2, 10, 100, 250, 500, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000, 30_000, 60_000, 3_600_000, 86_400_000];

const MILLISECOND: Duration = Duration::from_millis(1);

pub fn time(byte: u8) -> Duration {
    Duration::from_millis(TIMES_MS[usize::from(byte) % TIMES_MS.len()])
}

fn time_or_zero(byte: u8) -> Duration {
    if byte < 64 { Duration::ZERO } else { time(byte) }
}

pub fn config(bytes: &[u8; SETTINGS]) -> Config {
    let [heartbeat, interval, timeout, slow, tolerance, connect, greeting, close, rest @ ..] = *bytes;
    let [jitter, base, min, max, gap, stable, attempts, policy, asked, outbox @ ..] = rest;
    let mode = mode(heartbeat, time(interval), time(timeout));
    let slow_after = (slow >= 128).then(|| time(slow).max(MILLISECOND));
    let settings = Settings {
        heartbeat: HeartbeatConfig { mode, slow_after, late_tolerance: time_or_zero(tolerance) },
        connect_timeout: time(connect),
        greeting_timeout: (greeting >= 128).then(|| time(greeting)),
        close_timeout: time(close),
        backoff: backoff(jitter, time_or_zero(base), time_or_zero(min), time_or_zero(max)),
        min_dial_gap: time(gap),
        stable_after: time_or_zero(stable),
        max_retries: (attempts >= 128).then(|| u32::from(attempts % 8)),
        retry: retry(policy),
        max_retry_after: time_or_zero(asked),
        outbox: outbox_config(outbox),
    };
    Config::new(settings).expect("made to be valid")
}

pub fn mode(kind: u8, interval: Duration, timeout: Duration) -> HeartbeatMode {
    match kind % 8 {
        0 => HeartbeatMode::Off,
        1..=3 => HeartbeatMode::WhenIdle { interval, timeout },
        4 => HeartbeatMode::Periodic { interval, timeout: None },
        5 | 6 => HeartbeatMode::Periodic { interval, timeout: Some(timeout.min(interval)) },
        _ => HeartbeatMode::Listen { timeout },
    }
}

fn backoff(jitter: u8, base: Duration, min: Duration, max: Duration) -> Backoff {
    let jitter = [Jitter::None, Jitter::Equal, Jitter::Full, Jitter::Decorrelated][usize::from(jitter) % 4];
    let min = min.min(max);
    let base = base.max(min + MILLISECOND);
    Backoff { base, min, max: max.max(base + MILLISECOND), jitter }
}

fn retry(kind: u8) -> RetryPolicy {
    let policy = RetryPolicy::default();
    match kind % 6 {
        0 => policy.with(Pattern::Any, Verdict::Retry),
        1 => policy.with(Pattern::Transport(TransportError::Io), Verdict::RetryAfter(time(kind / 6))),
        2 => policy.with(Pattern::Timeout, Verdict::Stop),
        3 => policy.with(Pattern::Application(0, 4400), Verdict::RetryAfter(time(kind / 6))),
        4 => policy.with(Pattern::Any, Verdict::Renew),
        _ => policy,
    }
}

fn outbox_config([messages, size, window, losses, connection, connection_size, ack]: [u8; 7]) -> OutboxConfig {
    let max_messages = 1 + u32::from(messages % 8);
    let bytes = |byte: u8| [1, 20, 100, 1 << 20][usize::from(byte) % 4];
    OutboxConfig {
        max_messages,
        max_bytes: bytes(size),
        overflow: if size < 128 { Overflow::Refuse } else { Overflow::EvictOldest },
        max_connection_messages: 1 + u32::from(connection % 4),
        max_connection_bytes: bytes(connection_size),
        ack_window: 1 + u32::from(window) % max_messages,
        ack_timeout: (ack >= 96).then(|| time(ack)),
        max_losses: 1 + u16::from(losses % 4),
    }
}

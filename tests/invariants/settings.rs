//! Any bytes as a valid config.

use std::time::Duration;

use heartline::{
    Backoff, Config, Jitter, Limits, Overflow, Pulse, RetryPolicy, Rhythm, Settings, Transport, Verdict, When,
};

/// How many bytes a config takes.
pub const SETTINGS: usize = 21;

/// Lengths of time that meet each other: equal ones, multiples, very short and very long ones.
const TIMES_MS: [u64; 16] =
    [1, 2, 10, 100, 250, 500, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000, 30_000, 60_000, 3_600_000, 86_400_000];

const MILLISECOND: Duration = Duration::from_millis(1);

pub fn time(byte: u8) -> Duration {
    Duration::from_millis(TIMES_MS[usize::from(byte) % TIMES_MS.len()])
}

fn time_or_none(byte: u8) -> Duration {
    if byte < 64 { Duration::ZERO } else { time(byte) }
}

pub fn config(bytes: &[u8; SETTINGS]) -> Config {
    let [rhythm, interval, timeout, slow, tolerance, connect, greeting, close, rest @ ..] = *bytes;
    let [jitter, base, min, max, gap, stable, attempts, policy, asked, messages, size, window, deliveries] = rest;
    let settings = Settings {
        heartbeat: pulse(rhythm, time(interval), time(timeout), slow, time_or_none(tolerance)),
        connect_timeout: time(connect),
        greeting_timeout: (greeting >= 128).then(|| time(greeting)),
        close_timeout: time(close),
        backoff: backoff(jitter, time_or_none(base), time_or_none(min), time_or_none(max)),
        min_dial_gap: time(gap),
        stable_after: time_or_none(stable),
        max_attempts: (attempts >= 128).then(|| u32::from(attempts % 8)),
        retry: retry(policy),
        retry_after_max: time_or_none(asked),
        outbox: limits(messages, size, window, deliveries),
    };
    Config::new(settings).expect("made to be valid")
}

fn pulse(kind: u8, interval: Duration, timeout: Duration, slow: u8, late_tolerance: Duration) -> Pulse {
    let (rhythm, patience) = match kind % 8 {
        0 => (Rhythm::Off, interval),
        1..=3 => (Rhythm::WhenIdle { interval, timeout }, timeout),
        4 => (Rhythm::Steady { interval, timeout: None }, timeout),
        5 | 6 => (Rhythm::Steady { interval, timeout: Some(timeout.min(interval)) }, timeout.min(interval)),
        _ => (Rhythm::Listen { window: interval }, interval),
    };
    let slow_after = Some(time(slow).min(patience / 2)).filter(|slow_after| slow >= 128 && *slow_after >= MILLISECOND);
    Pulse { rhythm, slow_after, late_tolerance }
}

fn backoff(jitter: u8, base: Duration, min: Duration, max: Duration) -> Backoff {
    let jitter = [Jitter::None, Jitter::Equal, Jitter::Full, Jitter::Decorrelated][usize::from(jitter) % 4];
    let min = min.min(max);
    let room = min + Duration::from_nanos(u64::from(jitter != Jitter::None));
    Backoff { base: base.max(room), min, max: max.max(room), jitter }
}

fn retry(kind: u8) -> RetryPolicy {
    let policy = RetryPolicy::default();
    match kind % 4 {
        0 => policy.with(When::Any, Verdict::Retry),
        1 => policy.with(When::Transport(Transport::Io), Verdict::RetryAfter(time(kind / 4))),
        2 => policy.with(When::Timeout, Verdict::Stop),
        _ => policy,
    }
}

fn limits(messages: u8, size: u8, window: u8, deliveries: u8) -> Limits {
    let max_messages = 1 + u32::from(messages % 8);
    Limits {
        max_messages,
        max_bytes: [1, 20, 100, 1 << 20][usize::from(size) % 4],
        overflow: if size < 128 { Overflow::Refuse } else { Overflow::EvictOldest },
        ack_window: 1 + u32::from(window) % max_messages,
        max_deliveries: 1 + u32::from(deliveries % 4),
    }
}

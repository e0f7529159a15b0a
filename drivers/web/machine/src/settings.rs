//! The settings, out of the record. A negative one is none where there may be none.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::UnsafeCell;
use core::time::Duration;

use heartline::backoff::{Backoff, Jitter};
use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline::outbox::{OutboxConfig, Overflow};
use heartline::retry::{RetryPolicy, Rule};
use heartline::{Config, ConfigError, Settings};

use crate::codes::code;
use crate::record::LENGTH;

/// Milliseconds, to the nearest nanosecond, so that a deadline that was given out comes back as itself.
#[inline(never)] // Twenty callers, and every byte is downloaded.
pub fn duration(milliseconds: f64) -> Duration {
    Duration::from_nanos(nanos(milliseconds))
}

/// The same as a number.
pub fn nanos(milliseconds: f64) -> u64 {
    (milliseconds * 1e6 + 0.5) as u64
}

/// The fields in the order of `Setting` in `../src/machine.ts`.
fn settings(fields: &[f64; LENGTH], rules: Vec<Rule>) -> Settings {
    let [mode, interval, timeout, slow_after, late_tolerance, rest @ ..] = fields;
    let [connect_timeout, greeting_timeout, close_timeout, base, min, max, jitter, rest @ ..] = rest;
    let [min_dial_gap, stable_after, max_retries, max_retry_after, rest @ ..] = rest;
    let [max_messages, max_bytes, overflow, max_connection_messages, max_connection_bytes, rest @ ..] = rest;
    let [ack_window, ack_timeout, max_losses, ..] = rest;
    Settings {
        heartbeat: HeartbeatConfig {
            mode: heartbeat_mode(*mode, *interval, *timeout),
            slow_after: duration_or_none(*slow_after),
            late_tolerance: duration(*late_tolerance),
        },
        connect_timeout: duration(*connect_timeout),
        greeting_timeout: duration_or_none(*greeting_timeout),
        close_timeout: duration(*close_timeout),
        backoff: Backoff {
            base: duration(*base),
            min: duration(*min),
            max: duration(*max),
            jitter: to_jitter(*jitter),
        },
        min_dial_gap: duration(*min_dial_gap),
        stable_after: duration(*stable_after),
        max_retries: if *max_retries < 0.0 { None } else { Some(*max_retries as u32) },
        retry: RetryPolicy { rules },
        max_retry_after: duration(*max_retry_after),
        outbox: OutboxConfig {
            max_messages: *max_messages as u32,
            max_bytes: *max_bytes as u32,
            overflow: if *overflow > 0.0 { Overflow::EvictOldest } else { Overflow::Refuse },
            max_connection_messages: *max_connection_messages as u32,
            max_connection_bytes: *max_connection_bytes as u32,
            ack_window: *ack_window as u32,
            ack_timeout: duration_or_none(*ack_timeout),
            max_losses: code(*max_losses),
        },
    }
}

/// Where there may be none.
const NONE: f64 = -1.0;

/// The defaults, in the same order: those of the crate, but a page has no ping of its own, so that the heartbeat is off.
pub const DEFAULTS: [f64; 24] = [
    0.0,
    20_000.0,
    10_000.0,
    3_000.0,
    5_000.0, // heartbeat
    10_000.0,
    NONE,
    5_000.0,
    5_000.0,
    0.0,
    30_000.0,
    0.0, // connect_timeout to backoff.jitter
    250.0,
    5_000.0,
    NONE,
    300_000.0, // min_dial_gap to max_retry_after
    1_024.0,
    1_048_576.0,
    0.0,
    64.0,
    65_536.0,
    64.0,
    30_000.0,
    5.0, // outbox
];

fn heartbeat_mode(mode: f64, interval: f64, timeout: f64) -> HeartbeatMode {
    let (interval, timeout) = (duration(interval), duration_or_none(timeout));
    match mode as u32 {
        0 => HeartbeatMode::Off,
        1 => HeartbeatMode::WhenIdle { interval, timeout: timeout.unwrap_or_default() },
        2 => HeartbeatMode::Periodic { interval, timeout },
        _ => HeartbeatMode::Listen { timeout: timeout.unwrap_or_default() },
    }
}

fn to_jitter(jitter: f64) -> Jitter {
    match jitter as u32 {
        0 => Jitter::Full,
        1 => Jitter::None,
        2 => Jitter::Equal,
        _ => Jitter::Decorrelated,
    }
}

#[inline(never)]
fn duration_or_none(milliseconds: f64) -> Option<Duration> {
    if milliseconds < 0.0 { None } else { Some(duration(milliseconds)) }
}

/// What was configured last. The sockets of a page are mostly configured alike.
struct Last(UnsafeCell<Option<([f64; LENGTH], Rc<Config>)>>);

// SAFETY: as for the record.
unsafe impl Sync for Last {}

static LAST: Last = Last(UnsafeCell::new(None));

/// The configuration in these fields: the last one again, if they are the same and neither has rules.
pub fn config(fields: &[f64; LENGTH], rules: Vec<Rule>) -> Result<Rc<Config>, ConfigError> {
    // SAFETY: nobody keeps a reference into it.
    let last = unsafe { &mut *LAST.0.get() };
    let shared = rules.is_empty();
    match last {
        Some((same, config)) if shared && same == fields => Ok(config.clone()),
        _ => {
            let config = Rc::new(Config::new(settings(fields, rules))?);
            if shared {
                *last = Some((*fields, config.clone()));
            }
            Ok(config)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_crate_but_for_the_heartbeat_that_a_page_has_not() {
        let mut fields = [0.0; LENGTH];
        fields[..DEFAULTS.len()].copy_from_slice(&DEFAULTS);
        let mut settings = settings(&fields, Vec::new());
        assert_eq!(settings.heartbeat.mode, HeartbeatMode::Off);
        settings.heartbeat.mode = HeartbeatConfig::default().mode;
        assert_eq!(settings, Settings::default());
        fields[0] = 1.0;
        assert_eq!(super::settings(&fields, Vec::new()), settings);
    }
}

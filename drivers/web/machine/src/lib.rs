//! The session as WebAssembly: plain exports that take and give numbers only.
//!
//! Times are milliseconds, ids whole numbers, both as `f64`: a page's numbers, exact up to 2⁵³. What does not fit into a
//! return value lies in the *record*, an array that the page reads and writes between two calls. Messages stay in the page;
//! the session knows their ids and sizes. `../src/machine.ts` is the other side of this file.
//!
//! Every export that takes a session takes one that [`open`] gave and [`free`] has not taken back.
#![cfg_attr(target_arch = "wasm32", no_std)]
#![allow(clippy::missing_safety_doc, reason = "said once, above")]

extern crate alloc;

#[cfg(target_arch = "wasm32")]
mod allocator;
mod codes;
mod record;
mod settings;

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::time::Duration;

use heartline::retry::Rule;
use heartline::{Action, CloseCode, Config, ConnId, Event, Input, MessageId, Outgoing, Timestamp};

use codes::NONE;
use settings::{duration, nanos};

/// Instead of a message the session keeps nothing: the page finds it by its id.
pub type Session = heartline::Session<(), Rc<Config>>;

/// What the next session is built from.
pub type Rules = Vec<Rule>;

fn time(milliseconds: f64) -> Timestamp {
    Timestamp::from_nanos(nanos(milliseconds))
}

fn milliseconds(at: Timestamp) -> f64 {
    at.as_nanos() as f64 / 1e6
}

fn length(duration: Duration) -> f64 {
    milliseconds(Timestamp::after(duration))
}

/// Zero is no connection: it stands for one that nobody has seen.
fn conn(id: f64) -> ConnId {
    const UNSEEN: ConnId = ConnId::from_raw(u64::MAX).unwrap();
    ConnId::from_raw(id as u64).unwrap_or(UNSEEN)
}

fn number(conn: ConnId) -> f64 {
    conn.as_raw() as f64
}

/// The address of the record.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub extern "C" fn record() -> *mut f64 {
    record::address()
}

/// Begins a list of rules, for [`open`], and writes the default settings into the record.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub extern "C" fn rules() -> *mut Rules {
    record::write(settings::DEFAULTS);
    Box::into_raw(Box::default())
}

/// Adds a rule.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub unsafe extern "C" fn rule(rules: *mut Rules, pattern: f64, low: f64, high: f64, verdict: f64, wait: f64) {
    // SAFETY: from `rules`.
    let rules = unsafe { &mut *rules };
    let rule =
        Rule { pattern: codes::to_pattern(pattern, low, high), verdict: codes::to_verdict(verdict, duration(wait)) };
    rules.push(rule);
}

/// A session of the settings in the record, which takes the rules. Null if a setting is out of its range: the record then has
/// address and length of its name.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub unsafe extern "C" fn open(rules: *mut Rules, seed: f64, first_id: f64) -> *mut Session {
    // SAFETY: from `rules`.
    let rules = unsafe { Box::from_raw(rules) };
    match record::read(|fields| settings::config(fields, *rules)) {
        Ok(config) => {
            let first_id = MessageId::from_raw(first_id as u64);
            Box::into_raw(Box::new(Session::with_first_id(config, seed.to_bits(), first_id)))
        }
        Err(error) => {
            record::write([error.field.as_ptr() as usize as f64, error.field.len() as f64]);
            core::ptr::null_mut()
        }
    }
}

/// Ends a session.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub unsafe extern "C" fn free(session: *mut Session) {
    // SAFETY: from `open`.
    drop(unsafe { Box::from_raw(session) });
}

/// An input, in the order of `Input` in `machine.ts`. Its actions are owed: see [`next`].
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub unsafe extern "C" fn input(session: *mut Session, now: f64, kind: u32, id: f64, a: f64, b: f64, c: f64) {
    let conn = conn(id);
    let input = match kind {
        0 => Input::Connect,
        1 => Input::Reconnect,
        2 => Input::Opened { conn },
        3 => Input::Ready { conn },
        4 => Input::Pong { conn, token: if a < 0.0 { None } else { Some(a as u32) } },
        5 => Input::Alive { conn },
        6 => {
            let retry_after = if c > 0.0 { Some(duration(c)) } else { None };
            Input::Closed { conn, loss: codes::to_loss(a, b), retry_after }
        }
        7 => Input::Acked { id: MessageId::from_raw(a as u64) },
        8 => Input::Cancel { id: MessageId::from_raw(a as u64) },
        9 => Input::Timer,
        10 => Input::NetworkChanged,
        11 => Input::NetworkLost,
        _ => Input::Close { code: CloseCode::new(codes::code(a)).unwrap_or(CloseCode::NORMAL), within: duration(b) },
    };
    // SAFETY: from `open`.
    drop(unsafe { &mut *session }.handle(time(now), input));
}

/// A message arrived: 1 if it is to be delivered, and 2 more if `Timer` is due within a millisecond or something is owed.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub unsafe extern "C" fn received(session: *mut Session, now: f64, id: f64) -> u32 {
    // SAFETY: from `open`.
    let session = unsafe { &mut *session };
    let delivered = session.received(time(now), conn(id));
    let due = session.deadline().is_some_and(|at| at <= time(now + 1.0));
    u32::from(delivered) + 2 * u32::from(due)
}

/// The next action that is owed, in the order of `Action` in `machine.ts`; its fields are in the record.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub unsafe extern "C" fn next(session: *mut Session) -> u32 {
    // SAFETY: from `open`.
    let Some(action) = unsafe { &mut *session }.next_action() else { return 0 };
    match action {
        Action::Abort { conn, .. } => {
            record::write([number(conn)]);
            1
        }
        Action::Connect { conn, attempt, last_loss, renew, .. } => {
            let [kind, code] = codes::of_loss(last_loss);
            record::write([number(conn), attempt.into(), kind.into(), code.into(), u8::from(renew).into()]);
            2
        }
        Action::Ping { conn, token, .. } => {
            record::write([number(conn), token.into()]);
            3
        }
        Action::Close { conn, code, .. } => {
            record::write([number(conn), code.get().into()]);
            4
        }
        Action::Event(Event::StateChanged { from, to, cause }) => {
            let (cause, loss) = codes::of_cause(cause);
            let [kind, code] = codes::of_loss(loss);
            record::write([codes::of_state(from), codes::of_state(to), cause.into(), kind.into(), code.into()]);
            5
        }
        Action::Event(Event::Degraded) => 6,
        Action::Event(Event::Recovered) => 7,
        Action::Event(Event::Slept { .. }) => 8,
        Action::Deliver(()) | Action::Event(_) => 9,
        Action::ScheduleReconnect { attempt, at, .. } => {
            record::write([attempt.into(), milliseconds(at)]);
            10
        }
        Action::Outcome { id, ref outcome, .. } => {
            let [outcome, reason] = codes::of_outcome(outcome);
            record::write([id.as_raw() as f64, outcome.into(), reason.into()]);
            11
        }
    }
}

/// Accepts a message of so many bytes: its id, or a negative refusal.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub unsafe extern "C" fn send(session: *mut Session, now: f64, size: f64, delivery: u32, ttl: f64) -> f64 {
    let size = size as usize;
    let outgoing = match delivery {
        0 => Outgoing::this_connection((), size),
        1 => Outgoing::at_most_once((), size),
        _ => Outgoing::at_least_once((), size),
    };
    let outgoing = if ttl < 0.0 { outgoing } else { outgoing.expires_in(duration(ttl)) };
    // SAFETY: from `open`.
    match unsafe { &mut *session }.send(time(now), outgoing) {
        Ok(id) => id.as_raw() as f64,
        Err(refused) => codes::of_refusal(refused.reason).into(),
    }
}

/// The id of the message to write now, or 0; whether it is a redelivery is in the record.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub unsafe extern "C" fn transmit(session: *mut Session, now: f64) -> f64 {
    // SAFETY: from `open`.
    let Some(lent) = unsafe { &mut *session }.transmit(time(now)) else { return 0.0 };
    record::write([u8::from(lent.redelivery).into()]);
    lent.id.as_raw() as f64
}

/// The message that was lent is written.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub unsafe extern "C" fn sent(session: *mut Session, now: f64, id: f64) {
    // SAFETY: from `open`.
    unsafe { &mut *session }.sent(time(now), MessageId::from_raw(id as u64));
}

/// The message that was lent can never be written.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub unsafe extern "C" fn rejected(session: *mut Session, now: f64, id: f64) {
    // SAFETY: from `open`.
    unsafe { &mut *session }.rejected(time(now), MessageId::from_raw(id as u64));
}

/// When `Timer` is due; infinite for never.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub unsafe extern "C" fn deadline(session: *const Session) -> f64 {
    // SAFETY: from `open`.
    unsafe { &*session }.deadline().map_or(f64::INFINITY, milliseconds)
}

/// Writes what can be seen into the record, in the order of `Look` in `machine.ts`.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub unsafe extern "C" fn look(session: *const Session) {
    // SAFETY: from `open`.
    let session = unsafe { &*session };
    let (latest, smoothed) = match session.rtt() {
        Some(rtt) => (length(rtt.latest), length(rtt.smoothed)),
        None => (NONE.into(), NONE.into()),
    };
    let stats = session.stats();
    record::write([
        codes::of_state(session.state()),
        session.queued() as f64,
        session.held_bytes() as f64,
        latest,
        smoothed,
        stats.dials.into(),
        stats.ready.into(),
        stats.lost_to_close.into(),
        stats.lost_to_application.into(),
        stats.lost_to_transport.into(),
        stats.lost_to_connect_timeout.into(),
        stats.lost_to_greeting_timeout.into(),
        stats.lost_to_heartbeat.into(),
        stats.lost_to_ack_timeout.into(),
        stats.pings.into(),
        stats.pongs.into(),
        stats.stale.into(),
        stats.ignored.into(),
        stats.evictions.into(),
        stats.redeliveries.into(),
        stats.dropped.into(),
    ]);
}

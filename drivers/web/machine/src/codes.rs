//! The numbers that stand for the crate's enums on both sides. `../src/machine.ts` has the same.

use core::time::Duration;

use heartline::event::Cause;
use heartline::loss::TransportError;
use heartline::message::{Reason, Refusal};
use heartline::retry::{Pattern, Verdict};
use heartline::{Loss, Outcome, State};

/// Where there is none.
pub const NONE: i32 = -1;

/// Kind and code.
pub fn of_loss(loss: Option<Loss>) -> [i32; 2] {
    match loss {
        None => [NONE; 2],
        Some(Loss::Close(code)) => [0, code.into()],
        Some(Loss::Application(code)) => [1, code.into()],
        Some(Loss::Transport(TransportError::Address)) => [2, NONE],
        Some(Loss::ConnectTimeout) => [4, NONE],
        Some(Loss::GreetingTimeout) => [5, NONE],
        Some(Loss::HeartbeatTimeout) => [6, NONE],
        Some(Loss::AckTimeout) => [7, NONE],
        Some(_) => [3, NONE],
    }
}

/// The nearest code.
#[inline(never)] // Six callers.
pub fn code(number: f64) -> u16 {
    number as u16
}

/// The inverse, for what a page can report.
pub fn to_loss(kind: f64, code: f64) -> Loss {
    match kind as u32 {
        0 => Loss::Close(self::code(code)),
        1 => Loss::Application(self::code(code)),
        2 => Loss::Transport(TransportError::Address),
        _ => Loss::Transport(TransportError::Connect),
    }
}

pub fn of_state(state: State) -> f64 {
    f64::from(state as u8)
}

/// The cause, and its loss.
pub fn of_cause(cause: Cause) -> (i32, Option<Loss>) {
    match cause {
        Cause::Requested => (0, None),
        Cause::Opened => (1, None),
        Cause::Ready => (2, None),
        Cause::RetryDue => (3, None),
        Cause::NetworkChanged => (4, None),
        Cause::Lost(loss) => (5, Some(loss)),
        Cause::Stopped(loss) => (6, Some(loss)),
        Cause::Exhausted(loss) => (7, Some(loss)),
        Cause::Drained => (8, None),
        Cause::DrainTimeout => (9, None),
        _ => (10, None),
    }
}

/// The outcome and its reason.
pub fn of_outcome<M>(outcome: &Outcome<M>) -> [i32; 2] {
    match outcome {
        Outcome::Transmitted => [0, NONE],
        Outcome::Acked => [1, NONE],
        Outcome::Returned(reason, _) => [2, of_reason(*reason)],
        Outcome::Unconfirmed(reason, _) => [3, of_reason(*reason)],
    }
}

fn of_reason(reason: Reason) -> i32 {
    match reason {
        Reason::Expired => 0,
        Reason::Evicted => 1,
        Reason::Cancelled => 2,
        Reason::Rejected => 3,
        Reason::Abandoned => 4,
        Reason::ConnectionEnded => 5,
        _ => 6,
    }
}

/// Negative, where an id would be positive.
pub fn of_refusal(refusal: Refusal) -> i32 {
    match refusal {
        Refusal::Full => -1,
        Refusal::TooLarge => -2,
        Refusal::NotConnected => -3,
        _ => -4,
    }
}

/// The losses of a rule: `low` and `high` are its codes.
pub fn to_pattern(kind: f64, low: f64, high: f64) -> Pattern {
    let (low, high) = (code(low), code(high));
    match kind as u32 {
        0 => Pattern::Close(low, high),
        1 => Pattern::Application(low, high),
        2 => Pattern::Transport(TransportError::Address),
        3 => Pattern::Transport(TransportError::Connect),
        4 => Pattern::Timeout,
        _ => Pattern::Any,
    }
}

/// The verdict of a rule: `wait` is for the last.
pub fn to_verdict(kind: f64, wait: Duration) -> Verdict {
    match kind as u32 {
        0 => Verdict::Retry,
        1 => Verdict::Renew,
        2 => Verdict::Stop,
        _ => Verdict::RetryAfter(wait),
    }
}

//! The cases.

mod dial;
mod life;
mod messages;
mod process;

use super::bed::{Bed, Case};
use super::protocol::Ability;

/// One thing that a driver has to get right.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) needs: &'static [Ability],
    pub(super) run: fn(&mut Bed) -> Case,
}

const fn case(name: &'static str, about: &'static str, needs: &'static [Ability], run: fn(&mut Bed) -> Case) -> Entry {
    Entry { name, about, needs, run }
}

use Ability::{
    AckTimeout, AtLeastOnce, CloseTimeout, ConnectTimeout, CpuTime, Dials, HeartbeatIdle, HeartbeatListen,
    LateTolerance, Pause, Process, Retry, RetryAfter, Slow, Status,
};

pub(super) const ALL: &[Entry] = &[
    case("echo", "messages go both ways", &[], messages::echo),
    case("order", "first transmissions stay in order across reconnects", &[], messages::order),
    case("clean-end", "closing sends the rest, then the close frame", &[], messages::clean_end),
    case("redelivery", "what is not acknowledged comes again, in order", &[AtLeastOnce], messages::redelivery),
    case(
        "unacknowledged",
        "without an acknowledgement in time the connection is replaced",
        &[AtLeastOnce, AckTimeout],
        messages::unacknowledged,
    ),
    case(
        "stalled-reader",
        "a server that does not read stops neither reading nor the end",
        &[],
        messages::stalled_reader,
    ),
    case("slow-application", "an application that takes its time loses nothing", &[Slow], messages::slow_application),
    case(
        "paused-application",
        "one that takes nothing for long keeps its connection",
        &[Pause, HeartbeatIdle],
        messages::paused_application,
    ),
    case("one-byte-writes", "frames arrive byte by byte, a ping between fragments", &[], life::one_byte_writes),
    case("slow-frame", "bytes of an unfinished message are life", &[HeartbeatIdle], life::slow_frame),
    case("oversized", "a frame of a terabyte ends the connection, not the driver", &[], life::oversized),
    case("silent-link", "a link that falls silent is found dead and replaced", &[HeartbeatIdle], life::silent_link),
    case("silent-and-stalled", "even with full socket buffers", &[HeartbeatIdle], life::silent_and_stalled),
    case(
        "nothing-after-abort",
        "nothing is written on a connection that was given up",
        &[HeartbeatIdle],
        life::nothing_after_abort,
    ),
    case("late-close", "a close on an old connection does not touch the new one", &[HeartbeatIdle], life::late_close),
    case("failing-pong", "a pong that cannot be written hides nothing that can be read", &[], life::failing_pong),
    case(
        "close-unanswered",
        "a close frame that is not answered ends all the same",
        &[CloseTimeout],
        life::close_unanswered,
    ),
    case("accept-and-close", "a server that accepts and closes meets no hot loop", &[], dial::accept_and_close),
    case("black-hole", "a dial that is accepted and never answered is given up", &[ConnectTimeout], dial::black_hole),
    case("dial-hangs", "an answer that comes byte by byte, for ever, is given up", &[ConnectTimeout], dial::hangs),
    case(
        "close-while-dialling",
        "a dial that hangs does not hold up a close",
        &[ConnectTimeout],
        dial::close_meanwhile,
    ),
    case("redirect", "301 is not retried", &[Status], dial::redirect),
    case("unauthorized", "401 is retried with new credentials, once", &[Status, Dials], dial::unauthorized),
    case("retry-after", "Retry-After is obeyed", &[Status, RetryAfter], dial::retry_after),
    case(
        "interrupted-poll",
        "a short suspension is not silence",
        &[Process, HeartbeatListen],
        process::interrupted_poll,
    ),
    case("suspended", "a long one costs no healthy link", &[Process, HeartbeatIdle, LateTolerance], process::suspended),
    case("idle-spin", "an idle connection costs no CPU", &[Process, CpuTime], process::idle),
    case("stalled-spin", "neither does a full one", &[Process, CpuTime], process::stalled),
    case("waiting-spin", "nor waiting for a retry", &[Process, CpuTime, Retry], process::waiting),
];

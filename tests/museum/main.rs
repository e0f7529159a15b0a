//! The museum: bugs that users of other clients reported, each as a scenario that this one survives.
//!
//! The number in bold is the exhibit. `tests/museum_bugs.rs` puts every one of these bugs into the source and shows
//! that the test named there fails.

mod backoff;
mod closing;
mod delivery;
mod liveness;
mod lock;
mod network;
mod offline;
mod outbox;
mod policy;
mod recovery;
#[path = "../support/mod.rs"]
mod support;

use heartline::{Action, Cause, Instant};

use support::{Message, World};

/// When each dial of this life so far was made.
fn dials(world: &World) -> Vec<Instant> {
    let dial = |(at, action): &(Instant, Action<Message>)| matches!(action, Action::Connect { .. }).then_some(*at);
    world.said.iter().filter_map(dial).collect()
}

fn pings(world: &World) -> Vec<Instant> {
    let ping = |(at, action): &(Instant, Action<Message>)| matches!(action, Action::Ping { .. }).then_some(*at);
    world.said.iter().filter_map(ping).collect()
}

/// The dials that `actions` schedule: which retry, when, why.
fn schedules<'a>(actions: impl IntoIterator<Item = &'a Action<Message>>) -> Vec<(u32, Instant, Cause)> {
    let schedule = |action: &Action<Message>| match action {
        Action::ScheduleReconnect { attempt, at, cause } => Some((*attempt, *at, *cause)),
        _ => None,
    };
    actions.into_iter().filter_map(schedule).collect()
}

//! `SPEC.md`, clause by clause, on a virtual clock.

#[path = "../support/mod.rs"]
mod support;

mod closed;
mod closing;
mod connections;
mod heartbeat;
mod looking_in;
mod outbox;
mod purity;
mod reconnecting;
mod retrying;
mod steps;
mod transmitting;
mod verdict;

use heartline::{Action, Cause, Event, Input, State};

use crate::support::World;

/// The event of a change of state, as an action.
fn change(from: State, to: State, cause: Cause) -> Action<String> {
    Action::Event(Event::StateChanged { from, to, cause })
}

/// Whether an action is a dial.
fn is_dial(action: &Action<String>) -> bool {
    matches!(action, Action::Connect { .. })
}

/// An input whose actions nobody pulls.
fn unheard(world: &mut World, input: Input<String>) {
    drop(world.session.handle(world.now, input));
}

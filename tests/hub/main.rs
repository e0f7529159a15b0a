//! The hub: its clauses as scenarios, its properties against a reference that is too simple to be wrong, and the
//! bugs of other servers. `tests/hub_bugs.rs` shows that these tests can fail.

mod admission;
mod allocation;
mod arbitrary;
mod bounds;
mod config;
mod desk;
mod ends;
mod events;
mod fates;
mod independence;
mod invariants;
mod life;
mod login;
mod model;
mod model_steps;
mod museum;
mod network;
mod properties;
mod shutdown;
mod slow;
#[cfg(feature = "serde")]
mod storing;

//! The hub: its clauses as scenarios, its properties against a model that is too simple to be wrong, and the bugs of
//! other servers.

mod admission;
mod allocations;
mod bounds;
mod delivery;
mod ends;
mod events;
mod heartbeat;
mod independence;
mod limits;
mod login;
mod properties;
mod reference;
mod reported_bugs;
mod shutdown;
#[cfg(feature = "serde")]
mod storing;
mod suspension;
mod world;

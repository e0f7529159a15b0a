//! The hub: its clauses as scenarios, its properties against a model that is too simple to be wrong, and the bugs of
//! other servers.

mod admission;
mod allocations;
mod backlog;
mod bounds;
mod contests;
mod delivery;
mod ends;
mod events;
mod expiry;
mod grace;
mod heartbeat;
mod independence;
mod limits;
mod login;
mod memory;
mod properties;
mod reference;
mod reported_bugs;
mod rooms;
mod shutdown;
mod sources;
#[cfg(feature = "serde")]
mod storing;
mod suspension;
mod world;

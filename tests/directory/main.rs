//! The directory: its clauses as scenarios.

mod agreement;
mod bounds;
mod calm;
mod claims;
mod cluster;
mod hostile;
mod identity;
mod memory;
mod owners;
mod packets;
mod peer;
mod plan;
mod presence;
mod properties;
mod relays;
mod repair;
mod rooms;
mod silence;

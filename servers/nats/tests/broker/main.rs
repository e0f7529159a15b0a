//! The connection on real brokers: Debian's `nats-server`, which `.ci/interop-setup` installs.

mod carry;
mod cluster;
mod directory;
mod faults;
mod kit;
mod limits;
mod member;
mod refusals;
mod servers;

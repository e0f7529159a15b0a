//! The connection on real brokers: Debian's `nats-server`, which `.ci/interop-setup` installs.

mod axum_servers;
mod cluster;
mod connect;
mod directory;
mod faults;
mod kit;
mod limits;
mod member;
mod refused;
mod routing;

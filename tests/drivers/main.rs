//! What every driver must get right on real sockets: the faults of the tour, bad input, servers that misbehave by
//! hand. That suite runs once for each driver; then what only one of them can get wrong.
#![allow(clippy::duplicate_mod)] // That is how it runs twice.

#[path = "../../examples/shared/application.rs"]
mod application;
#[path = "../../examples/shared/audit.rs"]
mod audit;
#[path = "../../examples/shared/client.rs"]
mod client;
#[path = "../../examples/shared/faults.rs"]
mod faults;
#[path = "../../examples/shared/host.rs"]
mod host;
#[path = "../../examples/shared/logger.rs"]
mod logger;
#[path = "../../examples/shared/recorder.rs"]
mod recorder;
#[path = "../../examples/shared/relay.rs"]
mod relay;
#[path = "../../examples/shared/translate.rs"]
mod translate;

#[path = "../../examples/client/driver.rs"]
mod blocking;
#[path = "../../examples/minimal.rs"]
mod minimal;
#[path = "../../examples/tokio_client/driver.rs"]
mod on_tokio;

mod harness;
mod orphan;
mod smallest;
mod suspension;

#[path = "."]
mod the_blocking_driver {
    use crate::blocking::spawn;
    mod bad_input;
    mod by_hand;
    mod real_faults;
}

#[path = "."]
mod the_tokio_driver {
    use crate::on_tokio::spawn;
    mod bad_input;
    mod by_hand;
    mod real_faults;
}

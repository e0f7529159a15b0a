//! What every driver must get right over real sockets: each fault of the tour, and bad input. The suite runs
//! once for each driver.
#![allow(clippy::duplicate_mod)] // That is how it runs twice.

#[path = "../examples/shared/app.rs"]
mod app;
#[path = "../examples/shared/diary.rs"]
mod diary;
#[path = "../examples/shared/faults.rs"]
mod faults;
#[path = "drivers/harness.rs"]
mod harness;
#[path = "../examples/shared/losses.rs"]
mod losses;
#[path = "../examples/shared/relay.rs"]
mod relay;
#[path = "../examples/shared/tally.rs"]
mod tally;
#[path = "../examples/shared/witness.rs"]
mod witness;

#[path = "../examples/client/driver.rs"]
mod blocking;
#[path = "../examples/tokio_client/driver.rs"]
mod on_tokio;

#[path = "drivers"]
mod the_blocking_driver {
    use crate::blocking::spawn;
    mod bad_input;
    mod real_faults;
}

#[path = "drivers"]
mod the_tokio_driver {
    use crate::on_tokio::spawn;
    mod bad_input;
    mod real_faults;
}

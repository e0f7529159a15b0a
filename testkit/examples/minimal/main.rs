//! The adapter of `examples/minimal.rs` of heartline, for the conformance suite:
//!
//! `cargo run --bin heartline-conformance -- target/debug/examples/minimal`
//!
//! `driver.rs` is that example's loop, with a config and orders from outside. `adapter.rs` is what an adapter adds.

mod adapter;
mod driver;

fn main() {
    adapter::serve(adapter::PLAIN);
}

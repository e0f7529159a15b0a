//! The conformance suite of heartline-testkit on this driver. This program starts itself as the adapter.
//! `cargo test -p heartline-tokio --test conformance -- silent` tries the cases with `silent` in their names.

mod adapter;

fn main() {
    heartline_driver_testing::conformance::run(adapter::main);
}

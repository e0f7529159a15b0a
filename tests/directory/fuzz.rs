//! Arbitrary calls to a directory, packets of nodes that are not honest among them.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod hostile;
mod packets;
mod plan;

fuzz_target!(|bytes: &[u8]| hostile::run(bytes));

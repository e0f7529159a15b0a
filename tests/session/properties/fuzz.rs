//! Arbitrary calls to a session, checked against the model that the properties use.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod invariants;

fuzz_target!(|bytes: &[u8]| {
    invariants::run(bytes);
});

//! Arbitrary calls to a hub, compared with the model that the tests use.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod reference;

fuzz_target!(|bytes: &[u8]| {
    reference::run(bytes);
});

//! Arbitrary runs, made of bytes (see `invariants`); `PROPTEST_CASES` sets how many there are.

use proptest::prelude::*;

use super::invariants::{HEADER, run};

const PUNCTUAL: u8 = 0;
const TIDY: u8 = 1;
const SLOPPY: u8 = 2;

pub fn cases(cases: u32) -> ProptestConfig {
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    ProptestConfig { cases: if asked { default.cases } else { cases }, ..default }
}

/// A config and up to so many ops, half of the time from an open connection on.
pub fn runs(habit: impl Strategy<Value = u8>, ops: usize) -> impl Strategy<Value = Vec<u8>> {
    let header = prop::collection::vec(any::<u8>(), HEADER);
    let ops = prop::collection::vec(any::<[u8; 4]>(), 0..ops);
    let opening = prop_oneof![Just(vec![]), Just([[255, 0, 0, 0]; 3].concat())];
    (habit, header, opening, ops).prop_map(|(habit, mut bytes, opening, ops)| {
        bytes[0] = habit;
        bytes.extend(opening);
        bytes.extend(ops.concat());
        bytes
    })
}

proptest! {
    #![proptest_config(cases(3000))]

    /// [C1] [C4] [C5] [H2] [H3] [H4] [H5] [H8] [H9] [H10] [Q9] [X1] [X3]
    #[test]
    fn with_timers_on_time_everything_happens_at_its_moment(bytes in runs(Just(PUNCTUAL), 80)) {
        run(&bytes);
    }

    /// [P1] [P4] [P5] [P7] [C3] [C6] [C7] [C8] [C9] [H1] [H6] [H7] [R1] [R2] [R3] [R4] [R5] [R6] [R7] [R8] [R9] [R10]
    /// [Q4] [Q5] [Q6] [Q9] [Q10] [X2] [O1] [O2]
    #[test]
    fn with_timers_at_any_time_every_step_is_lawful(bytes in runs(Just(TIDY), 80)) {
        run(&bytes);
    }

    /// [P1] [P3] [P6] [C1] [C2] [C3] [Q1] [Q2] [Q3] [Q7] [Q8] [X2] [X3]
    #[test]
    fn a_driver_that_pulls_what_it_likes_breaks_nothing(bytes in runs(Just(SLOPPY), 80)) {
        run(&bytes);
    }
}

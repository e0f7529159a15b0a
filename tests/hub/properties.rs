//! A hub does what its model does, whatever happens to it.

use std::path::Path;
use std::time::Duration;

use heartline::Timestamp;
use proptest::prelude::*;

use crate::reference::{HEADER, Lockstep, OP, decode, run};

fn log(bytes: &[u8], start: Duration) -> impl PartialEq + std::fmt::Debug + use<> {
    let (config, ops) = decode(bytes);
    let mut both = Lockstep::new(config, Timestamp::after(start));
    // The end of time does not move.
    ops.iter().filter(|op| !op.is_last()).for_each(|op| both.op(op));
    both.log
}

/// A plan of nothing but admissions, logins, ends and timers.
fn comings_and_goings() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop::sample::select(&[20, 27, 60, 70, 80, 180, 190, 200, 230, 240][..]);
    let op =
        (kind, any::<[u8; OP - 1]>()).prop_map(|(kind, [when, who, how, more])| [kind, when % 240, who, how, more]);
    let plan = (any::<[u8; HEADER]>(), prop::collection::vec(op, 0..120));
    plan.prop_map(|(mut header, ops)| {
        // Four connections, three of them anonymous, and a limit to how often they replace each other: so that they do.
        [header[0], header[1], header[2]] = [3, 2, header[2] | 64];
        header.into_iter().chain(ops.into_iter().flatten()).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// [P1] [P3] [P7] [U1] [U3] [U4] [U5] [U6] [U7] [U8] [U9] [U10] [U12] [U19]
    #[test]
    fn a_hub_does_what_its_model_does(bytes in prop::collection::vec(any::<u8>(), HEADER..HEADER + 120 * OP)) {
        run(&bytes);
    }

    /// [P1] [P3] [U4] [U5] [U10] [U13] [U15] [U17] [U18]
    #[test]
    fn a_hub_does_what_its_model_does_with_those_who_come_and_go(bytes in comings_and_goings()) {
        run(&bytes);
    }

    /// [P2] [P4]
    #[test]
    fn the_same_calls_lead_to_the_same_actions_and_earlier_or_later_makes_no_difference(
        bytes in prop::collection::vec(any::<u8>(), HEADER..HEADER + 80 * OP),
        later in 0..1_000_000_000_000_u64,
    ) {
        let first = log(&bytes, Duration::from_secs(3600));
        prop_assert_eq!(&first, &log(&bytes, Duration::from_secs(3600)));
        prop_assert_eq!(&first, &log(&bytes, Duration::from_secs(3600) + Duration::from_nanos(later)));
    }
}

/// What fuzzing found worth keeping. The packaged crate is without it.
///
/// [P1] [P3]
#[test]
fn every_input_of_the_fuzz_corpus_passes() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    if !fuzz.exists() {
        return;
    }
    let files: Vec<_> = fuzz.join("corpus/hub").read_dir().expect("a corpus").collect();
    assert!(!files.is_empty());
    for file in files {
        let path = file.expect("a file").path();
        eprintln!("with {}", path.display());
        run(&std::fs::read(&path).expect("bytes"));
    }
}

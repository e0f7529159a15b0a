//! The property that `hostile` checks, with random bytes and with the inputs of the fuzz corpus.

use std::path::Path;

use proptest::prelude::*;

use crate::hostile::run;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// [P1] [P2] [P4] [D3] [D10] [D13] [D15] [D17] [D18] The packets of other nodes need not even be honest.
    #[test]
    fn whatever_happens_a_directory_keeps_its_promises(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        run(&bytes);
    }
}

/// What fuzzing found worth keeping. The packaged crate is without it.
///
/// [P1] [D15] [D17]
#[test]
fn every_input_of_the_fuzz_corpus_passes() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    if !fuzz.exists() {
        return;
    }
    let files: Vec<_> = fuzz.join("corpus/directory").read_dir().expect("a corpus").collect();
    assert!(!files.is_empty());
    for file in files {
        let path = file.expect("a file").path();
        eprintln!("with {}", path.display());
        run(&std::fs::read(&path).expect("bytes"));
    }
}

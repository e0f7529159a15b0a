//! The inputs that fuzzing found worth keeping, replayed on every `cargo test`.

use std::path::Path;

use super::invariants::run;

/// [P1] [C1] [Q3]
#[test]
fn every_input_of_the_fuzz_corpus_is_lawful() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    if !fuzz.exists() {
        eprintln!("the packaged crate comes without a corpus");
        return;
    }
    let corpus = fuzz.join("corpus/session");
    let files = std::fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{}: {error}", corpus.display()));
    let mut replayed = 0;
    for file in files {
        let path = file.expect("the corpus can be listed").path();
        let bytes = std::fs::read(&path).expect("the corpus can be read");
        if let Err(panic) = std::panic::catch_unwind(|| drop(run(&bytes))) {
            eprintln!("with {}", path.display());
            std::panic::resume_unwind(panic);
        }
        replayed += 1;
    }
    assert!(replayed > 0, "{} is empty", corpus.display());
}

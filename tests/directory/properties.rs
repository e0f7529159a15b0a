//! What holds whatever happens.

use proptest::prelude::*;

use crate::hostile::run;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// [P1] [P2] [P4] [D3] [D10] [D13] [D15] [D17] [D18] What others send is not even honest.
    #[test]
    fn whatever_happens_a_directory_keeps_its_promises(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        run(&bytes);
    }
}

//! Random lives.

use heartline_testkit::sim::cluster::Script;

use super::*;

/// As many as take about 20 s in a debug build on a busy machine of two cores; the example `cluster_seeds` runs millions.
const LIVES: u64 = 150;

/// [D1] [D2] [D3] [D4] [D5] [D7] [D8] [D9] [D10] [D11] [D12] [D13] [D14] [D15] [D16] [D17]
#[test]
fn whatever_happens_all_nodes_agree_after_the_calm_and_no_report_was_wrong() {
    seeds(LIVES, |seed| {
        if let Err(failure) = Script::draw(seed).explain() {
            panic!("{failure}");
        }
    });
}

/// The simulation would be worth nothing if little happened in it.
#[test]
fn random_lives_have_every_kind_of_outcome() {
    let mut all = Vec::new();
    for seed in 0..30 {
        all.push(Script::draw(seed).run().expect("no violation"));
    }
    let sum = |count: fn(&heartline_testkit::sim::cluster::Tally) -> u64| all.iter().map(count).sum::<u64>();
    let found = [
        ("superseded", sum(|tally| tally.superseded)),
        ("concurrent", sum(|tally| tally.concurrent)),
        ("routed", sum(|tally| tally.routed)),
        ("offline", sum(|tally| tally.offline)),
        ("unknown", sum(|tally| tally.unknown)),
        ("unknown, but arrived", sum(|tally| tally.unknown_arrived)),
        ("repeats", sum(|tally| tally.repeats)),
    ];
    for (what, count) in found {
        assert!(count > 0, "no {what} in 30 lives");
    }
}

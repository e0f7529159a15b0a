//! Many seeds, and the one that fails by name.

use std::any::Any;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The environment variable that makes [`seeds`] run one seed only.
pub const SEED: &str = "HEARTLINE_SEED";
/// The environment variable that replaces the number of seeds.
pub const SEEDS: &str = "HEARTLINE_SEEDS";

/// Runs a scenario with the seeds 0 to `count` − 1, one after the other.
///
/// `HEARTLINE_SEED=17` runs that seed alone, `HEARTLINE_SEEDS=100000` as many as that instead of `count`.
///
/// # Panics
/// If the scenario does, with the seed and how to repeat it in front of the message; or if one of the variables is
/// not a number.
pub fn seeds(count: u64, mut scenario: impl FnMut(u64)) {
    let range = match (number(SEED), number(SEEDS)) {
        (Some(seed), _) => seed..=seed,
        (None, count_instead) => match count_instead.unwrap_or(count).checked_sub(1) {
            Some(last) => 0..=last,
            None => return,
        },
    };
    for seed in range {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| scenario(seed))) {
            panic!("seed {seed} fails ({SEED}={seed} repeats it alone): {}", message(&*panic));
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let value = env::var(variable).ok()?;
    Some(value.trim().parse().unwrap_or_else(|_| panic!("{variable} is not a number: {value}")))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_seed_that_fails_is_named_with_what_it_says() {
        let mut ran = Vec::new();
        let caught = catch_unwind(AssertUnwindSafe(|| {
            seeds(100, |seed| {
                ran.push(seed);
                assert_ne!(seed, 17, "seventeen");
            });
        }));
        let panic = caught.expect_err("one of them fails");
        let said = message(&*panic);
        if env::var(SEED).is_err() && env::var(SEEDS).is_err() {
            assert!(said.starts_with("seed 17 fails (HEARTLINE_SEED=17 repeats it alone): "), "{said}");
            assert!(said.contains("seventeen"), "{said}");
            assert_eq!(ran, (0..=17).collect::<Vec<_>>());
        }
        seeds(0, |_| panic!("there is no seed"));
    }
}

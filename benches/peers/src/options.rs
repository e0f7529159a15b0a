//! The command line.

use crate::Outcome;
use crate::contenders::{self, Contender};
use crate::work::{self, Kind, Work};

const USAGE: &str = "\
usage: cargo run --release --manifest-path benches/peers/Cargo.toml -- [options]
  --rounds N          rounds of times, 7 by default
  --only WORK,…       flood16 flood16-paced flood1k flood1k-paced echo64 echo64-paced pingpong idle
  --clients NAME,…    bare task client select ezsockets ws bare-blocking blocking
  --no-counts         neither system calls nor instructions
  --quick             about a minute: one round of a tenth, neither idle connections nor counts";

/// What to measure.
pub struct Options {
    pub rounds: usize,
    pub works: Vec<Work>,
    pub contenders: Vec<Contender>,
    pub counts: bool,
}

impl Options {
    pub fn parse(arguments: &[&str]) -> Outcome<Self> {
        let mut options = Self { rounds: 7, works: work::ALL.into(), contenders: contenders::ALL.into(), counts: true };
        let mut quick = false;
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().copied().ok_or(USAGE);
            match *argument {
                "--rounds" => options.rounds = value()?.parse()?,
                "--only" => options.works = named(value()?, Work::find)?,
                "--clients" => options.contenders = named(value()?, Contender::find)?,
                "--no-counts" => options.counts = false,
                "--quick" => quick = true,
                _ => return Err(USAGE.into()),
            }
        }
        if quick {
            options.hurry();
        }
        Ok(options)
    }

    fn hurry(&mut self) {
        (self.rounds, self.counts) = (1, false);
        self.works.retain(|work| work.kind != Kind::Idle);
        self.works.iter_mut().for_each(|work| work.count /= 10);
    }
}

fn named<T>(names: &str, find: impl Fn(&str) -> Option<T>) -> Outcome<Vec<T>> {
    names.split(',').map(|name| find(name).ok_or_else(|| format!("{name}?\n{USAGE}").into())).collect()
}

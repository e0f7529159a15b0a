//! The rounds: in each every client has its turn with every work, and each round begins with another client.

use std::process::Command;

use crate::Outcome;
use crate::contenders::{Client, Contender};
use crate::counts::{Counts, count};
use crate::measure::{Sample, node_packages, sample};
use crate::options::Options;
use crate::table;
use crate::work::Work;

/// Everything about one client and one work.
pub struct Row {
    pub contender: Contender,
    /// By round.
    pub samples: Vec<Sample>,
    pub counts: Counts,
}

pub fn run(options: &Options) -> Outcome {
    crate::idle::raise_limit()?;
    let contenders = available(&options.contenders);
    let rows = || contenders.iter().map(|contender| Row::new(*contender)).collect::<Vec<_>>();
    let mut tables: Vec<(Work, Vec<Row>)> = options.works.iter().map(|work| (*work, rows())).collect();
    for round in 0..options.rounds {
        for (work, rows) in &mut tables {
            eprintln!("round {} of {}: {}", round + 1, options.rounds, work.title);
            let first = round % rows.len();
            let (later, sooner) = rows.split_at_mut(first);
            for row in sooner.iter_mut().chain(later) {
                row.samples.push(sample(&row.contender, row.contender.fit(*work))?);
            }
        }
    }
    for (work, rows) in tables.iter_mut().filter(|_| options.counts) {
        for row in rows {
            eprintln!("counting {}, {}", work.title, row.contender.title);
            row.counts = count(&row.contender, *work)?;
        }
    }
    println!("{}.", provenance(options.rounds));
    tables.iter().for_each(|(work, rows)| table::print(*work, rows));
    Ok(())
}

impl Row {
    fn new(contender: Contender) -> Self {
        Self { contender, samples: Vec::new(), counts: Counts::default() }
    }
}

fn available(contenders: &[Contender]) -> Vec<Contender> {
    let has_node = node_packages().is_some();
    if !has_node {
        eprintln!("without node `ws`: run .ci/interop-setup for it");
    }
    contenders.iter().filter(|contender| has_node || !matches!(contender.client, Client::Node(_))).copied().collect()
}

/// Where the figures come from.
fn provenance(rounds: usize) -> String {
    let says = |command: &str, arguments: &[&str]| {
        let output = Command::new(command).args(arguments).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = says("git", &["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty"]);
    let [commit, rustc, node] =
        [commit, says("rustc", &["--version"]), says("node", &["--version"])].map(Option::unwrap_or_default);
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpus: Vec<&str> = cpus.lines().filter(|line| line.starts_with("model name")).collect();
    let model = cpus.first().and_then(|line| line.split_once(": ")).map_or("", |(_, model)| model);
    let processors = cpus.len();
    format!("Commit {commit}, {rounds} rounds, {rustc}, node {node}, {processors} × {model}")
}

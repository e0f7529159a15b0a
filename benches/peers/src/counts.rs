//! What does not depend on how busy the machine is: system calls by strace, instructions by callgrind.

use crate::Outcome;
use crate::contenders::{Client, Contender};
use crate::measure;
use crate::work::{Kind, Work};

/// Without the tunable, callgrind takes each byte that a large `memset` clears for an instruction.
const CALLGRIND: [&str; 5] = [
    "env",
    "GLIBC_TUNABLES=glibc.cpu.x86_rep_stosb_threshold=1000000000",
    "valgrind",
    "--tool=callgrind",
    "--callgrind-out-file=/dev/null",
];

/// Per message.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    pub calls: Option<f64>,
    pub instructions: Option<f64>,
}

pub fn count(contender: &Contender, work: Work) -> Outcome<Counts> {
    let messages = match work.kind {
        Kind::Flood => 20_000,
        Kind::Echo { window: 1 } => 2_000,
        Kind::Echo { .. } => 12_800,
        Kind::Idle => return Ok(Counts::default()),
    };
    let work = work.of(messages);
    let calls = Some(calls(contender, work)?);
    // Under callgrind a client is too slow for a pace, and node far too slow.
    let is_counted = work.pace.is_none() && matches!(contender.client, Client::Rust(_));
    let instructions = if is_counted { Some(instructions(contender, work)?) } else { None };
    Ok(Counts { calls, instructions })
}

/// System calls between the two marks that the load makes.
fn calls(contender: &Contender, work: Work) -> Outcome<f64> {
    let file = std::env::temp_dir().join(format!("heartline-peers.{}.strace", std::process::id()));
    measure::run(contender, work, &["strace", "-f", "-qq", "-e", "signal=none", "-o", &file.to_string_lossy()])?;
    let trace = std::fs::read_to_string(&file)?;
    std::fs::remove_file(&file)?;
    let is_mark = |line: &str| line.contains(" getppid(");
    let calls = trace.lines().filter(|line| !line.contains("resumed>")).skip_while(|line| !is_mark(line)).skip(1);
    Ok(calls.take_while(|line| !is_mark(line)).count() as f64 / work.count as f64)
}

/// The difference of a run and one twice as long, so that start and end do not count.
fn instructions(contender: &Contender, work: Work) -> Outcome<f64> {
    let twice = work.of(2 * work.count);
    let more = collected(contender, twice)? - collected(contender, work)?;
    Ok(more / (twice.total() - work.total()) as f64)
}

fn collected(contender: &Contender, work: Work) -> Outcome<f64> {
    let output = measure::run(contender, work, &CALLGRIND)?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    let line = stderr.lines().find_map(|line| line.split_once("Collected : ")).ok_or("callgrind counted nothing")?;
    Ok(line.1.trim().parse()?)
}

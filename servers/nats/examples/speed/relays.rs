//! Messages from user to user, on one server and across two, beside requests and replies by async-nats alone.
//!
//! Whoever sends waits for what became of the message before the next one. The four processes, this one included, have a thread or, the
//! broker, several. A round is one run of each way, and what counts are ratios within a round.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::Client as Nats;
use heartline_driver_testing::PATIENCE;
use heartline_load::server::{Launch, Server};
use heartline_load::usage::Usage;
use tokio::task::JoinSet;

use crate::clients::{Client, Lasted, Times, in_time};
use crate::{Anything, bare, median};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(1);
const SIZES: [usize; 2] = [64, 1024];
/// How many send at the same time.
const SENDERS: [usize; 2] = [1, 64];
const MOST: usize = 64;

const HEAD: &str = "\
| bytes | senders | way | messages a second | of bare | delivered after µs, median | p99 | outcome after µs, median | p99 | of bare, median | CPU µs a message: clients | their server | the other server | broker |
|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|";
/// What the others are compared with.
const BARE: usize = 2;
/// In the order of the rows.
const WAYS: [&str; BARE + 1] = ["within a server", "across two servers", "async-nats, request and reply"];

pub fn show(broker: &str, broker_pid: u32) -> Result<(), Anything> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut stage = Stage::start(broker, broker_pid).await?;
        println!("\nmedians of {ROUNDS} rounds of {} s\n\n{HEAD}", ROUND.as_secs());
        for size in SIZES {
            for senders in SENDERS {
                let mut rounds = Vec::new();
                for _ in 0..ROUNDS {
                    let mut round = Vec::new();
                    for way in 0..WAYS.len() {
                        round.push(stage.run(way, senders, size).await?);
                    }
                    rounds.push(round);
                }
                rows(size, senders, &rounds);
            }
        }
        Ok(())
    })
}

/// How a message gets to where it is sent, and its outcome back.
enum Way {
    User { client: Client, to: String },
    Bare(Nats),
}

impl Way {
    async fn send(&mut self, message: String) -> Result<(), Anything> {
        let outcome = match self {
            Self::User { client, to } => client.send(to, &message).await?,
            Self::Bare(client) => in_time(bare::request(client, "b", message)).await??,
        };
        if outcome == "routed" { Ok(()) } else { Err(outcome.into()) }
    }
}

/// Two servers, and everybody who sends to each other.
struct Stage {
    ways: [Vec<Way>; WAYS.len()],
    times: Arc<Times>,
    /// Of the processes, in the order of the table.
    pids: [u32; 4],
    _servers: [Server; 2],
    _recipients: JoinSet<Result<(), Anything>>,
}

impl Stage {
    async fn start(broker: &str, broker_pid: u32) -> Result<Self, Anything> {
        let [a, b] = [start("a", broker)?, start("b", broker)?];
        let (times, mut recipients) = (Times::new(), JoinSet::new());
        let mut ways = [const { Vec::new() }; WAYS.len()];
        let bare = async_nats::connect(broker).await?;
        for nth in 0..MOST {
            for (way, server) in [&a, &b].into_iter().enumerate() {
                let (from, to) = (format!("sender-{way}-{nth}"), format!("recipient-{way}-{nth}"));
                recipients.spawn(Client::log_in(server.address, &to).await?.read(times.clone()));
                ways[way].push(Way::User { client: Client::log_in(a.address, &from).await?, to });
            }
            ways[BARE].push(Way::Bare(bare.clone()));
        }
        // The servers hear of each other's users only after a moment.
        for way in ways.iter_mut().flatten() {
            let began = Instant::now();
            while let Err(error) = way.send(times.message(SIZES[0]).1).await {
                if began.elapsed() > PATIENCE {
                    return Err(error);
                }
            }
        }
        let pids = [std::process::id(), a.pid(), b.pid(), broker_pid];
        Ok(Self { ways, times, pids, _servers: [a, b], _recipients: recipients })
    }

    async fn run(&mut self, way: usize, senders: usize, size: usize) -> Result<Run, Anything> {
        self.times.take();
        let (before, began) = (self.usage()?, Instant::now());
        let mut sending = JoinSet::new();
        for way in self.ways[way].drain(..senders) {
            sending.spawn(send_until(began + ROUND, way, self.times.clone(), size));
        }
        while let Some(sent) = sending.join_next().await {
            self.ways[way].push(sent??);
        }
        let (took, after) = (began.elapsed(), self.usage()?);
        if way != BARE {
            in_time(self.times.all_delivered()).await?;
        }
        let lasted = self.times.take();
        let sent = lasted.outcome.count() as f64;
        let cpu = std::array::from_fn(|nth| after[nth].cpu.saturating_sub(before[nth].cpu).as_secs_f64() * 1e6 / sent);
        Ok(Run { rate: sent / took.as_secs_f64(), lasted, cpu })
    }

    fn usage(&self) -> Result<[Usage; 4], Anything> {
        let mut usage = [Usage::default(); 4];
        for (usage, pid) in usage.iter_mut().zip(self.pids) {
            *usage = Usage::of(pid)?;
        }
        Ok(usage)
    }
}

/// This program again, as a server.
fn start(name: &str, broker: &str) -> Result<Server, Anything> {
    let arguments = ["node", name, broker].map(str::to_owned).into();
    Ok(Launch { arguments, ..Launch::program(std::env::current_exe()?) }.start()?)
}

async fn send_until(end: Instant, mut way: Way, times: Arc<Times>, size: usize) -> Result<Way, Anything> {
    while Instant::now() < end {
        let (sent, message) = times.message(size);
        way.send(message).await?;
        times.ended(sent);
    }
    Ok(way)
}

/// What one way came to in a round.
struct Run {
    rate: f64,
    lasted: Lasted,
    /// In µs a message, of each process.
    cpu: [f64; 4],
}

fn rows(size: usize, senders: usize, rounds: &[Vec<Run>]) {
    for (way, name) in WAYS.iter().enumerate() {
        let figure = |of: &dyn Fn(&Run) -> f64| median(rounds.iter().map(|round| of(&round[way])));
        let of_bare = |of: &dyn Fn(&Run) -> f64| median(rounds.iter().map(|round| of(&round[way]) / of(&round[BARE])));
        let delivery = |share| {
            let micros = figure(&|run| run.lasted.delivery.at(share).as_secs_f64() * 1e6);
            if way == BARE { String::new() } else { format!("{micros:.0}") }
        };
        let outcome = |run: &Run, share| run.lasted.outcome.at(share).as_secs_f64() * 1e6;
        println!(
            "| {size} | {senders} | {name} | {:.0} | {:.2} | {} | {} | {:.0} | {:.0} | {:.2} | {} |",
            figure(&|run| run.rate),
            of_bare(&|run| run.rate),
            delivery(0.5),
            delivery(0.99),
            figure(&|run| outcome(run, 0.5)),
            figure(&|run| outcome(run, 0.99)),
            of_bare(&|run| outcome(run, 0.5)),
            [0, 1, 2, 3].map(|nth| format!("{:.1}", figure(&|run| run.cpu[nth]))).join(" | "),
        );
    }
}

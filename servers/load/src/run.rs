//! The scenarios at full size, one after the other.

use std::io;
use std::time::Duration;

use heartline_load::figures::Verdict;
use heartline_load::fleet::Canaries;
use heartline_load::scenario::flood::{self, Flood};
use heartline_load::scenario::kicks::{self, Kicks};
use heartline_load::scenario::logins::{self, Logins};
use heartline_load::scenario::presence::{self, Flapping};
use heartline_load::scenario::silent::{self, Silent};
use heartline_load::scenario::slow::{self, NeverRead, OneSender, WhoUnread};
use heartline_load::scenario::stop::{self, Crowd};
use heartline_load::scenario::{Setup, steady, suspend};
use heartline_load::table::{HEAD, STOP_HEAD, rows, stop_row};

use crate::options::Options;

/// Users of the scenarios at full load.
const MANY: usize = 10_000;
/// Users of the others.
const SOME: usize = 1_000;
/// Users of a server with few descriptors.
const FEW: usize = 50;
const ALL: [&str; 11] =
    ["steady", "logins", "floods", "slow", "d1", "d2", "silent", "kicks", "presence", "stop", "suspend"];

/// Runs what was asked for; a scenario that fails is reported, and the next one runs.
pub async fn run(options: &Options) -> io::Result<()> {
    let known = |name: &String| ALL.contains(&name.as_str());
    if let Some(unknown) = options.scenarios.iter().find(|name| !known(name)) {
        return Err(io::Error::other(format!("no scenario {unknown}")));
    }
    println!("{HEAD}");
    for name in ALL.iter().filter(|name| **name != "stop" && options.asks_for(name)) {
        scenario(options, name).await;
    }
    if options.asks_for("stop") {
        println!("\n{STOP_HEAD}");
        for phase in stop::Phase::ALL {
            match stop::run(&options.with(FEW), phase, Crowd::default()).await {
                Ok(stopped) => println!("{}", stop_row(&stopped)),
                Err(error) => println!("| {phase} | {error} |"),
            }
        }
    }
    Ok(())
}

impl Options {
    fn asks_for(&self, name: &str) -> bool {
        self.scenarios.is_empty() || self.scenarios.iter().any(|asked| asked == name)
    }

    /// With so many users, if no number was given.
    fn with(&self, users: usize) -> Setup {
        let users = self.users.unwrap_or(users);
        let rate = self.rate.unwrap_or(users as f64 / 2.0);
        let mut setup = self.setup.clone();
        setup.canaries = Canaries { users, rate, ..setup.canaries };
        setup
    }
}

async fn scenario(options: &Options, name: &str) {
    let (some, many) = (options.with(SOME), options.with(MANY));
    match name {
        "steady" => show(name, steady::run(&many).await),
        "logins" => {
            show(name, logins::run(&many, Logins::default()).await);
            let all = Logins { watchers: 0, all_watch: true, ..Logins::default() };
            show(name, logins::run(&options.with(FEW), all).await);
        }
        "floods" => floods(options).await,
        "slow" => show(name, slow::never_read(&some, NeverRead::default()).await),
        "d1" => show(name, slow::who_unread(&some, WhoUnread::default()).await),
        "d2" => show(name, slow::one_sender(&some, OneSender::default()).await),
        "silent" => {
            for kind in [silent::Kind::Silent, silent::Kind::Half, silent::Kind::Drip] {
                show(name, silent::run(&options.with(FEW), Silent::of(kind)).await);
            }
        }
        "kicks" => show(name, kicks::run(&some, Kicks::default()).await),
        "presence" => show(name, presence::flapping(&some, Flapping::default()).await),
        _ => {
            for seconds in &options.suspensions {
                show(name, suspend::run(&some, Duration::from_secs_f64(*seconds)).await);
            }
        }
    }
}

async fn floods(options: &Options) {
    for kind in flood::Kind::ALL {
        for connections in options.connections.iter().copied() {
            let flood = Flood { connections, ..Flood::of(kind) };
            show(&kind.to_string(), flood::run(&options.with(SOME), flood).await);
        }
    }
}

fn show(name: &str, verdict: io::Result<Verdict>) {
    match verdict {
        Ok(verdict) => print!("{}", rows(&verdict)),
        Err(error) => println!("| {name} | {error} |"),
    }
}

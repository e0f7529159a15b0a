//! What is looked at in each phase besides messages: what the server uses, and whether fresh users get in.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::figures::{Figures, Newcomers, ServerUsage};
use crate::server::Server;
use crate::target::{Source, Target};
use crate::usage::Usage;
use crate::wire::{Refusal, Wire};

/// How often to look at the memory.
const LOOK: Duration = Duration::from_millis(50);
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// What is seen of a server in a phase.
#[derive(Debug)]
pub struct Probe {
    pid: u32,
    target: Target,
    every: Option<Duration>,
    usage: ServerUsage,
    /// The number of the first fresh user.
    first: usize,
    coming: JoinSet<(Result<(), Refusal>, Duration)>,
}

impl Probe {
    /// Begins to look, and to log a user in each time that this has passed, numbered from the first.
    pub fn start(server: &Server, target: &Target, every: Option<Duration>, first: usize) -> Self {
        let before = Usage::of(server.pid()).unwrap_or_default();
        let usage =
            ServerUsage { before, peak_memory: before.memory, peak_descriptors: before.descriptors, after: before };
        Self { pid: server.pid(), target: target.clone(), every, usage, first, coming: JoinSet::new() }
    }

    /// Looks until this future is ready.
    pub async fn watch_until(&mut self, over: impl Future<Output = ()>) {
        tokio::select! {
            () = over => {}
            () = self.watch() => {}
        }
        self.see();
    }

    async fn watch(&mut self) {
        let (mut looks, mut logins) = (interval(LOOK), interval(self.every.unwrap_or(NEVER)));
        looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        logins.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                _ = looks.tick() => self.see(),
                _ = logins.tick(), if self.every.is_some() => self.come(),
            }
        }
    }

    /// How many fresh users have come.
    pub fn newcomers(&self) -> usize {
        self.coming.len()
    }

    fn see(&mut self) {
        if let Ok(after) = Usage::of(self.pid) {
            let usage = &mut self.usage;
            usage.after = after;
            usage.peak_memory = usage.peak_memory.max(after.memory);
            usage.peak_descriptors = usage.peak_descriptors.max(after.descriptors);
        }
    }

    fn come(&mut self) {
        let (number, target) = (self.first + self.coming.len(), self.target.clone());
        self.coming.spawn(async move {
            let began = Instant::now();
            let login = async {
                let mut wire = Wire::open(&target, Source::newcomer(number), None).await?;
                wire.login(&target, &format!("newcomer{number}")).await
            };
            (login.await, began.elapsed())
        });
    }

    /// What was seen. Waits for the last of the fresh users, who have 15 s at most.
    pub async fn add_to(mut self, figures: Figures) -> Figures {
        let mut newcomers = Newcomers::default();
        while let Some(come) = self.coming.join_next().await {
            match come {
                Ok((Ok(()), took)) => {
                    newcomers.admitted += 1;
                    newcomers.took.record(took);
                }
                Ok((Err(Refusal::Status(_) | Refusal::Login | Refusal::Closed(_)), _)) => newcomers.refused += 1,
                _ => newcomers.failed += 1,
            }
        }
        Figures { server: self.usage, newcomers, ..figures }
    }
}

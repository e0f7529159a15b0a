//! Users who write to each other at a steady rate, and take no part in any attack.

mod post;
mod user;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::figures::{Durations, Figures};
use crate::target::Target;
use post::Post;
use user::User;

/// Users who dial at the same time, far below what servers allow to wait for a login.
const DIALS: usize = 256;
/// So long a phase waits for what was sent in it.
const LAST_MESSAGES: Duration = Duration::from_secs(5);

/// Who the uninvolved users are, and what they do.
#[derive(Clone, Debug)]
pub struct Canaries {
    /// How many there are.
    pub users: usize,
    /// Messages a second, of all together.
    pub rate: f64,
    /// How often each sends a heartbeat.
    pub heartbeat: Duration,
}

impl Default for Canaries {
    fn default() -> Self {
        Self { users: 1_000, rate: 500.0, heartbeat: Duration::from_secs(5) }
    }
}

/// Users that are logged in. They leave when this is dropped.
#[derive(Debug)]
pub struct Fleet {
    users: Vec<User>,
    post: Arc<Post>,
    rate: f64,
    random: u64,
}

impl Fleet {
    /// Logs all of them in.
    ///
    /// # Errors
    /// One of them is not let in.
    pub async fn log_in(target: &Target, canaries: &Canaries) -> io::Result<Self> {
        let (post, gate) = (Arc::new(Post::default()), Arc::new(Semaphore::new(DIALS)));
        let mut dials = JoinSet::new();
        for number in 0..canaries.users {
            let (target, gate, post, heartbeat) = (target.clone(), gate.clone(), post.clone(), canaries.heartbeat);
            dials.spawn(async move {
                let _permit = gate.acquire().await;
                User::log_in(&target, number, heartbeat, post).await
            });
        }
        let mut users = Vec::with_capacity(canaries.users);
        while let Some(dialled) = dials.join_next().await {
            users.push(dialled.map_err(io::Error::other)??);
        }
        Ok(Self { users, post, rate: canaries.rate, random: 0x5eed })
    }

    /// Writes until this future is ready, then waits up to 5 s for what is still under way.
    pub async fn write_until(&mut self, over: impl Future<Output = ()>) -> Figures {
        self.post.begin();
        let began = Instant::now();
        let mut lag = Durations::default();
        tokio::select! {
            () = over => {}
            () = self.write(began, &mut lag) => {}
        }
        let took = began.elapsed();
        let ended = Instant::now();
        while self.post.is_awaiting() && ended.elapsed() < LAST_MESSAGES {
            sleep(Duration::from_millis(5)).await;
        }
        Figures { took, generator_lag: lag, ..self.post.end() }
    }

    /// As many messages as are due, each millisecond, to random users.
    async fn write(&mut self, began: Instant, lag: &mut Durations) {
        let mut ticks = interval(Duration::from_millis(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut sent = 0_u64;
        loop {
            lag.record(ticks.tick().await.elapsed());
            let due = (began.elapsed().as_secs_f64() * self.rate) as u64;
            while sent < due && !self.users.is_empty() {
                let (from, to) = (self.any(), self.any());
                let text = self.post.message(to);
                self.post.count_sent(self.users[from].send(text));
                sent += 1;
            }
        }
    }

    fn any(&mut self) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as usize % self.users.len()
    }

    /// The connections that have ended so far, by close code, in whichever phase.
    pub fn closed(&self) -> crate::tally::Codes {
        self.post.all_closed()
    }
}

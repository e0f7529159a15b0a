//! The scenarios. Each starts a server, runs, ends it, and returns numbers; none asserts anything.

pub mod crowd;
pub mod flood;
pub mod kicks;
pub mod logins;
pub mod presence;
pub mod probe;
pub mod silent;
pub mod slow;
pub mod steady;
pub mod stop;
pub mod suspend;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::figures::{Figures, Verdict};
use crate::fleet::{Canaries, Fleet};
use crate::server::{Launch, Server};
use crate::tally::{Attack, Codes, Tally};
use crate::target::{Credentials, Target};
use probe::Probe;

/// Pause of an attacker that was shown out.
pub const AGAIN: Duration = Duration::from_millis(20);
/// For the last messages of an attack to arrive.
const LAST: Duration = Duration::from_secs(2);

/// What all scenarios need.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The server.
    pub launch: Launch,
    /// How its users log in.
    pub credentials: Credentials,
    /// Who is not involved.
    pub canaries: Canaries,
    /// How long to look before the attack.
    pub before: Duration,
    /// How long the attack is, if it does not end by itself.
    pub during: Duration,
    /// How long an attack that ends by itself may take.
    pub at_most: Duration,
    /// How long to look after the attack.
    pub after: Duration,
    /// How often a fresh user logs in, in each phase; none for never.
    pub newcomers: Option<Duration>,
}

impl Setup {
    /// 1,000 users with 500 messages a second, 5 s before, 10 s of attack or 60 s at most, 5 s after, and 5 newcomers a
    /// second.
    pub fn new(launch: Launch, credentials: Credentials) -> Self {
        Self {
            launch,
            credentials,
            canaries: Canaries::default(),
            before: Duration::from_secs(5),
            during: Duration::from_secs(10),
            at_most: Duration::from_secs(60),
            after: Duration::from_secs(5),
            newcomers: Some(Duration::from_millis(200)),
        }
    }
}

/// What attackers work with.
#[derive(Clone, Debug)]
pub struct Battle {
    /// Whom they attack.
    pub target: Target,
    /// What they did.
    pub tally: Arc<Tally>,
}

/// A server with its uninvolved users.
#[derive(Debug)]
pub struct Stage {
    /// The server.
    pub server: Server,
    /// How to connect to it.
    pub target: Target,
    fleet: Fleet,
    setup: Setup,
    tally: Arc<Tally>,
    /// So far, for their names.
    newcomers: usize,
}

impl Stage {
    /// Starts a server, and logs the uninvolved users in.
    ///
    /// # Errors
    /// The server does not start, or does not let all of them in.
    pub async fn start(setup: &Setup) -> io::Result<Self> {
        let server = setup.launch.start()?;
        let target = Target { address: server.address, credentials: setup.credentials.clone() };
        let fleet = Fleet::log_in(&target, &setup.canaries).await?;
        Ok(Self { server, target, fleet, setup: setup.clone(), tally: Arc::default(), newcomers: 0 })
    }

    /// What attackers need.
    pub fn battle(&self) -> Battle {
        Battle { target: self.target.clone(), tally: self.tally.clone() }
    }

    /// Looks before, during and after an attack, which ends by itself or is cut short after this time.
    pub async fn attacked<A>(mut self, name: &str, at_most: Duration, attack: A) -> Verdict
    where
        A: Future<Output = ()> + Send + 'static,
    {
        let before = self.look(sleep(self.setup.before)).await;
        let (began, mut took, mut attackers) = (Instant::now(), Duration::ZERO, JoinSet::new());
        // What came of preparations is not the attack's.
        *self.tally.count() = Attack::default();
        attackers.spawn(attack);
        let fought = async {
            if timeout(at_most, attackers.join_next()).await.is_ok() {
                took = began.elapsed();
            }
            attackers.shutdown().await;
        };
        let during = self.look(fought).await;
        let attack = Attack { took, ..self.tally.count().clone() };
        let after = self.look(sleep(self.setup.after)).await;
        Verdict { name: name.into(), before, during, after, attack }
    }

    /// One phase.
    pub async fn look(&mut self, over: impl Future<Output = ()>) -> Figures {
        let mut probe = Probe::start(&self.server, &self.target, self.setup.newcomers, self.newcomers);
        let figures = self.fleet.write_until(probe.watch_until(over)).await;
        self.newcomers += probe.newcomers();
        probe.add_to(figures).await
    }

    /// A phase in which the server is stopped for so long (SIGSTOP), and goes on.
    ///
    /// # Errors
    /// It has ended.
    pub async fn suspended(&mut self, length: Duration) -> io::Result<Figures> {
        let mut probe = Probe::start(&self.server, &self.target, None, self.newcomers);
        let mut result = Ok(());
        let suspended = async { result = self.server.suspend(length).await };
        let figures = self.fleet.write_until(probe.watch_until(suspended)).await;
        result?;
        Ok(probe.add_to(figures).await)
    }

    /// The uninvolved users' connections that have ended, by close code.
    pub fn closed(&self) -> Codes {
        self.fleet.closed()
    }
}

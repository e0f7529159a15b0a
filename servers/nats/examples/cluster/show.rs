//! What the steps of the show have in common: who takes part, waiting for agreement, and the accounts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use crate::Failure;
use crate::broker::Broker;
use crate::client::User;
use crate::cluster::{Cluster, Sight};
use crate::table::{Screen, seconds};
use heartline_driver_testing::tally::Tally;

/// How long anything is waited for before it counts as not coming.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long a person gets to look, where nothing else takes its time.
const LOOK: Duration = Duration::from_millis(2500);

pub struct Options {
    /// The URL of a broker.
    pub nats: Option<String>,
    pub users: usize,
    /// How many come in the storm.
    pub newcomers: usize,
    /// No pauses for people who watch.
    pub hurry: bool,
    /// The table is drawn again and again.
    pub live: bool,
}

pub struct Show {
    pub options: Options,
    pub cluster: Arc<Cluster>,
    pub screen: Arc<Screen>,
    pub tally: Arc<Tally>,
    /// Those who write to each other.
    pub crowd: Arc<Mutex<Vec<User>>>,
    /// How many users are to be online.
    pub users: usize,
    /// The events after which all nodes were to agree again, and how long it took; `None` if they did not.
    agreements: Vec<(String, Option<Duration>)>,
}

pub fn lock(crowd: &Mutex<Vec<User>>) -> MutexGuard<'_, Vec<User>> {
    crowd.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Show {
    /// Starts the nodes.
    pub async fn begin(options: Options) -> Result<Self, Failure> {
        let cluster = Arc::new(Cluster::start(Broker::new(options.nats.clone())).await?);
        let screen = Arc::new(Screen::new(cluster.clone(), options.live));
        tokio::spawn(screen.clone().keep_drawing());
        let (tally, crowd, users) = (Arc::default(), Arc::default(), options.users);
        Ok(Self { options, cluster, screen, tally, crowd, users, agreements: Vec::new() })
    }

    /// A user who dials this node first, modulo three, and others after losses.
    pub fn enter(&self, name: String, place: usize) -> Result<User, Failure> {
        // Half of those who lose a node go to the one, half to the other.
        let stride = 1 + place / 3 % 2;
        User::enter(name, place, stride, &self.cluster.addresses, &self.tally)
    }

    /// Waits until all nodes agree on all users.
    pub async fn agree(&mut self, after: &str, since: Instant) {
        self.screen.awaits_agreement(since);
        let agreed = self.until("agreement", |sight| sight.is_agreed_on(self.users)).await;
        let took = agreed.is_ok().then(|| since.elapsed());
        match took {
            Some(took) => {
                self.screen.agreed(took);
                self.screen.say(&format!("all nodes agree on all users, {} after {after}", seconds(took)));
            }
            None => self.screen.say(&format!("the nodes do not agree, {PATIENCE:?} after {after}")),
        }
        self.agreements.push((after.into(), took));
    }

    /// Waits until this is true of what the nodes know.
    pub async fn until(&self, what: &str, is_so: impl Fn(&Sight) -> bool) -> Result<Sight, Failure> {
        let waits = async {
            loop {
                let sight = self.cluster.sight();
                if is_so(&sight) {
                    return sight;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, waits).await.map_err(|_| format!("waited in vain for {what}").into())
    }

    /// Time to look.
    pub async fn look(&self) {
        self.screen.show();
        if !self.options.hurry {
            sleep(LOOK).await;
        }
    }

    /// Prints what became of everything. True if nothing happened that must not.
    pub async fn accounts(&self) -> bool {
        self.screen.say("== nobody writes any more; the tally");
        let is_over = |sight: &Sight| self.tally.is_settled() && sight.is_agreed_on(self.users);
        // If it is not, the accounts say so.
        let sight = self.until("the end", is_over).await.unwrap_or_else(|_| self.cluster.sight());
        self.screen.finish();
        let mut audit = self.tally.audit();
        audit.must_be_zero("users with two connections at the end", sight.doubled);
        audit.must_be_zero("users on whom the nodes disagree at the end", sight.users - sight.agreed);
        audit.must_be_zero("users who are not online at the end", self.users.saturating_sub(sight.users));
        let disagreements = self.agreements.iter().filter(|(_, took)| took.is_none()).count();
        audit.must_be_zero(format!("events after which not all agreed within {PATIENCE:?}"), disagreements);
        println!("{audit}\nTime until all nodes agreed on all users, after");
        for (what, took) in &self.agreements {
            println!("  {what:<78}{:>6}", took.map_or("never".into(), seconds));
        }
        audit.is_clean()
    }
}

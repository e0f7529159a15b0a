//! What happens in the show, one step after the other.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::Failure;
use crate::client::User;
use crate::show::{Options, PATIENCE, Show, lock};
use crate::table::seconds;

/// The places of the nodes.
const A: usize = 0;
const B: usize = 1;
const C: usize = 2;

/// True if nothing happened that must not.
pub async fn run(options: Options) -> Result<bool, Failure> {
    let mut show = Show::begin(options).await?;
    show.everybody_logs_in().await?;
    let talk = tokio::spawn(talk(show.crowd.clone()));
    show.people_talk().await;
    show.a_user_logs_in_elsewhere().await?;
    show.a_node_is_cut_off_and_healed().await?;
    show.a_node_is_killed_and_started_again().await?;
    show.a_node_is_restarted_gracefully().await?;
    show.a_storm_of_logins().await?;
    talk.abort();
    Ok(show.accounts().await)
}

/// Everybody writes to everybody else in turn, until this is dropped.
async fn talk(crowd: Arc<Mutex<Vec<User>>>) {
    let mut ticks = interval(Duration::from_millis(10));
    for turn in 0_usize.. {
        ticks.tick().await;
        let crowd = lock(&crowd);
        let (sender, round) = (turn % crowd.len(), turn / crowd.len());
        let recipient = (sender + 1 + round % (crowd.len() - 1)) % crowd.len();
        crowd[sender].write_to(&crowd[recipient].name);
    }
}

impl Show {
    async fn everybody_logs_in(&mut self) -> Result<(), Failure> {
        let users = self.options.users;
        self.screen.say(&format!("== three nodes; {users} users log in, and write to each other"));
        let since = Instant::now();
        let crowd: Result<Vec<_>, _> = (0..users).map(|number| self.enter(format!("user-{number}"), number)).collect();
        *lock(&self.crowd) = crowd?;
        self.agree("the start", since).await;
        Ok(())
    }

    async fn people_talk(&self) {
        self.look().await;
        self.screen.say("a message counts as routed when the recipient's node has queued it for the recipient");
        self.look().await;
    }

    async fn a_user_logs_in_elsewhere(&mut self) -> Result<(), Failure> {
        let old = lock(&self.crowd)[0].clone();
        self.screen.say(&format!("== {} logs in on another node as well", old.name));
        let place = (0..3).find(|place| self.cluster.is_on(*place, &old.name)).unwrap_or(A);
        let since = Instant::now();
        lock(&self.crowd)[0] = self.enter(old.name.clone(), place + 1)?;
        let end = timeout(PATIENCE, old.ended()).await.map_err(|_| "the first connection was not closed")?;
        self.screen.say(&format!("the client of the old connection {}", end.reason));
        self.agree("the login elsewhere", since).await;
        self.look().await;
        Ok(())
    }

    async fn a_node_is_cut_off_and_healed(&mut self) -> Result<(), Failure> {
        self.screen.say("== b is cut off from the broker; its users stay, and it serves them alone");
        let since = Instant::now();
        self.cluster.cut(B);
        self.screen.awaits_agreement(since);
        self.until("b to find out", |sight| sight.is_alone(B)).await?;
        self.screen.say(&format!("b has found out, and the others miss it, after {}", seconds(since.elapsed())));
        let [first, second] = self.log_in_twice().await?;
        self.look().await;
        self.screen.say("b is healed");
        let healed = Instant::now();
        self.cluster.heal(B);
        self.agree("the heal of b", healed).await;
        let one_ends = async {
            tokio::select! {
                end = first.ended() => (&second, end),
                end = second.ended() => (&first, end),
            }
        };
        let (survivor, end) = timeout(PATIENCE, one_ends).await.map_err(|_| "both logins stay")?;
        let name = &survivor.name;
        self.screen
            .say(&format!("neither login of {name} knew of the other: the older was closed with 4509, and came back"));
        self.screen.say(&format!("now it knows of the other, whose client {}", end.reason));
        lock(&self.crowd).iter_mut().filter(|user| user.name == *name).for_each(|user| *user = survivor.clone());
        self.look().await;
        Ok(())
    }

    /// A user of b logs in on a, which does not know of b's users now. Both clients.
    async fn log_in_twice(&self) -> Result<[User; 2], Failure> {
        let is_on_b = |user: &&User| self.cluster.is_on(B, &user.name);
        let first = lock(&self.crowd).iter().rfind(is_on_b).cloned().ok_or("nobody is on b")?;
        self.screen.say(&format!("{} is on b, and logs in on a as well: no node knows of both", first.name));
        let second = self.enter(first.name.clone(), A)?;
        self.until("the second login", |_| self.cluster.is_on(A, &first.name)).await?;
        Ok([first, second])
    }

    async fn a_node_is_killed_and_started_again(&mut self) -> Result<(), Failure> {
        self.screen.say("== c is killed without a word: its sockets are gone, and nobody tells the others");
        let killed = Instant::now();
        self.cluster.kill(C);
        self.agree("the end of c", killed).await;
        self.look().await;
        self.screen.say("c is started again, under the same name");
        let started = Instant::now();
        self.cluster.start_again(C).await?;
        self.agree("the start of c", started).await;
        self.look().await;
        Ok(())
    }

    async fn a_node_is_restarted_gracefully(&mut self) -> Result<(), Failure> {
        self.screen.say("== a is restarted gracefully: it asks its clients to come back (1012), one after the other");
        let since = Instant::now();
        self.cluster.shut_down(A).await?;
        self.screen.say(&format!("a has drained and said goodbye, after {}", seconds(since.elapsed())));
        self.screen.show();
        self.agree("the shutdown of a began", since).await;
        let started = Instant::now();
        self.cluster.start_again(A).await?;
        self.agree("the start of a", started).await;
        self.look().await;
        Ok(())
    }

    async fn a_storm_of_logins(&mut self) -> Result<(), Failure> {
        let newcomers = self.options.newcomers;
        self.screen.say(&format!("== {newcomers} more users log in at the same moment"));
        let since = Instant::now();
        let guests: Result<Vec<_>, _> =
            (0..newcomers).map(|number| self.enter(format!("guest-{number}"), number)).collect();
        let guests = guests?;
        self.users += newcomers;
        self.agree(&format!("{newcomers} logins"), since).await;
        self.look().await;
        self.screen.say("they log out again");
        let since = Instant::now();
        let ends: JoinSet<()> = guests.into_iter().map(|guest| async move { guest.log_out().await }).collect();
        ends.join_all().await;
        self.users -= newcomers;
        self.agree(&format!("{newcomers} log-outs"), since).await;
        Ok(())
    }
}

//! One fault from the start of a cluster to the accounts.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use heartline_driver_testing::install::nginx_before;
use heartline_driver_testing::process::Server;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::crowd::Crowd;
use crate::fault::Fault;
use crate::report::{Agreement, Report};
use crate::setup::Setup;
use crate::view::{View, disagreement, doubled};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// A cluster, its users, and what was seen of them.
pub struct Run {
    pub(crate) setup: Setup,
    pub(crate) cluster: Cluster,
    crowd: Arc<Crowd>,
    agreements: Vec<Agreement>,
    /// What was not as it has to be.
    wrong: Vec<String>,
    _proxy: Option<Server>,
}

/// A task that ends with this.
struct Meanwhile(JoinHandle<()>);

impl Drop for Meanwhile {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts a cluster, lets a fault happen to it while its users talk, and waits until it is over. `None` where a program is not installed,
/// which is said.
pub async fn run(fault: Fault, setup: &Setup) -> Option<Report> {
    let mut run = Run::start(fault, setup).await?;
    run.agree("the logins", Instant::now()).await;
    let talk = run.meanwhile(|crowd, setup| async move { crowd.talk(setup.pace).await });
    let moves = run.meanwhile(|crowd, setup| async move { crowd.move_about(setup.moves).await });
    run.hold(Duration::from_secs(1)).await;
    fault.strike(&mut run).await;
    run.agree("the end of the fault", Instant::now()).await;
    drop(moves);
    drop(talk);
    Some(run.accounts(fault).await)
}

impl Run {
    async fn start(fault: Fault, setup: &Setup) -> Option<Self> {
        let cluster = Cluster::start(setup)?;
        cluster.is_one(setup.patience).await;
        let mut doors = cluster.doors();
        let mut proxy = None;
        if fault == Fault::Restart {
            let ports: Vec<u16> = doors.iter().map(SocketAddrV4::port).collect();
            let nginx = Server::start(nginx_before(&ports, Duration::from_secs(60))?);
            nginx.listens();
            doors = vec![SocketAddrV4::new(Ipv4Addr::LOCALHOST, nginx.place.port)];
            proxy = Some(nginx);
        }
        let crowd = Arc::new(Crowd::enter(setup.users, doors).expect("doors that are addresses"));
        let (agreements, wrong) = (Vec::new(), Vec::new());
        Some(Self { setup: setup.clone(), cluster, crowd, agreements, wrong, _proxy: proxy })
    }

    fn meanwhile<F>(&self, what: impl FnOnce(Arc<Crowd>, Setup) -> F) -> Meanwhile
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Meanwhile(tokio::spawn(what(self.crowd.clone(), self.setup.clone())))
    }

    /// Whether users log in elsewhere now and then.
    pub(crate) fn moves(&self, moves: bool) {
        self.crowd.moves.store(moves, Relaxed);
    }

    /// So long people go about their business.
    pub(crate) async fn hold(&self, time: Duration) {
        self.moves(true);
        sleep(time).await;
        self.moves(false);
    }

    /// People go about their business until a node's view is so.
    pub(crate) async fn until(&mut self, what: &str, place: usize, is_so: impl Fn(&View) -> bool) {
        self.moves(true);
        let looks = self.waits(async |run| match run.cluster.view(place).await {
            Ok(view) if is_so(&view) => Ok(()),
            Ok(view) => Err(format!("{}: not {what}", view.node)),
            Err(error) => Err(error.to_string()),
        });
        let why = looks.await;
        self.wrong.extend(why);
        self.moves(false);
    }

    /// Waits until all nodes that run agree on all users, and takes down how long that took.
    pub(crate) async fn agree(&mut self, after: &str, since: Instant) {
        let users = self.crowd.names();
        let mut views = Vec::new();
        let why = self
            .waits(async |run| {
                let asked = run.cluster.views().await.map_err(|error| error.to_string());
                views = asked?;
                disagreement(&views, &users).or_else(|| run.crowd.odd_one_out()).map_or(Ok(()), Err)
            })
            .await;
        self.agreements.push(Agreement { after: after.into(), took: why.is_none().then(|| since.elapsed()) });
        match why {
            None => self.crowd.book.tally.all_ends_are_known(),
            Some(why) => {
                self.wrong.push(format!("no agreement after {after}: {why}; {} connected twice", doubled(&views)))
            }
        }
    }

    /// Waits until something is so. Why it is not, if it does not come about in time.
    async fn waits(&self, mut look: impl AsyncFnMut(&Self) -> Result<(), String>) -> Option<String> {
        let began = Instant::now();
        loop {
            let why = look(self).await.err()?;
            if began.elapsed() > self.setup.patience {
                return Some(why);
            }
            sleep(LOOK).await;
        }
    }

    async fn accounts(mut self, fault: Fault) -> Report {
        let settled = self.waits(async |run| match run.crowd.book.tally.is_settled() {
            true => Ok(()),
            false => Err("messages that were answered did not arrive, or are not answered".into()),
        });
        let settled = settled.await;
        let presence = self.waits(async |run| run.crowd.book.presence.mistake(&run.crowd.names()).map_or(Ok(()), Err));
        let presence = presence.await;
        self.crowd.book.rooms.listen_anew();
        let rooms = self.waits(async |run| {
            let Some(deaf) = run.crowd.book.rooms.deaf(&run.crowd.rooms()) else { return Ok(()) };
            run.crowd.speak();
            Err(deaf)
        });
        let rooms = rooms.await;
        self.wrong.extend([settled, presence, rooms].into_iter().flatten());
        let views = self.cluster.views().await.unwrap_or_default();
        let book = &self.crowd.book;
        Report {
            fault,
            agreements: self.agreements,
            audit: book.tally.audit(),
            offline_events: book.presence.offline_events(),
            heard_wrongly: book.rooms.wrong(),
            doubled: doubled(&views),
            wrong: self.wrong,
            stats: views.into_iter().map(|view| (view.node, view.stats)).collect(),
        }
    }
}

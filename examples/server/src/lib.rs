//! A server on a [`Hub`](heartline::hub::Hub), to be started by a program or by a test.

mod connection;
mod events;
mod http;
mod hub_task;
mod reports;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use heartline::hub::{Config, Settings, Stats};
use tokio::net::TcpListener;
use tokio::select;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use self::connection::{Shared, serve};
use self::hub_task::HubTask;
use self::reports::{REPORTS, Report};

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Options {
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    pub hub: Settings,
    /// The longest message, and the longest frame.
    pub max_message: usize,
    /// How long a request may take to come in and be answered.
    pub request_timeout: Duration,
    /// Whether `POST /pause` and `POST /resume` work.
    pub admin: bool,
    /// How long a stop may take.
    pub within: Duration,
    /// Over which time clients are asked to come back after a stop.
    pub spread: Duration,
    /// Decides who is asked to come back when.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            hub: Settings::default(),
            max_message: 64 * 1024,
            request_timeout: Duration::from_secs(5),
            admin: false,
            within: Duration::from_secs(5),
            spread: Duration::from_secs(10),
            seed: 0,
        }
    }
}

/// A running server. Dropped, it is gone at once, as in a crash.
pub struct Server {
    pub address: SocketAddr,
    options: Options,
    shared: Arc<Shared>,
    task: JoinHandle<Stats>,
}

/// Starts a server.
///
/// # Errors
/// The address cannot be had, or the hub's settings are not valid.
pub async fn start(options: Options) -> io::Result<Server> {
    let config = Config::new(options.hub.clone()).map_err(|error| io::Error::other(error.to_string()))?;
    let listener = TcpListener::bind(options.listen).await?;
    let address = listener.local_addr()?;
    let (reports, inbox) = channel(REPORTS);
    let shared = Arc::new(Shared {
        reports,
        paused: watch::Sender::new(false),
        requests: Semaphore::new(config.max_anonymous as usize),
        request_timeout: options.request_timeout,
        linger: config.close_timeout,
        max_message: options.max_message,
        admin: options.admin,
    });
    let hub = HubTask::new(config, options.seed);
    let task = tokio::spawn(run(listener, hub, inbox, shared.clone()));
    Ok(Server { address, options, shared, task })
}

/// Accepts until the hub has drained, then waits for what is still being written.
async fn run(listener: TcpListener, hub: HubTask, inbox: Receiver<Report>, shared: Arc<Shared>) -> Stats {
    let mut tasks = JoinSet::new();
    tasks.spawn(async { Some(hub.run(inbox).await) });
    let stats = loop {
        select! {
            accepted = listener.accept() => match accepted {
                Ok((tcp, _)) => {
                    let connection = serve(tcp, shared.clone());
                    tasks.spawn(async { connection.await; None });
                }
                // Out of file descriptors, say.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
            Some(done) = tasks.join_next() => if let Ok(Some(stats)) = done {
                break stats;
            },
        }
    };
    drop(listener);
    while tasks.join_next().await.is_some() {}
    stats
}

impl Server {
    /// From now on nothing is read and nothing written: the network is bad.
    pub fn pause(&self) {
        self.shared.paused.send_replace(true);
    }

    pub fn resume(&self) {
        self.shared.paused.send_replace(false);
    }

    pub fn is_paused(&self) -> bool {
        *self.shared.paused.borrow()
    }

    /// Asks everybody to come back later, and takes nobody new.
    pub async fn stop(&self) {
        let Options { within, spread, .. } = self.options;
        _ = self.shared.reports.send(Report::Stop { within, spread }).await;
    }

    /// Gone at once; its address is free again.
    pub async fn crash(mut self) {
        self.task.abort();
        _ = (&mut self.task).await;
    }

    /// Waits until a stop is through.
    pub async fn finished(&mut self) -> Stats {
        (&mut self.task).await.unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

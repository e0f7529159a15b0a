//! The settings of a simulated cluster.

use std::time::Duration;

use heartline::backoff::{Backoff, Jitter};
use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline::{directory, hub};

/// What all nodes and clients of a cluster have in common. Written with `..Settings::default()`, a new field breaks
/// nothing.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many brokers there are, each linked with all others: 1 or more. Default 2.
    pub brokers: usize,
    /// The hubs' config. By default heartline's, but without `supersede_limit`, without limits on frames, and with `others_serve`.
    pub hub: hub::Config,
    /// The directories' config. Default heartline's.
    pub directory: directory::Config,
    /// The clients' config. By default a client finds a dead connection after 9 s and comes back after at most 2 s.
    pub session: heartline::Config,
    /// Whether to keep a trace of what happens, to be shown with a violation. It costs more than the simulation itself. Default `false`.
    pub traced: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let hub = hub::Settings {
            supersede_limit: None,
            messages: None,
            bytes: None,
            others_serve: true,
            ..hub::Settings::default()
        };
        let (interval, timeout) = (Duration::from_secs(6), Duration::from_secs(3));
        let mode = HeartbeatMode::WhenIdle { interval, timeout };
        let session = heartline::Settings {
            heartbeat: HeartbeatConfig { mode, slow_after: None, late_tolerance: Duration::from_secs(1) },
            greeting_timeout: Some(Duration::from_secs(3)),
            connect_timeout: Duration::from_secs(3),
            backoff: Backoff::exponential(Duration::from_millis(250), Duration::from_secs(2), Jitter::Full),
            ..heartline::Settings::default()
        };
        Self {
            brokers: 2,
            hub: hub::Config::new(hub).expect("these are in their ranges"),
            directory: directory::Config::default(),
            session: heartline::Config::new(session).expect("these are in their ranges"),
            traced: false,
        }
    }
}

//! Many connections on which nothing happens but heartbeats.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Outcome;
use crate::contenders::Connect;
use crate::load::{Load, Meter, memory};
use crate::work::{HEARTBEAT, Work};

/// So many are opened at a time, which a server's queue takes.
const STEP: u64 = 100;
/// And so long that may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens the connections, waits until each has sent its first ping, and measures from there.
pub async fn run(connect: Connect, url: String, work: Work) -> Outcome {
    println!("before {}", memory());
    let opened = Arc::new(AtomicU64::new(0));
    for first in (0..work.count).step_by(STEP as usize) {
        let next = work.count.min(first + STEP);
        for _ in first..next {
            tokio::spawn(connect(url.clone(), Load::new(work, opened.clone())));
        }
        let all = async {
            while opened.load(Ordering::Relaxed) < next {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, all).await.map_err(|_| "not all connections opened")?;
    }
    tokio::time::sleep(HEARTBEAT + Duration::from_millis(500)).await;
    let meter = Meter::start();
    tokio::time::sleep(work.span()).await;
    meter.report();
    Ok(())
}

/// A connection takes up to four descriptors.
pub fn raise_limit() -> Outcome {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    let wanted = 65_536.max(most.min(1 << 20));
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: Some(wanted) })
        .or_else(|_| setrlimit(Resource::Nofile, Rlimit { current: Some(most), ..limit }))?;
    Ok(())
}

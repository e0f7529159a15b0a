//! How many sockets are open, in all and for each source.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;
use tokio::sync::Notify;

use crate::proxies::Proxies;
use crate::serve::Limits;

use super::monitor::Counts;

/// Counts sockets while they are open.
pub(super) struct Gate {
    limits: Limits,
    proxies: Proxies,
    counts: Arc<Counts>,
    open: Mutex<Open>,
    left: Notify,
}

#[derive(Default)]
struct Open {
    all: u32,
    /// Of the sources that have any.
    sources: HashMap<IpNet, u32>,
}

/// Why a socket may not stay open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refused {
    /// There are `max_connections` already.
    Full,
    /// Its source has `max_per_source` already.
    Source,
}

/// One open socket; it counts until this is dropped.
pub(super) struct Permit {
    gate: Arc<Gate>,
    /// `None` for a trusted proxy.
    source: Option<IpNet>,
}

impl Gate {
    pub(super) fn new(limits: Limits, proxies: Proxies, counts: Arc<Counts>) -> Self {
        Self { limits, proxies, counts, open: Mutex::default(), left: Notify::new() }
    }

    /// For a socket that was accepted from this address.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr) -> Result<Permit, Refused> {
        let mut open = self.lock();
        if open.all >= self.limits.max_connections {
            return Err(Refused::Full);
        }
        let source = (!self.proxies.trusts(peer)).then(|| self.limits.source(peer));
        if let Some(source) = source {
            let count = open.sources.entry(source).or_default();
            if *count >= self.limits.max_per_source {
                return Err(Refused::Source);
            }
            *count += 1;
        }
        open.all += 1;
        self.counts.open.set(open.all.into());
        Ok(Permit { gate: self.clone(), source })
    }

    pub(super) fn open(&self) -> u32 {
        self.lock().all
    }

    /// Returns after a socket was closed, at once for one since the last call. For one caller. Cancel safe.
    pub(super) async fn left(&self) {
        self.left.notified().await;
    }

    /// Returns when no socket is open.
    pub(super) async fn empty(&self) {
        while self.open() > 0 {
            self.left().await;
        }
    }

    /// A panic while it is held changes nothing, so that a poisoned lock is as good.
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.gate.lock();
        open.all = open.all.saturating_sub(1);
        self.gate.counts.open.set(open.all.into());
        if let Some(source) = self.source {
            match open.sources.get_mut(&source) {
                Some(count) if *count > 1 => *count -= 1,
                _ => _ = open.sources.remove(&source),
            }
        }
        if open.sources.len() < open.sources.capacity() / 8 {
            open.sources.shrink_to_fit();
        }
        drop(open);
        self.gate.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(max_connections: u32, max_per_source: u32, proxies: Proxies) -> Arc<Gate> {
        Arc::new(Gate::new(Limits { max_connections, max_per_source, ..Limits::default() }, proxies, Arc::default()))
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_source_cannot_take_the_room_of_the_others() {
        let gate = gate(10, 2, Proxies::none());
        let held: Vec<_> = (0..2).map(|_| gate.enter(address("192.0.2.1")).ok()).collect();
        assert_eq!(gate.enter(address("192.0.2.1")).err(), Some(Refused::Source));
        assert_eq!(gate.enter(address("::ffff:192.0.2.1")).err(), Some(Refused::Source));
        assert!(gate.enter(address("192.0.2.2")).is_ok());
        drop(held);
        assert!(gate.enter(address("192.0.2.1")).is_ok());
    }

    #[test]
    fn the_total_holds_for_all_and_a_trusted_proxy_has_no_other_limit() {
        let gate = gate(3, 1, Proxies::trusting(["192.0.2.0/24".parse().expect("a network")]));
        let held: Vec<_> = (0..3).map(|_| gate.enter(address("192.0.2.1"))).collect();
        assert!(held.iter().all(Result::is_ok));
        assert_eq!(gate.enter(address("198.51.100.1")).err(), Some(Refused::Full));
    }

    #[test]
    fn what_is_counted_is_given_back() {
        let gate = gate(1000, 1, Proxies::none());
        let held: Vec<_> = (0..1000u32).map(|n| gate.enter(IpAddr::from(n.to_be_bytes()))).collect();
        assert_eq!(gate.open(), 1000);
        drop(held);
        let open = gate.lock();
        assert_eq!((open.all, open.sources.len()), (0, 0));
        assert!(open.sources.capacity() < 100, "{}", open.sources.capacity());
    }
}

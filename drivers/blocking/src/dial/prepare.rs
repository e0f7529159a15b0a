//! What may block before a dial (the request hook, the resolver, a connector, the platform's root certificates), on a
//! thread of its own.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use heartline::ConnId;
use heartline::loss::TransportError;
use heartline_tungstenite::client::Dial;
use heartline_tungstenite::engine::{Scope, panic_message};
use heartline_tungstenite::proxy::Handshake;
use heartline_tungstenite::tls::{Connector, TlsError};
use heartline_tungstenite::{Address, Ended, Proxies, Proxy, Request, Tls};
use tungstenite::http;

use crate::hooks::{ConnectHook, RequestHook, Transport};
use crate::poller::Bell;

/// What each dial of a client needs to be prepared.
#[derive(Clone)]
pub(crate) struct Recipe {
    pub(crate) request: Request,
    pub(crate) request_hook: Option<RequestHook>,
    pub(crate) connect_hook: Option<ConnectHook>,
    pub(crate) proxies: Proxies,
    pub(crate) tls: Tls,
}

/// A dial that is prepared.
pub(crate) struct Prepared {
    pub(crate) request: Request,
    pub(crate) route: Route,
    pub(crate) plan: Plan,
}

/// What is done on a stream, in this order.
pub(crate) struct Plan {
    pub(crate) proxy_tls: Option<Secure>,
    pub(crate) proxy: Option<Handshake>,
    /// For `wss`.
    pub(crate) tls: Option<Secure>,
    pub(crate) http: http::Request<()>,
}

/// A TLS handshake to come.
#[cfg_attr(not(any(feature = "rustls-tls", feature = "native-tls")), expect(dead_code))] // For TLS.
pub(crate) struct Secure {
    pub(crate) address: Address,
    pub(crate) connector: Result<Connector, TlsError>,
}

pub(crate) enum Route {
    Addresses(Vec<SocketAddr>),
    Stream(Box<dyn Transport>),
}

pub(crate) enum Failure {
    Ended(Box<Ended>),
    Panicked(String),
}

impl From<Ended> for Failure {
    fn from(ended: Ended) -> Self {
        Self::Ended(Box::new(ended))
    }
}

pub(crate) type Outcome = Result<Prepared, Failure>;

impl Recipe {
    /// Whether the way to go can be found without blocking: no connector to call, no name to resolve.
    pub(crate) fn is_instant(&self, request: &Request) -> bool {
        let (address, _) = self.first_hop(request.address());
        self.connect_hook.is_none() && literal(address).is_some()
    }

    /// What blocks, once for a client whose TLS is known already.
    pub(crate) fn warm_up(&self) {
        let address = self.request.address();
        if address.tls || self.first_hop(address).0.tls {
            _ = self.tls.connector(); // An error is that of the dial, which asks again.
        }
    }

    pub(crate) fn prepare(&self, dial: Dial) -> Outcome {
        let request = match &self.request_hook {
            Some(hook) => hook(dial).map_err(Ended::from)?,
            None => self.request.clone(),
        };
        self.route(request)
    }

    pub(crate) fn route(&self, request: Request) -> Outcome {
        let address = request.address().clone();
        let (first, proxy) = self.first_hop(&address);
        let plan = Plan {
            proxy_tls: proxy.and_then(|proxy| self.secure(proxy.address())),
            proxy: proxy.map(|proxy| proxy.handshake(&address)).transpose().map_err(Ended::from)?,
            tls: self.secure(&address),
            http: request.clone().into_http().map_err(Ended::from)?,
        };
        let route = match &self.connect_hook {
            Some(hook) => {
                let failed = |error: io::Error| Ended::by_io(TransportError::Connect, &error);
                Route::Stream(hook(first.clone()).map_err(failed)?)
            }
            None => Route::Addresses(resolve(first)?),
        };
        Ok(Prepared { request, route, plan })
    }

    /// What to connect to for this address: it, or its proxy.
    fn first_hop<'a>(&'a self, address: &'a Address) -> (&'a Address, Option<&'a Proxy>) {
        let proxy = self.proxies.for_address(address);
        (proxy.map_or(address, Proxy::address), proxy)
    }

    fn secure(&self, address: &Address) -> Option<Secure> {
        address.tls.then(|| Secure { address: address.clone(), connector: self.tls.connector() })
    }
}

fn literal(address: &Address) -> Option<SocketAddr> {
    Some(SocketAddr::new(address.host.parse().ok()?, address.port))
}

fn resolve(address: &Address) -> Result<Vec<SocketAddr>, Ended> {
    if let Some(literal) = literal(address) {
        return Ok(vec![literal]);
    }
    let found = (address.host.as_str(), address.port).to_socket_addrs();
    let found: Vec<_> = found.map_err(|error| Ended::by_io(TransportError::Resolve, &error))?.collect();
    match found.is_empty() {
        true => Err(TransportError::Resolve.into()),
        false => Ok(found),
    }
}

/// Prepares dials on a thread. There is one at most: a dial that comes while the one before is stuck (in a resolver that
/// does not answer, in a hook) waits for that thread, and a newer dial takes its place.
pub(crate) struct DialThread {
    jobs: Arc<Mutex<Jobs>>,
    bell: Arc<Bell>,
}

#[derive(Default)]
struct Jobs {
    job: Option<(ConnId, Job)>,
    done: Option<(ConnId, Outcome)>,
    running: bool,
}

type Job = Box<dyn FnOnce() -> Outcome + Send>;

impl DialThread {
    pub(crate) fn new(bell: Arc<Bell>) -> Self {
        Self { jobs: Arc::default(), bell }
    }

    pub(crate) fn begin(&self, conn: ConnId, job: impl FnOnce() -> Outcome + Send + 'static) {
        let scope = Scope::current();
        let job = move || {
            let _entered = scope.enter();
            job()
        };
        let (old, start) = {
            let mut jobs = lock(&self.jobs);
            let old = (jobs.job.replace((conn, Box::new(job))), jobs.done.take());
            (old, !std::mem::replace(&mut jobs.running, true))
        };
        drop(old); // What a hook has captured, a stream: outside of the lock.
        if !start {
            return;
        }
        let (jobs, bell) = (self.jobs.clone(), self.bell.clone());
        let run = move || work(&jobs, &bell);
        if let Err(error) = thread::Builder::new().name("heartline-dial".into()).spawn(run) {
            let mut jobs = lock(&self.jobs);
            (jobs.running, jobs.job) = (false, None);
            jobs.done = Some((conn, Err(Ended::by_io(TransportError::Connect, &error).into())));
        }
    }

    /// What has become of this dial, once it is known.
    pub(crate) fn take(&self, conn: ConnId) -> Option<Outcome> {
        let done = lock(&self.jobs).done.take_if(|(done, _)| *done == conn);
        done.map(|(_, outcome)| outcome)
    }
}

impl Drop for DialThread {
    fn drop(&mut self) {
        let job = lock(&self.jobs).job.take();
        drop(job);
    }
}

fn lock(jobs: &Mutex<Jobs>) -> MutexGuard<'_, Jobs> {
    // Nothing under the lock can panic half-way through a change.
    jobs.lock().unwrap_or_else(PoisonError::into_inner)
}

fn work(jobs: &Mutex<Jobs>, bell: &Bell) {
    loop {
        let (conn, job) = {
            let mut jobs = lock(jobs);
            let Some(next) = jobs.job.take() else {
                jobs.running = false;
                return;
            };
            next
        };
        let done = catch_unwind(AssertUnwindSafe(job));
        let done = done.unwrap_or_else(|panic| Err(Failure::Panicked(panic_message(&*panic))));
        let old = lock(jobs).done.replace((conn, done));
        drop(old);
        bell.ring();
    }
}

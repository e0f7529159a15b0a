//! The lock around the hub, and the one timer.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;

use heartline::Timestamp;
use heartline::directory::{self, Broker, User};
use heartline::hub::Config;
use heartline_tungstenite::{Clock, Limits};
use tokio::select;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use tungstenite::Message;
use tungstenite::protocol::WebSocketConfig;

use super::CoreOf;
use super::cluster::{self, Cluster};
use crate::cluster::{Link, Plan};
use crate::codec::{Codec, Notice};
use crate::count::Count;
use crate::hooks::Hooks;
use crate::outcome::SendError;
use crate::presence::{Presence, Window};
use crate::server::ServerStats;
use crate::telemetry::{self, Span};

/// What all connections of a server share.
pub(crate) struct Shared<C: Codec> {
    pub(crate) codec: C,
    pub(crate) hooks: Hooks<C>,
    pub(crate) limits: Limits,
    pub(crate) socket: WebSocketConfig,
    pub(crate) handler_timeout: Duration,
    pub(crate) config: Config,
    pub(crate) counts: Counts,
    /// To the other nodes, if there may be any.
    pub(crate) link: Option<Link<C::User>>,
    clock: Clock,
    core: Mutex<CoreOf<C>>,
    earlier: Arc<Notify>,
    finished: watch::Sender<bool>,
}

/// What the hub does not count.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) panics: Count,
    pub(crate) errors: Count,
    pub(crate) timeouts: Count,
}

/// What a server is made of.
pub(crate) struct Parts<C: Codec> {
    pub(crate) codec: C,
    pub(crate) hooks: Hooks<C>,
    pub(crate) limits: Limits,
    pub(crate) socket: WebSocketConfig,
    pub(crate) handler_timeout: Duration,
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) presence: (Duration, usize),
    pub(crate) seed: u64,
    pub(crate) plan: Option<Plan<C::User>>,
}

impl<C: Codec> Shared<C> {
    pub(crate) fn start(parts: Parts<C>, runtime: &tokio::runtime::Handle) -> Arc<Self> {
        let Parts { codec, hooks, limits, socket, handler_timeout, config, clock, presence: (window, cap), seed, plan } =
            parts;
        let (cluster, link) = plan
            .map(|Plan { node, config, link }| {
                let presence = Presence::new(window, cap);
                (Box::new(Cluster::new(config, node, link.broker.clone(), clock.now(), limits, presence)), link)
            })
            .unzip();
        let core = CoreOf::<C>::new(config.clone(), seed, Presence::new(window, cap), cluster);
        let shared = Arc::new(Self {
            codec,
            hooks,
            limits,
            socket,
            handler_timeout,
            config,
            counts: Counts::default(),
            link,
            clock,
            core: Mutex::new(core),
            earlier: Arc::default(),
            finished: watch::Sender::new(false),
        });
        runtime.spawn(run_timer(Arc::downgrade(&shared), shared.earlier.clone()));
        if let Some(Link { broker, .. }) = &shared.link {
            runtime.spawn(receive(Arc::downgrade(&shared), broker.clone(), shared.watch_finished()));
        }
        #[cfg(feature = "metrics")]
        runtime.spawn(telemetry::run_meters(Arc::downgrade(&shared)));
        shared
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Looks, and changes nothing.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&CoreOf<C>) -> R) -> R {
        look(&self.lock())
    }

    /// Does something with the hub, and wakes whom it concerns. No code of the application's runs in it.
    pub(crate) fn step<R>(&self, step: impl FnOnce(&mut CoreOf<C>, Timestamp) -> R) -> R {
        let now = self.now();
        let mut core = self.lock();
        let result = step(&mut core, now);
        core.settle(now);
        let responses = if core.cluster.is_some() { core.end_step(now) } else { None };
        let wakes = std::mem::take(&mut core.wakes);
        let (earlier, finished) = (core.is_earlier(), core.is_finished());
        drop(core);
        wakes.into_iter().for_each(Waker::wake);
        if let Some(responses) = responses {
            cluster::respond(responses);
        }
        if earlier {
            self.earlier.notify_one();
        }
        if finished {
            self.finished.send_replace(true);
        }
        result
    }

    /// Hub and queues are whole between two lines of [`Core`](super::Core), which does not panic.
    fn lock(&self) -> MutexGuard<'_, CoreOf<C>> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The frame for a message.
    pub(crate) fn encode(&self, message: &C::Out) -> Result<Message, SendError> {
        let frame = self.codec.encode(message);
        if self.is_sendable(&frame) { Ok(frame) } else { Err(SendError::Unsendable) }
    }

    pub(crate) fn is_sendable(&self, frame: &Message) -> bool {
        matches!(frame, Message::Text(_) | Message::Binary(_)) && self.limits.allow(frame).is_ok()
    }

    pub(crate) fn stats(&self) -> ServerStats {
        let Counts { panics, errors, timeouts } = &self.counts;
        self.look(|core| ServerStats {
            hub: core.hub.stats(),
            connections: core.hub.connections(),
            anonymous: core.hub.anonymous(),
            online: core.hub.online().len(),
            unwritten: core.hub.unwritten(),
            panics: panics.get(),
            errors: errors.get(),
            timeouts: timeouts.get(),
            cluster: core.cluster.as_ref().map(|cluster| cluster.stats()),
        })
    }

    /// Code of the application's panicked.
    pub(crate) fn panicked(&self) {
        self.counts.panics.add();
        Span::panicked();
    }

    /// Ends when a shutdown is through: the last connection is gone, and its task has ended.
    pub(crate) async fn finished(&self) {
        _ = self.watch_finished().wait_for(|finished| *finished).await;
    }

    pub(crate) fn watch_finished(&self) -> watch::Receiver<bool> {
        self.finished.subscribe()
    }

    /// What is due, and when to come back.
    fn tick(&self) -> Option<Duration> {
        let (here, everywhere) = self.step(|core, now| {
            core.timer(now);
            (core.end_window(now), core.cluster.as_mut().and_then(|cluster| cluster.end_window(now)))
        });
        let everywhere = everywhere.map(|window| window.renamed(|name| self.user_of(name)));
        here.iter().chain(&everywhere).for_each(|window| self.tell(window));
        let (wait, news, events) = self.step(|core, now| {
            core.armed = core.deadline();
            (core.armed.map(|at| at.saturating_since(now)), core.news(), core.take_cluster_events())
        });
        events.iter().for_each(telemetry::cluster);
        if news.contested > 0 {
            telemetry::contested(news.contested);
        }
        if news.suspensions > 0 {
            telemetry::suspended();
        }
        wait
    }

    /// Encodes what a window has to tell, once, and queues it for everybody whom it concerns.
    fn tell(&self, window: &Window<C::User>) {
        let Window { number, came, went, users, count, watchers, newcomers } = window;
        let (number, count) = (*number, *count);
        let any = !came.is_empty() || !went.is_empty();
        let changed = any.then(|| self.notice(Notice::PresenceDiff { number, came, went, count })).flatten();
        let online =
            (!newcomers.is_empty()).then(|| self.notice(Notice::PresenceState { number, users, count })).flatten();
        self.step(|core, _| {
            for (frame, conns) in [(changed, watchers), (online, newcomers)] {
                let Some(frame) = frame else { continue };
                for conn in conns {
                    if core.send(*conn, frame.clone(), true).is_err() && core.watches(*conn) {
                        core.watch(*conn); // It has missed a number, and gets the whole when it reads again.
                    }
                }
            }
        });
    }

    /// A user's name for other nodes, without bytes if the application fails to make them: such a user stays unknown to others.
    pub(crate) fn name_of(&self, user: &C::User) -> Option<User> {
        let names = &self.link.as_ref()?.names;
        let name = crate::hooks::caught(|| names.to(user));
        Some(name.unwrap_or_else(|_| {
            self.panicked();
            User::from("")
        }))
    }

    /// The user whom a node calls so.
    pub(crate) fn user_of(&self, name: &User) -> Option<C::User> {
        let names = &self.link.as_ref()?.names;
        crate::hooks::caught(|| names.from(name)).unwrap_or_else(|_| {
            self.panicked();
            None
        })
    }

    /// What came from other nodes.
    fn receive(&self, inputs: Vec<directory::Input>) {
        let events = self.step(|core, now| {
            if let Some(cluster) = &mut core.cluster {
                inputs.into_iter().for_each(|input| cluster.feed(input));
            }
            core.settle(now);
            core.take_cluster_events()
        });
        events.iter().for_each(telemetry::cluster);
    }

    /// A codec that panics here makes no frame.
    pub(crate) fn notice(&self, notice: Notice<'_, C::User>) -> Option<Message> {
        let frame = crate::hooks::caught(|| self.codec.notice(notice));
        frame.unwrap_or_else(|_| {
            self.panicked();
            None
        })
    }
}

impl<C: Codec> Drop for Shared<C> {
    fn drop(&mut self) {
        self.earlier.notify_one();
    }
}

/// The hub's timer, until the server is dropped.
async fn run_timer<C: Codec>(server: Weak<Shared<C>>, earlier: Arc<Notify>) {
    while let Some(wait) = server.upgrade().map(|server| server.tick()) {
        let wait = async {
            match wait {
                Some(wait) => sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        select! {
            () = wait => {}
            () = earlier.notified() => {}
        }
    }
}

/// So many inputs from the broker are taken in one step.
const INPUTS: usize = 64;

/// Hands on what the broker has, until the server is dropped.
async fn receive<C: Codec>(server: Weak<Shared<C>>, broker: Arc<dyn Broker>, mut finished: watch::Receiver<bool>) {
    loop {
        let first = select! {
            biased;
            // Its sender is gone.
            _ = finished.wait_for(|_| false) => return,
            input = poll_fn(|cx| broker.poll_input(cx)) => input,
        };
        let mut inputs = vec![first];
        poll_fn(|cx| {
            while inputs.len() < INPUTS {
                let Poll::Ready(input) = broker.poll_input(cx) else { break };
                inputs.push(input);
            }
            Poll::Ready(())
        })
        .await;
        let Some(server) = server.upgrade() else { return };
        server.receive(inputs);
        drop(server);
        tokio::task::coop::consume_budget().await;
    }
}

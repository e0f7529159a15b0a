//! The lock around the hub, and the one timer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::Duration;

use heartline::Timestamp;
use heartline::hub::{Config, Input};
use heartline_tungstenite::{Clock, Limits};
use tokio::select;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use tungstenite::Message;
use tungstenite::protocol::WebSocketConfig;

use super::CoreOf;
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
}

impl<C: Codec> Shared<C> {
    pub(crate) fn start(parts: Parts<C>, runtime: &tokio::runtime::Handle) -> Arc<Self> {
        let Parts { codec, hooks, limits, socket, handler_timeout, config, clock, presence: (window, cap), seed } =
            parts;
        let core = CoreOf::<C>::new(config.clone(), seed, Presence::new(window, cap));
        let shared = Arc::new(Self {
            codec,
            hooks,
            limits,
            socket,
            handler_timeout,
            config,
            counts: Counts::default(),
            clock,
            core: Mutex::new(core),
            earlier: Arc::default(),
            finished: watch::Sender::new(false),
        });
        runtime.spawn(run_timer(Arc::downgrade(&shared), shared.earlier.clone()));
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
        let wakes = std::mem::take(&mut core.wakes);
        let (earlier, finished) = (core.is_earlier(), core.is_finished());
        drop(core);
        wakes.into_iter().for_each(Waker::wake);
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
        let window = self.step(|core, now| {
            if core.hub.deadline().is_some_and(|at| at <= now) {
                core.feed(now, Input::Timer);
            }
            core.presence.end(now, core.hub.online().map(|(user, _)| user))
        });
        if let Some(window) = window {
            self.tell(&window);
        }
        let (wait, news) = self.step(|core, now| {
            core.armed = core.deadline();
            (core.armed.map(|at| at.saturating_since(now)), core.news())
        });
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
                    if core.send(*conn, frame.clone(), true).is_err() && core.presence.watches(*conn) {
                        core.presence.watch(*conn); // It has missed a number, and gets the whole when it reads again.
                    }
                }
            }
        });
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

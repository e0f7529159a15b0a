//! From options and hooks to a client.

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use heartline::heartbeat::HeartbeatMode;
use heartline::outbox::OutboxConfig;
use heartline::retry::{Pattern, Verdict};
use heartline::{Config, ConfigError, Settings};
use heartline_tungstenite::codec::{Codec, Frames};
use heartline_tungstenite::tls::TlsError;
use heartline_tungstenite::{Address, Request, RequestError, Tls};

use crate::client::Client;
use crate::clock::Clock;
use crate::dial::{Dialer, SocketOptions};
use crate::driver::{Output, Parts, Running};
use crate::greeting::Greeting;
use crate::hooks::{ConnectHook, Dial, GreetingHook, HookError, HookFuture, RequestHook, Transport};
use crate::inbound::Inbound;
use crate::incoming::{Incoming, Received};
use crate::options::{Options, WhenFull};
use crate::shared::Shared;
use crate::status::End;

/// How long a greeting may take where nothing else was asked for.
const GREETING_TIMEOUT: Duration = Duration::from_secs(10);
/// So many messages of greetings may be on their way in the session beside those of the handles.
const GREETING_MESSAGES: u32 = 64;
/// And so many bytes: any message that may be sent.
const GREETING_BYTES: u32 = 1 << 30;

/// A client to be: see [`Client::builder`].
#[must_use = "nothing happens before `spawn` or `run`"]
pub struct Builder<C: Codec = Frames> {
    url: String,
    codec: C,
    options: Options,
    request: Option<RequestHook>,
    greeting: Option<GreetingHook<C::Out, C::In>>,
    connector: Option<ConnectHook>,
    shutdown: Option<HookFuture<()>>,
    tls: Tls,
    clock: Option<Clock>,
    /// A greeting was set before the codec that it does not fit.
    greeting_lost: bool,
}

/// What an application holds of a client: the handle, and the stream of what is received.
pub type Handles<C> = (Client<<C as Codec>::Out>, Incoming<<C as Codec>::In>);

/// Why there is no client.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The URL cannot be dialled.
    #[error(transparent)]
    Url(#[from] RequestError),
    /// A setting is outside of its range.
    #[error(transparent)]
    Setting(#[from] ConfigError),
    /// The URL is `wss`, and there is no TLS for it.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// [`Builder::greeting`] was called before [`Builder::codec`], and would not have been called with its messages.
    #[error("codec() was called after greeting(); call it first")]
    CodecAfterGreeting,
    /// `spawn` was called outside of a tokio runtime.
    #[error("there is no tokio runtime to spawn the client on")]
    NoRuntime,
}

impl Builder<Frames> {
    pub(crate) fn new(url: String) -> Self {
        Self {
            url,
            codec: Frames,
            options: Options::default(),
            request: None,
            greeting: None,
            connector: None,
            shutdown: None,
            tls: Tls::default(),
            clock: None,
            greeting_lost: false,
        }
    }
}

impl<C: Codec> Builder<C> {
    /// How messages travel. To be called before [`greeting`](Self::greeting), whose messages are of this codec;
    /// otherwise [`spawn`](Self::spawn) fails with [`BuildError::CodecAfterGreeting`].
    pub fn codec<D: Codec>(self, codec: D) -> Builder<D> {
        let Self { url, options, request, greeting, connector, shutdown, tls, clock, .. } = self;
        let greeting_lost = self.greeting_lost || greeting.is_some();
        Builder { url, codec, options, request, greeting: None, connector, shutdown, tls, clock, greeting_lost }
    }

    /// Called before every dial, within `connect_timeout`: makes the request, with headers, credentials, subprotocols,
    /// or for another URL. The future is dropped at any `await` when its dial ends; nothing it does later reaches a newer
    /// one. Without this hook the URL is dialled as it is. What the hook shares with the rest of the program it clones for
    /// each call: see the [front page](crate#4-before-a-dial-and-on-a-new-connection).
    pub fn request<F, T>(mut self, hook: F) -> Self
    where
        F: Fn(Dial) -> T + Send + Sync + 'static,
        T: Future<Output = Result<Request, HookError>> + Send + 'static,
    {
        self.request = Some(Arc::new(move |dial| Box::pin(hook(dial))));
        self
    }

    /// Called on every connection, within `greeting_timeout` (10 s if that is not set): login, subscriptions, whatever
    /// precedes everything queued. The future is dropped at any `await` when its connection ends.
    pub fn greeting<F, T>(mut self, hook: F) -> Self
    where
        F: Fn(Greeting<C::Out, C::In>) -> T + Send + Sync + 'static,
        T: Future<Output = Result<(), HookError>> + Send + 'static,
    {
        self.greeting = Some(Arc::new(move |greeting| Box::pin(hook(greeting))));
        self.greeting_lost = false;
        self
    }

    /// Called for every dial, within `connect_timeout`, instead of resolving the name and connecting by TCP: a unix
    /// socket, a pipe in memory, a tunnel. TLS (for `wss`) and the WebSocket handshake run over what it returns.
    pub fn connector<F, T, S>(mut self, hook: F) -> Self
    where
        F: Fn(Address) -> T + Send + Sync + 'static,
        T: Future<Output = io::Result<S>> + Send + 'static,
        S: Transport + 'static,
    {
        let hook = Arc::new(hook);
        self.connector = Some(Arc::new(move |address| {
            let hook = hook.clone();
            Box::pin(async move { Ok(Box::new(hook(address).await?) as Box<dyn Transport>) })
        }));
        self
    }

    /// When this future is done, the client closes as by [`Client::close`], within `drain_timeout`: a cancellation token's
    /// `cancelled_owned()`, a signal.
    pub fn shutdown(mut self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        self.shutdown = Some(Box::pin(signal));
        self
    }

    /// How to shake hands for `wss`. Default: the default roots of the features that are on; without such a feature a
    /// `wss` URL is an error of [`spawn`](Self::spawn).
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// All settings at once.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Changes some settings: `.configure(|options| options.max_stall = None)`.
    pub fn configure(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.options);
        self
    }

    /// The settings of the session: timeouts, backoff, retry policy.
    pub fn session(mut self, settings: Settings) -> Self {
        self.options.session = settings;
        self
    }

    /// How connections are watched. Default: a ping after 20 s of silence, dead after 10 s more.
    /// A `slow_after` that such a mode leaves no room for becomes none.
    pub fn heartbeat(mut self, mode: HeartbeatMode) -> Self {
        let heartbeat = &mut self.options.session.heartbeat;
        heartbeat.mode = mode;
        let timeout = match mode {
            HeartbeatMode::WhenIdle { timeout, .. } | HeartbeatMode::Listen { timeout } => Some(timeout),
            HeartbeatMode::Periodic { timeout, .. } => timeout,
            _ => None,
        };
        heartbeat.slow_after = heartbeat.slow_after.filter(|slow| timeout.is_none_or(|timeout| *slow < timeout));
        self
    }

    /// What a loss leads to, before the rules of the [default table](heartline::retry::RetryPolicy) and behind those added
    /// before.
    pub fn retry(mut self, pattern: Pattern, verdict: Verdict) -> Self {
        let retry = std::mem::take(&mut self.options.session.retry);
        self.options.session.retry = retry.with(pattern, verdict);
        self
    }

    /// The bounds of the outbox, and how long acknowledgements may take.
    pub fn outbox(mut self, outbox: OutboxConfig) -> Self {
        self.options.session.outbox = outbox;
        self
    }

    /// What happens when [`Incoming`] is full. Default: nothing is read until there is room.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.options.when_full = when_full;
        self
    }

    /// What time is measured with. Default: [`Clock::boot`], which goes on while the computer sleeps. In tests on tokio's
    /// paused time: [`Clock::tokio`].
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Starts the client as a task of the current runtime, which needs its IO and time drivers enabled. Never waits.
    ///
    /// # Errors
    /// The URL or a setting is invalid, or there is no runtime.
    pub fn spawn(self) -> Result<Handles<C>, BuildError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        let (client, incoming, run) = self.run()?;
        runtime.spawn(run);
        Ok((client, incoming))
    }

    /// As [`spawn`](Self::spawn), but gives the future that runs the client to the caller, who polls it in a task of a
    /// tokio runtime. Dropping it ends the client at once: everything is returned.
    ///
    /// # Errors
    /// The URL or a setting is invalid.
    #[expect(clippy::type_complexity)] // Three things, each with its name.
    pub fn run(self) -> Result<(Client<C::Out>, Incoming<C::In>, Run), BuildError> {
        let (messages, bytes) = (self.options.incoming_messages, self.options.incoming_bytes);
        let inbound = Inbound::new(messages, bytes, self.options.when_full == WhenFull::DropOldest);
        let (client, run) = self.build(Output::Queue(inbound.clone()))?;
        Ok((client, Incoming::new(inbound), run))
    }

    /// As [`run`](Self::run), with a handler instead of [`Incoming`]: everything stays in one task, which is the
    /// cheapest way to receive. The handler must not block; while it runs nothing else does. A panic in it ends the
    /// client.
    ///
    /// # Errors
    /// The URL or a setting is invalid.
    pub fn run_with(
        self,
        handler: impl FnMut(Received<C::In>) + Send + 'static,
    ) -> Result<(Client<C::Out>, Run), BuildError> {
        self.build(Output::Handler(Box::new(handler)))
    }

    fn build(self, output: Output<C::In>) -> Result<(Client<C::Out>, Run), BuildError> {
        self.options.check()?;
        let request = Request::new(&self.url)?;
        if request.address().tls {
            self.tls.check()?;
        }
        if self.greeting_lost {
            return Err(BuildError::CodecAfterGreeting);
        }
        let codec = self.options.limits.config()?;
        let outbox = self.options.session.outbox;
        // Checked as they are, then with what greetings need.
        let config = Config::new(self.options.session.clone())?;
        let config = Config::new(with_greeting(config.into_settings(), self.greeting.is_some()))?;
        let options = &self.options;
        let dialer = Arc::new(Dialer {
            request,
            request_hook: self.request,
            connect_hook: self.connector,
            tls: self.tls,
            codec,
            connect_timeout: options.session.connect_timeout,
            max_redirects: options.max_redirects,
            socket: SocketOptions {
                keepalive: options.keepalive,
                user_timeout: options.user_timeout,
                unsent_low_water: options.unsent_low_water,
            },
        });
        let clock = self.clock.unwrap_or_default();
        let shared = Shared::new(clock, &outbox, options.limits.max_outbound_message, C::size);
        let seed = options.seed.unwrap_or_else(|| RandomState::new().hash_one(0));
        let client = Client::new(shared.clone());
        let (options, codec, greeting, shutdown) = (self.options, self.codec, self.greeting, self.shutdown);
        let parts = Parts { config, seed, options, codec, dialer, greeting, shutdown, shared, output };
        Ok((client, Run::new(parts)))
    }
}

fn with_greeting(mut settings: Settings, greets: bool) -> Settings {
    settings.greeting_timeout = greets.then(|| settings.greeting_timeout.unwrap_or(GREETING_TIMEOUT));
    let outbox = &mut settings.outbox;
    outbox.max_connection_messages = outbox.max_connection_messages.saturating_add(GREETING_MESSAGES).min(1 << 20);
    outbox.max_connection_bytes = GREETING_BYTES;
    settings
}

impl<C: Codec> fmt::Debug for Builder<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Builder")
            .field("url", &self.url)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// A client as a future, from [`Builder::run`]. It is done when the client has ended, and says how.
///
/// It does not use up its task's budget of polls, but yields by itself after each burst, so it can share a task with
/// other futures.
#[must_use = "the client does nothing unless this is polled"]
pub struct Run {
    running: Pin<Box<dyn Future<Output = Arc<End>> + Send>>,
}

impl Run {
    fn new<C: Codec>(parts: Parts<C>) -> Self {
        Self { running: Box::pin(tokio::task::unconstrained(Running::new(parts))) }
    }
}

impl Future for Run {
    type Output = Arc<End>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Arc<End>> {
        self.running.as_mut().poll(cx)
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Run").finish_non_exhaustive()
    }
}

//! From options and hooks to a client.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use heartline::heartbeat::HeartbeatMode;
use heartline::outbox::OutboxConfig;
use heartline::retry::{Pattern, Verdict};
use heartline::{Config, MessageId, Settings};
use heartline_tungstenite::client::{BuildError, End, HookError, Options, Received, Record, Recording, WhenFull};
use heartline_tungstenite::codec::{Codec, Frames};
use heartline_tungstenite::engine::{self, Output, Plan};
use heartline_tungstenite::proxy::ProxyUrlError;
use heartline_tungstenite::{Address, Proxies, Request, Tls};

use crate::client::Client;
use crate::clock::{Clock, Sleep};
use crate::dial::Dialer;
use crate::greeting::Greeting;
use crate::hooks::{ConnectHook, Dial, GreetingHook, HookFuture, RequestHook, Transport};
use crate::host::{Running, Tokio};
use crate::incoming::Incoming;

/// Configures a client, then starts it: see [`Client::builder`].
#[must_use = "nothing happens before `spawn` or `run`"]
pub struct Builder<C: Codec = Frames> {
    url: String,
    codec: C,
    options: Options,
    request: Option<RequestHook>,
    greeting: Option<GreetingHook<C::Out, C::In>>,
    connector: Option<ConnectHook>,
    proxies: Result<Proxies, ProxyUrlError>,
    shutdown: Option<HookFuture<()>>,
    tls: Tls,
    clock: Option<Clock>,
    record: Option<Record<C::Out>>,
    /// What was set before the codec that it does not fit.
    lost: Vec<BuildError>,
}

/// What an application holds of a client: the handle, and the stream of what is received.
pub type Handles<C> = (Client<<C as Codec>::Out>, Incoming<<C as Codec>::In>);

impl Builder<Frames> {
    pub(crate) fn new(url: String) -> Self {
        Self {
            url,
            codec: Frames,
            options: Options::default(),
            request: None,
            greeting: None,
            connector: None,
            proxies: Ok(Proxies::default()),
            shutdown: None,
            tls: Tls::default(),
            clock: None,
            record: None,
            lost: Vec::new(),
        }
    }
}

impl<C: Codec> Builder<C> {
    /// How messages travel. To be called before [`greeting`](Self::greeting), whose messages are of this codec;
    /// otherwise [`spawn`](Self::spawn) fails with [`BuildError::CodecAfterGreeting`].
    pub fn codec<D: Codec>(self, codec: D) -> Builder<D> {
        let Self {
            url, options, request, greeting, connector, proxies, shutdown, tls, clock, record, mut lost, ..
        } = self;
        lost.extend(greeting.map(|_| BuildError::CodecAfterGreeting));
        lost.extend(record.map(|_| BuildError::CodecAfterRecord));
        let (greeting, record) = (None, None);
        Builder { url, codec, options, request, greeting, connector, proxies, shutdown, tls, clock, record, lost }
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
        self.lost.retain(|lost| *lost != BuildError::CodecAfterGreeting);
        self
    }

    /// Called for every dial, within `connect_timeout`, instead of resolving the name and connecting by TCP: a unix
    /// socket, a pipe in memory, a tunnel. TLS (for `wss`) and the WebSocket handshake run over what it returns. With a
    /// [`proxy`](Self::proxy) it connects to that: the address is the proxy's.
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

    /// Dials through this proxy, which resolves the server's name; asking it takes place within `connect_timeout`. Also
    /// takes [`Proxies::from_variables`]. Default: no proxy is asked, whatever the environment says, as what was set for
    /// other programs should not lead a client elsewhere unasked.
    pub fn proxy(mut self, proxies: impl Into<Proxies>) -> Self {
        self.proxies = Ok(proxies.into());
        self
    }

    /// Dials through the proxy that the environment names for the URL, if it names one: see [`Proxies::from_env`]. A
    /// variable that names no usable proxy is an error of [`spawn`](Self::spawn).
    pub fn proxy_from_env(mut self) -> Self {
        self.proxies = Proxies::from_env();
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
    /// A `slow_after` that is not shorter than the mode's timeout becomes `None`.
    pub fn heartbeat(mut self, mode: HeartbeatMode) -> Self {
        self.options.set_heartbeat(mode);
        self
    }

    /// What a loss leads to, before the rules of the [default table](heartline::retry::RetryPolicy) and behind those added
    /// before.
    pub fn retry(mut self, pattern: Pattern, verdict: Verdict) -> Self {
        self.options.add_rule(pattern, verdict);
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

    /// What stands in for the session of this client, and records what is done to it: the `Recorder` of heartline-testkit
    /// with its feature `clients`, or another [`Recording`]. Its log shows a real run again, call by call. To be called
    /// after [`codec`](Self::codec), or [`spawn`](Self::spawn) fails with [`BuildError::CodecAfterRecord`].
    pub fn record<R: Recording<C::Out> + Send + 'static>(
        mut self,
        record: impl FnOnce(Config, u64, MessageId) -> R + Send + 'static,
    ) -> Self {
        self.record = Some(Box::new(move |config, seed, first_id| Box::new(record(config, seed, first_id))));
        self.lost.retain(|lost| *lost != BuildError::CodecAfterRecord);
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
        let (receiver, output) = engine::channel(&self.options);
        let (client, run) = self.build(output)?;
        Ok((client, Incoming::new(receiver), run))
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
        let proxies = self.proxies?;
        let plan = Plan::new(&self.url, self.options, &self.tls, &proxies, self.greeting.is_some())?;
        if let Some(lost) = self.lost.into_iter().next() {
            return Err(lost);
        }
        let options = &plan.options;
        let dialer = Arc::new(Dialer {
            request: plan.request.clone(),
            request_hook: self.request,
            connect_hook: self.connector,
            proxies,
            tls: self.tls,
            codec: plan.codec,
            max_redirects: options.max_redirects,
            socket: options.into(),
        });
        let clock = self.clock.unwrap_or_default();
        let sleep = Sleep::new(&clock);
        let shared = plan.shared::<C>(clock.into());
        let client = Client::new(shared.clone());
        let host = Tokio {
            dialer,
            greeting: self.greeting,
            greeting_room: (options.greeting_messages, options.greeting_bytes),
            client: client.downgrade(),
            sleep,
            looking: None,
        };
        let parts = plan.parts(self.codec, host, shared, output, self.record);
        let running = Running::new(parts, client.downgrade(), self.shutdown);
        Ok((client, Run::new(running)))
    }
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
    fn new<C: Codec>(running: Running<C>) -> Self {
        Self { running: Box::pin(tokio::task::unconstrained(running)) }
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

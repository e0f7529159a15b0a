//! From options and hooks to a client.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use heartline::heartbeat::HeartbeatMode;
use heartline::outbox::OutboxConfig;
use heartline::retry::{Pattern, Verdict};
use heartline::{Config, MessageId, Settings};
use heartline_tungstenite::client::{BuildError, Dial, HookError, Options, Record, Recording, WhenFull};
use heartline_tungstenite::clock::Clock;
use heartline_tungstenite::codec::{Codec, Frames};
use heartline_tungstenite::engine::{self, Driver, Plan};
use heartline_tungstenite::proxy::ProxyUrlError;
use heartline_tungstenite::{Address, Proxies, Request, Tls};

use crate::board::Board;
use crate::client::Client;
use crate::dial::{DialThread, Dialer, Recipe};
use crate::greeting::{Greeting, GreetingHook, Next, Step};
use crate::handle::Handle;
use crate::hooks::{ConnectHook, RequestHook, Transport};
use crate::host::Mio;
use crate::poller::Poller;

/// Configures a client, then starts it: see [`Client::builder`].
#[must_use = "nothing happens before `build`"]
pub struct Builder<C: Codec = Frames> {
    url: String,
    codec: C,
    options: Options,
    request: Option<RequestHook>,
    greeting: Option<GreetingHook<C::Out, C::In>>,
    connector: Option<ConnectHook>,
    proxies: Result<Proxies, ProxyUrlError>,
    tls: Tls,
    clock: Option<Clock>,
    record: Option<Record<C::Out>>,
    /// What was set before the codec that it does not fit.
    lost: Vec<BuildError>,
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
            proxies: Ok(Proxies::default()),
            tls: Tls::default(),
            clock: None,
            record: None,
            lost: Vec::new(),
        }
    }
}

impl<C: Codec> Builder<C> {
    /// How messages travel. To be called before [`greeting`](Self::greeting), whose messages are of this codec;
    /// otherwise [`build`](Self::build) fails with [`BuildError::CodecAfterGreeting`].
    pub fn codec<D: Codec>(self, codec: D) -> Builder<D> {
        let Self { url, options, request, greeting, connector, proxies, tls, clock, record, mut lost, .. } = self;
        lost.extend(greeting.map(|_| BuildError::CodecAfterGreeting));
        lost.extend(record.map(|_| BuildError::CodecAfterRecord));
        Builder { url, codec, options, request, greeting: None, connector, proxies, tls, clock, record: None, lost }
    }

    /// Called before every dial, within `connect_timeout`: makes the request, with headers, credentials, subprotocols,
    /// or for another URL. Without this hook the URL is dialled as it is.
    ///
    /// It may block: it runs on the thread of its dial, on which the name is resolved too. When the dial is given up
    /// meanwhile, what it returns is not used. There is one such thread at most, so a hook that never returns keeps every
    /// later dial from succeeding; bound what it waits for.
    pub fn request(mut self, hook: impl Fn(Dial) -> Result<Request, HookError> + Send + Sync + 'static) -> Self {
        self.request = Some(Arc::new(hook));
        self
    }

    /// Called on every connection, within `greeting_timeout` (10 s if that is not set), when it has opened and then with
    /// each message, until it says [`Next::Done`]: login, subscriptions, whatever precedes everything queued. It is called
    /// inside of [`Client::poll`] and must not block. An error gives the connection up.
    pub fn greeting(
        mut self,
        hook: impl FnMut(&mut Greeting<C::Out, C::In>, Step<C::In>) -> Result<Next, HookError> + Send + 'static,
    ) -> Self {
        self.greeting = Some(Box::new(hook));
        self.lost.retain(|lost| *lost != BuildError::CodecAfterGreeting);
        self
    }

    /// Called for every dial, within `connect_timeout`, instead of resolving the name and connecting by TCP: a unix
    /// socket, a tunnel. TLS (for `wss`) and the WebSocket handshake run over what it returns. It may block, as the
    /// [`request`](Self::request) hook, on whose thread it runs. With a [`proxy`](Self::proxy) it connects to that: the
    /// address is the proxy's.
    pub fn connector<F, S>(mut self, hook: F) -> Self
    where
        F: Fn(Address) -> io::Result<S> + Send + Sync + 'static,
        S: Transport + 'static,
    {
        self.connector = Some(Arc::new(move |address| Ok(Box::new(hook(address)?) as Box<dyn Transport>)));
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
    /// variable that names no usable proxy is an error of [`build`](Self::build).
    pub fn proxy_from_env(mut self) -> Self {
        self.proxies = Proxies::from_env();
        self
    }

    /// How to shake hands for `wss`. Default: the default roots of the features that are on; without such a feature a
    /// `wss` URL is an error of [`build`](Self::build).
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

    /// What happens when the application does not take what is received, and there is no room for more. Default: nothing
    /// is read until there is room.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.options.when_full = when_full;
        self
    }

    /// What stands in for the session of this client, and records what is done to it: the `Recorder` of heartline-testkit
    /// with its feature `clients`, or another [`Recording`]. Its log shows a real run again, call by call. To be called
    /// after [`codec`](Self::codec), or [`build`](Self::build) fails with [`BuildError::CodecAfterRecord`].
    pub fn record<R: Recording<C::Out> + Send + 'static>(
        mut self,
        record: impl FnOnce(Config, u64, MessageId) -> R + Send + 'static,
    ) -> Self {
        self.record = Some(Box::new(move |config, seed, first_id| Box::new(record(config, seed, first_id))));
        self.lost.retain(|lost| *lost != BuildError::CodecAfterRecord);
        self
    }

    /// What time is measured with. Default: [`Clock::boot`], which goes on while the computer sleeps.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The client, which begins its first dial at once, unless [`Options::start_paused`] says otherwise. Never waits, but
    /// reads the platform's root certificates if they are wanted (some 10 ms).
    ///
    /// # Errors
    /// The URL or a setting is invalid, there is no TLS for a `wss` URL, or the operating system gives no file
    /// descriptor to wait on.
    pub fn build(self) -> Result<Client<C>, BuildError> {
        let proxies = self.proxies?;
        let plan = Plan::new(&self.url, self.options, &self.tls, &proxies, self.greeting.is_some())?;
        if let Some(lost) = self.lost.into_iter().next() {
            return Err(lost);
        }
        let options = &plan.options;
        let poller = Poller::new()?;
        let (request_hook, connect_hook) = (self.request, self.connector);
        let recipe = Recipe { request: plan.request.clone(), request_hook, connect_hook, proxies, tls: self.tls };
        recipe.warm_up();
        let socket = options.into();
        let bell = poller.bell();
        let (max_redirects, thread) = (options.max_redirects, DialThread::new(bell.clone()));
        let dialer = Dialer { recipe, codec: plan.codec, socket, max_redirects, thread };
        let clock = self.clock.unwrap_or_default();
        let shared = plan.shared::<C>(clock.clone());
        let board = Arc::new(Board::default());
        let host = Mio {
            poller,
            dialer,
            greeting: self.greeting.map(|hook| Arc::new(Mutex::new(hook))),
            greeting_room: (options.greeting_messages, options.greeting_bytes),
            board: board.clone(),
            clock,
            due: None,
            sleeper: None,
        };
        let (receiver, output) = engine::channel(options);
        let handle = Handle { shared: shared.clone(), board, bell };
        let driver = Driver::new(plan.parts(self.codec, host, shared, output, self.record));
        Ok(Client::new(driver, receiver, handle))
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

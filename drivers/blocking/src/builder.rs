//! From options and hooks to a client.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use heartline::heartbeat::HeartbeatMode;
use heartline::outbox::OutboxConfig;
use heartline::retry::{Pattern, Verdict};
use heartline::{Config, ConfigError, Settings};
use heartline_tungstenite::clock::Clock;
use heartline_tungstenite::codec::{Codec, Frames};
use heartline_tungstenite::{Address, Request, RequestError, Tls};

use crate::client::Client;
use crate::dial::{DialThread, Dialer, Recipe, SocketOptions};
use crate::driver::{Driver, Parts};
use crate::greeting::{Greeting, GreetingHook, Next, Step};
use crate::handle::Handle;
use crate::hooks::{ConnectHook, Dial, HookError, RequestHook, Transport};
use crate::options::{Options, WhenFull};
use crate::poller::Poller;
use crate::shared::Shared;

/// How long a greeting may take where nothing else was asked for.
const GREETING_TIMEOUT: Duration = Duration::from_secs(10);
/// So many messages of greetings may be on their way in the session beside those of the handles.
const GREETING_MESSAGES: u32 = 64;
/// And so many bytes: any message that may be sent.
const GREETING_BYTES: u32 = 1 << 30;

/// A client to be: see [`Client::builder`].
#[must_use = "nothing happens before `build`"]
pub struct Builder<C: Codec = Frames> {
    url: String,
    codec: C,
    options: Options,
    request: Option<RequestHook>,
    greeting: Option<GreetingHook<C::Out, C::In>>,
    connector: Option<ConnectHook>,
    tls: Tls,
    clock: Option<Clock>,
}

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
    /// The operating system gives nothing to wait on: out of file descriptors.
    #[error("the operating system gives nothing to wait on: {reason}")]
    System {
        /// The kind of the error.
        kind: io::ErrorKind,
        /// What the operating system says.
        reason: String,
    },
}

impl From<io::Error> for BuildError {
    fn from(error: io::Error) -> Self {
        Self::System { kind: error.kind(), reason: error.to_string() }
    }
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
            tls: Tls::default(),
            clock: None,
        }
    }
}

impl<C: Codec> Builder<C> {
    /// How messages travel. To be called before [`greeting`](Self::greeting), whose messages are of this codec: a greeting
    /// set before is dropped. A clone of the codec is asked for the sizes of messages.
    pub fn codec<D: Codec>(self, codec: D) -> Builder<D> {
        let Self { url, options, request, connector, tls, clock, .. } = self;
        Builder { url, codec, options, request, greeting: None, connector, tls, clock }
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
        self
    }

    /// Called for every dial, within `connect_timeout`, instead of resolving the name and connecting by TCP: a unix
    /// socket, a tunnel. TLS (for `wss`) and the WebSocket handshake run over what it returns. It may block, as the
    /// [`request`](Self::request) hook, on whose thread it runs.
    pub fn connector<F, S>(mut self, hook: F) -> Self
    where
        F: Fn(Address) -> io::Result<S> + Send + Sync + 'static,
        S: Transport + 'static,
    {
        self.connector = Some(Arc::new(move |address| Ok(Box::new(hook(address)?) as Box<dyn Transport>)));
        self
    }

    /// How to shake hands for `wss`. Default: the default roots of the features that are on.
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

    /// What happens when the application does not take what is received, and there is no room for more. Default: nothing
    /// is read until there is room.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.options.when_full = when_full;
        self
    }

    /// What time is measured with. Default: [`Clock::boot`], which goes on while the computer sleeps.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The client, which begins its first dial at once. Never waits, but reads the platform's root certificates if they are
    /// wanted (some 10 ms).
    ///
    /// # Errors
    /// The URL or a setting is invalid, or the operating system gives no file descriptor to wait on.
    pub fn build(self) -> Result<Client<C>, BuildError> {
        self.options.check()?;
        let request = Request::new(&self.url)?;
        let codec = self.options.limits.config()?;
        let outbox = self.options.session.outbox;
        // Checked as they are, then with what greetings need.
        let config = Config::new(self.options.session.clone())?;
        let config = Config::new(with_greeting(config.into_settings(), self.greeting.is_some()))?;
        let poller = Poller::new()?;
        let options = self.options;
        let recipe = Recipe { request, request_hook: self.request, connect_hook: self.connector, tls: self.tls };
        recipe.warm_up();
        let socket = SocketOptions {
            keepalive: options.keepalive,
            user_timeout: options.user_timeout,
            unsent_low_water: options.unsent_low_water,
        };
        let dialer = Dialer { recipe, codec, socket, thread: DialThread::new(poller.bell()) };
        let (clock, max_outbound) = (self.clock.unwrap_or_default(), options.limits.max_outbound_message);
        let shared = Shared::new(clock, poller.bell(), &outbox, max_outbound, C::size);
        let seed = options.seed.unwrap_or_else(|| RandomState::new().hash_one(0));
        let handle = Handle { shared: shared.clone() };
        let (codec, greeting) = (self.codec, self.greeting);
        let driver = Driver::new(Parts { config, seed, options, codec, dialer, greeting, shared, poller });
        Ok(Client::new(driver, handle))
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

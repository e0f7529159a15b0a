//! From what a builder was given to what a driver is made of.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use heartline::outbox::OutboxConfig;
use heartline::{Config, Settings};
use tungstenite::protocol::WebSocketConfig;

use super::driver::{Output, Parts};
use super::shared::Shared;
use crate::client::{BuildError, Options, Record};
use crate::clock::Clock;
use crate::codec::Codec;
use crate::proxy::{Proxies, Proxy};
use crate::request::Request;
use crate::tls::Tls;

/// How long a greeting may take where nothing else was asked for.
const GREETING_TIMEOUT: Duration = Duration::from_secs(10);
/// So many messages of greetings may be on their way in the session beside those of the handles.
const GREETING_MESSAGES: u32 = 64;
/// And so many bytes: any message that may be sent.
const GREETING_BYTES: u32 = 1 << 30;

/// What was given, and is valid.
pub struct Plan {
    /// To the client's URL.
    pub request: Request,
    /// The limits, in tungstenite's words.
    pub codec: WebSocketConfig,
    /// As they were given.
    pub options: Options,
    config: Config,
    /// As it was given, without what greetings need.
    outbox: OutboxConfig,
}

impl Plan {
    /// Checks what was given.
    ///
    /// # Errors
    /// The URL or a setting is invalid, or there is no TLS for a `wss` URL or an `https` proxy.
    pub fn new(url: &str, options: Options, tls: &Tls, proxies: &Proxies, greets: bool) -> Result<Self, BuildError> {
        options.check()?;
        let request = Request::new(url)?;
        let proxy = proxies.for_address(request.address()).map(Proxy::address);
        if request.address().tls || proxy.is_some_and(|proxy| proxy.tls) {
            tls.check()?;
        }
        let codec = options.limits.config()?;
        let outbox = options.session.outbox;
        // Checked as they are, then with what greetings need.
        let config = Config::new(options.session.clone())?;
        let config = Config::new(with_greeting(config.into_settings(), greets))?;
        Ok(Self { request, codec, options, config, outbox })
    }

    /// What the handles hold.
    pub fn shared<C: Codec>(&self, clock: Clock) -> Arc<Shared<C::Out>> {
        Shared::new(clock, &self.outbox, self.options.limits.max_outbound_message, C::size)
    }

    /// What the driver is made of.
    pub fn parts<C: Codec, H>(
        self,
        codec: C,
        host: H,
        shared: Arc<Shared<C::Out>>,
        output: Output<C::In>,
        record: Option<Record<C::Out>>,
    ) -> Parts<C, H> {
        let seed = self.options.seed.unwrap_or_else(|| RandomState::new().hash_one(0));
        let greets = self.config.greeting_timeout.is_some();
        let Self { request, options, config, .. } = self;
        Parts { config, seed, options, request, greets, codec, host, shared, output, record }
    }
}

fn with_greeting(mut settings: Settings, greets: bool) -> Settings {
    settings.greeting_timeout = greets.then(|| settings.greeting_timeout.unwrap_or(GREETING_TIMEOUT));
    let outbox = &mut settings.outbox;
    outbox.max_connection_messages = outbox.max_connection_messages.saturating_add(GREETING_MESSAGES).min(1 << 20);
    outbox.max_connection_bytes = GREETING_BYTES;
    settings
}

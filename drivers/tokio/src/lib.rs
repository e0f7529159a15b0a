//! A WebSocket client for tokio that stays connected: heartbeat, reconnect with backoff, bounded queues both ways, and a
//! receipt for every message. It drives a [`heartline::Session`] over [`tungstenite`].
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use heartline_tokio::{Client, Message, Outgoing, Received};
//!
//! # async fn token(renew: bool) -> Result<String, std::io::Error> { Ok(String::new()) }
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let (client, mut incoming) = Client::builder("wss://chat.example/ws")
//!     .request(|dial| async move {
//!         // before every dial; has the attempt, the last loss, and whether to fetch new credentials
//!         Ok(dial.request()?.header("Authorization", token(dial.renew()).await?)?.protocol("chat"))
//!     })
//!     .greeting(|mut link| async move {
//!         // on every connection, before anything that was queued
//!         link.send("login").await?;
//!         link.until(|message: &Message| message.to_text().is_ok_and(|text| text == "welcome")).await?;
//!         Ok(())
//!     })
//!     .spawn()?;
//! let order = Outgoing::at_most_once("buy 1").expires_in(Duration::from_secs(60));
//! let receipt = client.send(order).await?; // waits for room; `try_send` gives it back
//! tokio::spawn(async move { println!("{}", receipt.await) }); // in a task of its own: see 3.
//! while let Some(received) = incoming.next().await {
//!     match received {
//!         Received::Message(message) => println!("{message}"),
//!         Received::Event(event) => println!("-- {event}"),
//!         _ => {}
//!     }
//! }
//! println!("{}", client.close(Duration::from_secs(5)).await); // sends the rest; a `main` that returns does not
//! # Ok(())
//! # }
//! ```
//!
//! # 1. Start
//!
//! [`Client::builder`] takes the URL, [`Builder::spawn`] starts a task. [`Builder::run`] gives you its future, to poll in a
//! task of your own; [`Builder::run_with`] calls a handler in that same task instead of feeding an [`Incoming`], which is
//! the cheapest way to receive. None of them waits: an invalid URL or setting, or `wss` in a build without TLS, is an error
//! at once; an unreachable server is not. With [`Options::start_paused`] the first dial waits for
//! [`resume`](Client::resume).
//!
//! The client dials until it is connected, and again after each loss, as the backoff says. What ends it for good is in the
//! table of the [retry policy](RetryPolicy): HTTP 403, say, or close code 4403. Then the last [`Event`] says so,
//! [`Incoming`] ends, receipts resolve, and [`Client::closed`] gives the [`End`] with its cause
//! ([`Options::stay_when_stopped`] keeps the client for a [`reconnect`](Client::reconnect) instead).
//!
//! What is tuned most often:
//!
//! ```
//! use std::time::Duration;
//!
//! use heartline_tokio::{Backoff, Client, HeartbeatMode, Jitter, OutboxConfig, Pattern, Settings, Verdict};
//!
//! let seconds = Duration::from_secs;
//! let builder = Client::builder("ws://chat.example/ws")
//!     .session(Settings {
//!         backoff: Backoff::exponential(seconds(1), seconds(60), Jitter::Full),
//!         max_retries: Some(20),
//!         outbox: OutboxConfig { max_messages: 100, ..OutboxConfig::default() },
//!         ..Settings::default()
//!     })
//!     .heartbeat(HeartbeatMode::WhenIdle { interval: seconds(15), timeout: seconds(5) })
//!     .retry(Pattern::Close(1000, 1000), Verdict::Retry) // this server closes idle connections with 1000
//!     .retry(Pattern::Status(404, 404), Verdict::RetryAfter(seconds(30))) // not deployed yet
//!     .configure(|options| options.max_stall = Some(seconds(120)));
//! # let (_client, _incoming, _run) = builder.run()?;
//! # Ok::<(), heartline_tokio::BuildError>(())
//! ```
//!
//! # 2. Send
//!
//! [`Client::send`] waits for room in the outbox, [`Client::try_send`] gives the message back. `Ok` means accepted, and
//! every accepted message has exactly one [`Outcome`], given by its [`Receipt`]; drop the receipt if you do not need it.
//! There are three promises: [`at_most_once`](Outgoing::at_most_once) (the default), [`at_least_once`](Outgoing::at_least_once), which
//! needs a server that acknowledges (5.), and [`this_connection`](Outgoing::this_connection).
//!
//! **Do not await a receipt, or a `send` when at-least-once messages may fill the outbox, in the loop that reads
//! [`Incoming`]**: section 3 has the reason and the right shape.
//!
//! # 3. Receive
//!
//! [`Incoming`] is a stream of messages and [`Event`]s that outlives disconnects. It is bounded. When it is full, nothing
//! more is read until there is room, so that the server notices. Meanwhile the client does not ping, and silence does not
//! end the connection ([`WhenFull`] has the other ways). After [`Options::max_stall`], 30 s by default, it closes the
//! connection with 1008, and dials again. One message beyond the bound is held aside: that it has no room is what begins
//! a stall, so a full `Incoming` on a quiet connection stalls nothing.
//!
//! So the loop that reads must not wait for something that is itself read from the connection. The acknowledgement of an
//! at-least-once message lies behind the messages that arrived before it: with `Incoming` full, a loop that awaits the
//! receipt waits for an acknowledgement that is never read, until `max_stall` ends the connection. The same goes for a
//! `send` when the outbox is full of unacknowledged messages. So the loop takes [`try_send`](Client::try_send), which the
//! outbox bounds, and receipts are awaited in other tasks:
//!
//! ```no_run
//! use heartline_tokio::{Client, Incoming, Message, Outcome, Outgoing};
//!
//! async fn serve(client: Client, mut incoming: Incoming) {
//!     while let Some(message) = incoming.next_message().await {
//!         match client.try_send(Outgoing::at_least_once(answer(message))) {
//!             Ok(receipt) => _ = tokio::spawn(async move {
//!                 match receipt.await {
//!                     Outcome::Acked => {}
//!                     lost => eprintln!("not confirmed: {lost}"),
//!                 }
//!             }),
//!             Err(refused) => eprintln!("{refused}"), // the outbox is full, and the message is in `refused`
//!         }
//!     }
//! }
//! # fn answer(message: Message) -> Message { message }
//! ```
//!
//! # 4. Before a dial, and on a new connection
//!
//! The [`request`](Builder::request) hook makes the request of each dial. After HTTP 401, or a close with 4401 or 3000,
//! [`Dial::renew`](heartline_tungstenite::client::Dial::renew) asks it for new credentials: on every dial from that loss until a connection has been stable for
//! `stable_after` (5 s), so also on one that follows an unreachable server; a hook that must not fetch a token twice keeps
//! the one it fetched. If new credentials are refused before that, the client stops. The [`greeting`](Builder::greeting)
//! hook has the connection to itself before anything queued.
//!
//! Both are `Fn(T) -> impl Future + Send`, and both are dropped at any `await` when their dial or connection ends. Both may
//! use `?` on any error: it retries, but an invalid URL or header stops; [`HookError`] says retry, renew or stop
//! explicitly. The error is kept, in [`Status::last_ended`] and [`End::ended`]. A hook reaches its client by
//! [`Dial::client`] and [`Greeting::client`], which do not keep it alive; a captured [`Client`] would.
//!
//! A hook is called again and again, so it may not move out of what it captures (rustc says E0507). Clone what the future
//! needs before its `async move`:
//!
//! ```
//! use std::sync::Arc;
//!
//! use heartline_tokio::Client;
//!
//! # struct Tokens;
//! # impl Tokens { async fn get(&self, renew: bool) -> Result<String, std::io::Error> { Ok(renew.to_string()) } }
//! # fn run(tokens: Arc<Tokens>) -> Result<(), heartline_tokio::BuildError> {
//! let builder = Client::builder("ws://chat.example/ws").request(move |dial| {
//!     let tokens = tokens.clone(); // one for this call
//!     async move {
//!         let token = tokens.get(dial.renew()).await?;
//!         Ok(dial.request()?.header("Authorization", format!("Bearer {token}"))?)
//!     }
//! });
//! # drop(builder);
//! # Ok(())
//! # }
//! ```
//!
//! # 5. Codecs
//!
//! By default messages are [`tungstenite::Message`]s. [`Builder::codec`] takes [`codec::Text`], [`codec::Binary`], `codec::Json` (feature
//! `json`), or a [`Codec`] of your own for protocols with acknowledgements, pings of their own or a goodbye. Call it before
//! [`greeting`](Builder::greeting), whose messages are the codec's.
//!
//! A whole client with acknowledgements: it sends lines such as `7 hello`, and the server answers `ok 7`.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use heartline_tokio::codec::{Codec, Item, Items, Transmission};
//! use heartline_tokio::{Client, CodecError, Message, MessageId, Outcome, Outgoing};
//!
//! struct Lines;
//!
//! impl Codec for Lines {
//!     type Out = String;
//!     type In = String;
//!
//!     fn size(line: &String) -> Result<usize, CodecError> {
//!         Ok(line.len())
//!     }
//!
//!     fn encode(&mut self, line: &String, transmission: Transmission) -> Result<Message, CodecError> {
//!         Ok(Message::text(format!("{} {line}", transmission.id.as_raw())))
//!     }
//!
//!     fn decode(&mut self, frame: Message, items: &mut Items<String>) -> Result<(), CodecError> {
//!         let Message::Text(text) = frame else { return Err(CodecError::unsupported("binary")) };
//!         items.push(match text.strip_prefix("ok ") {
//!             Some(id) => {
//!                 let id = id.parse().map_err(|_| CodecError::invalid("an acknowledgement of no number"))?;
//!                 Item::Acked(MessageId::from_raw(id))
//!             }
//!             None => Item::Message(text.to_string()),
//!         });
//!         Ok(())
//!     }
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let (client, mut incoming) = Client::builder("ws://chat.example/lines").codec(Lines).spawn()?;
//! let reader = tokio::spawn(async move {
//!     while let Some(line) = incoming.next_message().await {
//!         println!("{line}");
//!     }
//! });
//! let receipt = client.send(Outgoing::at_least_once("hello").expires_in(Duration::from_secs(60))).await?;
//! match receipt.await {
//!     Outcome::Acked => println!("the server has it"),
//!     lost => println!("{lost}"),
//! }
//! println!("{}", client.close(Duration::from_secs(5)).await);
//! reader.await?;
//! # Ok(())
//! # }
//! ```
//!
//! # 6. Watch
//!
//! [`Client::status`] is a `watch` of the state, its cause, the next dial, the round trip, the response's headers, and how
//! the last connection or dial ended: [`Ended`] has the loss and, as far as they are known, the close frame, the response
//! and the error. The status is never older than an [`Event`] that arrives. So an event says what happened ("TLS failed"), and
//! `client.status().borrow().last_ended` what was wrong ("invalid peer certificate: UnknownIssuer"). [`Client::stats`] counts.
//! With the features `tracing` and `metrics` both go to where the rest of the process reports: see [`telemetry`].
//!
//! # 7. Pause, replace, end
//!
//! [`pause`](Client::pause) and [`resume`](Client::resume) are for applications in the background, [`network_changed`](Client::network_changed) and
//! [`network_lost`](Client::network_lost) for what the operating system reports, [`reconnect`](Client::reconnect) and [`Options::max_connection_age`] for planned changes. [`close`](Client::close) sends the
//! rest and returns what it had to leave; when the last handle is dropped the same happens within
//! [`Options::drain_timeout`], if the runtime lives so long. **A `main` that returns drops its runtime, and with it the
//! client, which then sends nothing more**: await [`close`](Client::close), or [`closed`](Client::closed) after the
//! [`shutdown`](Builder::shutdown) signal, before. A panic in a hook, the codec or the handler ends the client, not the process: everything
//! resolves, and [`EndReason::Panicked`] says so.
//!
//! # Proxies
//!
//! [`Builder::proxy`] dials through a [`Proxy`]: `CONNECT` at `http://` and `https://` ones, SOCKS 5 at `socks5://` ones, with a user name
//! and password if the URL has them. [`Builder::proxy_from_env`] takes what `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say, but
//! never a proxy for loopback; [`Proxies::from_env`] has the rules. Without either no proxy is asked.
//!
//! ```
//! use heartline_tokio::{Client, Proxy};
//!
//! let proxy = Proxy::new("socks5://me:secret@proxy.example:1080")?;
//! let builder = Client::builder("wss://chat.example/ws").proxy(proxy);
//! let builder = Client::builder("wss://chat.example/ws").proxy_from_env();
//! # let _ = builder;
//! # Ok::<(), heartline_tokio::proxy::ProxyUrlError>(())
//! ```
//!
//! A proxy that refuses is an [`Ended`] with a [`ProxyError`](proxy::ProxyError). A login that is missing or wrong (407), and what its rules
//! forbid, stop the client; a server that it does not reach, and a proxy that is down, are tried again.
//!
//! # What counts as life
//!
//! Any bytes that arrive, be they a whole message or not; and bytes that the peer's TCP acknowledges while more
//! than the send buffer holds is on its way out. Before a connection is ended for silence the socket is looked at: what has
//! arrived is in time, however late this process is. A failed write ends a connection only when nothing is left to read. Time goes on while
//! the computer sleeps: see [`clock`].
//!
//! # All options
//!
//! [`Options`] has a table of them, with defaults and where these come from. Beside these the [`Builder`] takes the hooks,
//! [`Tls`], [proxies](Builder::proxy) (none), a [`connector`](Builder::connector) for other streams than TCP, a
//! [`shutdown`](Builder::shutdown) signal and a [`Clock`]. Several addresses of a host are tried 250 ms apart, both families in turns (RFC 8305).
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | for |
//! |---|---|
//! | `rustls-tls-webpki-roots` | `wss` by rustls, with Mozilla's roots compiled in |
//! | `rustls-tls-native-roots` | `wss` by rustls, with the platform's roots |
//! | `rustls-tls` | `wss` by rustls, with a configuration or roots of your own |
//! | `native-tls`, `native-tls-vendored` | `wss` by the platform's TLS |
//! | `json` | the codec `Json` |
//! | `tracing` | a span for each connection, and events: [`telemetry`] |
//! | `metrics` | counters, gauges and round trips by the facade: [`telemetry`] |
//!
//! # Not supported
//!
//! Compression (`permessage-deflate`) is neither offered nor accepted. Proxies are not found by PAC or the system's settings,
//! and SOCKS 4 is not spoken. Redirects stop the client ([`Status::last_ended`] has the location) unless
//! [`Options::max_redirects`] says to follow them.
#![forbid(unsafe_code)]

pub mod clock;

mod builder;
mod client;
mod dial;
mod greeting;
mod hooks;
mod host;
mod incoming;
mod receipt;
mod wire;

pub use builder::{Builder, Handles, Run};
pub use client::{Client, WeakClient};
pub use clock::Clock;
pub use greeting::{Greeting, GreetingError};
pub use heartline;
pub use heartline::backoff::{Backoff, Jitter};
pub use heartline::event::Cause;
pub use heartline::heartbeat::HeartbeatMode;
pub use heartline::loss::TransportError;
pub use heartline::message::{Delivery, Reason};
pub use heartline::outbox::OutboxConfig;
pub use heartline::retry::{Pattern, RetryPolicy, Verdict};
pub use heartline::{CloseCode, ConfigError, Loss, MessageId, Outcome, Settings, State};
pub use heartline_tungstenite::client::{
    BuildError, End, EndReason, Event, HookError, Options, Outgoing, Received, Recording, Refusal, Retry, SendError,
    Stats, Status, WhenFull,
};
pub use heartline_tungstenite::codec::CodecError;
pub use heartline_tungstenite::ended::{Close, EndError, HookFailure};
pub use heartline_tungstenite::{
    Address, Codec, Ended, Limits, Proxies, Proxy, Request, RequestError, Response, Tls, codec, proxy, telemetry, tls,
    tungstenite,
};
pub use hooks::{Dial, Transport};
pub use incoming::Incoming;
pub use receipt::Receipt;
pub use tungstenite::Message;

/// The README's code is compiled with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

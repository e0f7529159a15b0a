//! A WebSocket client without a runtime that stays connected: heartbeat, reconnect with backoff, bounded queues both ways,
//! and a receipt for every message. For game loops, user interfaces, threads and command lines. It drives a
//! [`heartline::Session`] over [`tungstenite`].
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use heartline_blocking::{Client, Next, Outgoing, Received, Step};
//!
//! # fn token(renew: bool) -> Result<String, std::io::Error> { Ok(String::new()) }
//! # fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let mut client = Client::builder("wss://chat.example/ws")
//!     .request(|dial| {
//!         // before every dial, on its thread; knows the attempt, the last loss, whether credentials are to be renewed
//!         Ok(dial.request()?.header("Authorization", token(dial.renew())?)?.protocol("chat"))
//!     })
//!     .greeting(|link, step| {
//!         // on every connection, before anything that was queued
//!         match step {
//!             Step::Opened => link.send("login")?,
//!             Step::Message(message) if message.to_text()? == "welcome" => return Ok(Next::Done),
//!             Step::Message(message) => link.pass(message)?, // to the application, when the greeting is over
//!         }
//!         Ok(Next::Wait)
//!     })
//!     .build()?; // an error for invalid settings; never waits
//! let order = Outgoing::at_most_once("buy 1").expires_in(Duration::from_secs(60));
//! let receipt = client.send(order, Duration::from_secs(1))?; // waits for room; `try_send` gives it back
//! while let Ok(received) = client.recv(None) {
//!     match received {
//!         Received::Message(message) => println!("{message}"),
//!         Received::Event(event) => println!("-- {event}"),
//!         _ => {}
//!     }
//!     if let Some(outcome) = receipt.poll() {
//!         println!("-- {outcome}");
//!     }
//! }
//! println!("{}", client.close(Duration::from_secs(5)));
//! # Ok(())
//! # }
//! ```
//!
//! # 1. Start
//!
//! [`Client::builder`] takes the URL, [`Builder::build`] makes a client and begins to dial. It never waits: an invalid URL
//! or setting, or `wss` in a build without TLS, is an error at once, an unreachable server is not. With
//! [`Options::start_paused`] the first dial waits for [`resume`](Client::resume).
//!
//! The client dials until it is connected, and again after each loss, as the backoff says. What ends it for good is in the
//! table of the [retry policy](RetryPolicy): HTTP 403, say, or close code 4403. Then
//! the last [`Event`] says so, [`recv`](Client::recv) says [`RecvError::Ended`], receipts have their outcomes, and
//! [`Client::end`] gives the [`End`] with its cause ([`Options::stay_when_stopped`] keeps it for a [`reconnect`](Client::reconnect) instead).
//!
//! # 2. Poll
//!
//! Nothing happens except in [`Client::poll`] and what polls while it waits: [`recv`](Client::recv), [`send`](Client::send),
//! [`wait`](Client::wait), [`close`](Client::close). A loop with frames polls once in each, and takes what there is:
//!
//! ```no_run
//! # use std::time::Duration;
//! # let mut client = heartline_blocking::Client::builder("ws://localhost/").build().unwrap();
//! loop {
//!     client.poll(Duration::ZERO); // never waits: connecting, TLS and the handshake are steps of it too
//!     while let Some(received) = client.try_recv() { /* … */ }
//!     // … draw, and wait for the next frame
//! #   break;
//! }
//! ```
//!
//! One poll reads up to 64 messages, so a loop of 60 frames a second that polls once in each receives up to 3,840 a second; more
//! than that waits in the socket's buffers, and then at the server. Where more may come, poll until there is nothing, within a
//! budget:
//!
//! ```no_run
//! # use std::time::{Duration, Instant};
//! # let mut client = heartline_blocking::Client::builder("ws://localhost/").build().unwrap();
//! let frame = Instant::now();
//! while client.poll(Duration::ZERO) && frame.elapsed() < Duration::from_millis(4) {
//!     while let Some(received) = client.try_recv() { /* … */ }
//! }
//! ```
//!
//! What may block (resolving the name, the request hook) is on a thread of its own, one at most: a dial that
//! finds it stuck waits for it, and a newer dial takes that one's place. A URL with an address instead of a name, without
//! hook, needs none.
//!
//! A loop that stops polling for a while loses nothing but time: the next poll reads what has arrived before anything is
//! judged. Servers may think otherwise of a client that answers no ping for minutes.
//!
//! # 3. Send
//!
//! [`Client::send`] waits for room in the outbox, [`Client::try_send`] gives the message back. `Ok` means accepted, and
//! every accepted message has exactly one [`Outcome`], told by its [`Receipt`]; drop the receipt if nobody wants to
//! know. There are three promises: [`at_most_once`](Outgoing::at_most_once) (the default), [`at_least_once`](Outgoing::at_least_once), which
//! needs a server that acknowledges, and [`this_connection`](Outgoing::this_connection). What is accepted goes out with
//! the next poll.
//!
//! # 4. Receive
//!
//! What is received waits for [`try_recv`](Client::try_recv) or [`recv`](Client::recv): messages and [`Event`]s, in one order across
//! disconnects. That is bounded. When there is no room, nothing more is read until there is, so that the server notices;
//! meanwhile the client neither pings nor judges the link, as it does not listen ([`WhenFull`] has the other ways,
//! [`Options::max_stall`] the bound in time). One message beyond the bound is held aside: that it has no room is what begins
//! a stall.
//!
//! # 5. Other threads
//!
//! A [`Handle`] is `Clone`, `Send` and `Sync`: what is sent or asked there wakes the thread that waits in a poll.
//! [`Receipt::wait`] and [`Handle::closed`] wait there; [`Handle::wake`] makes a poll return. One thread receives, others
//! send, and all come to an end:
//!
//! ```no_run
//! use std::thread;
//! use std::time::Duration;
//!
//! use heartline_blocking::Client;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut client = Client::builder("ws://chat.example/ws").build()?;
//! let handle = client.handle().clone();
//! let receiving = thread::spawn(move || {
//!     while let Ok(message) = client.recv_message(None) {
//!         println!("{message}");
//!     }
//! });
//! let worker = handle.clone();
//! let sending = thread::spawn(move || match worker.send("buy 1", Duration::from_secs(1)) {
//!     Ok(receipt) => println!("{:?}", receipt.wait(None).map(|outcome| outcome.to_string())),
//!     Err(refused) => eprintln!("{refused}"), // no room for a second, or the client is closing
//! });
//! sending.join().expect("no panic");
//! handle.start_close(Duration::from_secs(5)); // the receiving thread does it, and its loop ends
//! println!("{}", handle.closed(None).expect("no timeout, so an end"));
//! receiving.join().expect("no panic");
//! # Ok(())
//! # }
//! ```
//!
//! # 6. Before a dial, and on a new connection
//!
//! The [`request`](Builder::request) hook makes the request of each dial. After HTTP 401, or a close with 4401 or 3000,
//! [`Dial::renew`] asks it for new credentials, on every dial until a connection has been stable for `stable_after` (5 s); if
//! new ones are refused before that, the client stops. The [`greeting`](Builder::greeting) has the
//! connection to itself before anything queued: it is called when the connection has opened and with each message, until it
//! says [`Next::Done`]. Both may use `?` on any error: it retries, but an invalid URL or header stops; [`HookError`] says retry,
//! renew or stop explicitly. The error is kept, in [`Status::last_ended`] and [`End::ended`].
//!
//! # 7. Codecs
//!
//! By default messages are [`tungstenite::Message`]s. [`Builder::codec`] takes [`codec::Text`], [`codec::Binary`], `codec::Json` (feature
//! `json`), or a [`Codec`] of your own for protocols with acknowledgements, pings of their own or a goodbye. Call it before
//! [`greeting`](Builder::greeting), whose messages are the codec's. [`codec`] shows a codec with acknowledgements.
//!
//! # 8. Watch
//!
//! [`Client::status`] has the state, its cause, the next dial, the round trip, the response's headers, and how the last
//! connection or dial ended: [`Ended`] has the loss and, as far as they are known, the close frame, the response and the
//! error. The status is never older than an [`Event`] that is received. So an event says what happened ("TLS failed"), and
//! `client.status().last_ended` what was wrong ("invalid peer certificate: UnknownIssuer"). [`Client::stats`] counts.
//! With the features `tracing` and `metrics` both go to where the rest of the process reports: see [`telemetry`].
//!
//! # 9. Pause, replace, end
//!
//! [`pause`](Client::pause) and [`resume`](Client::resume) are for applications in the background, [`network_changed`](Client::network_changed) and
//! [`network_lost`](Client::network_lost) for what the operating system reports, [`reconnect`](Client::reconnect) and [`Options::max_connection_age`] for planned changes. [`close`](Client::close) sends the
//! rest and tells what it had to leave; from a loop with frames: [`start_close`](Client::start_close), and polls until there is an
//! [`end`](Client::end). Dropping the client ends it at once: what was not sent is returned, and the peer gets a close
//! frame with 1001 as far as that goes out without waiting. A panic in a hook or the codec ends the client, not the process: every
//! message has its outcome, and [`EndReason::Panicked`] says so.
//!
//! # Proxies
//!
//! [`Builder::proxy`] dials through a [`Proxy`]: `CONNECT` at `http://` and `https://` ones, SOCKS 5 at `socks5://` ones, with a user name
//! and password if the URL has them. [`Builder::proxy_from_env`] takes what `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say, but
//! never a proxy for loopback; [`Proxies::from_env`] has the rules. Without either no proxy is asked.
//!
//! ```
//! use heartline_blocking::{Client, Proxy};
//!
//! let proxy = Proxy::new("socks5://me:secret@proxy.example:1080")?;
//! let builder = Client::builder("wss://chat.example/ws").proxy(proxy);
//! let builder = Client::builder("wss://chat.example/ws").proxy_from_env();
//! # let _ = builder;
//! # Ok::<(), heartline_blocking::proxy::ProxyUrlError>(())
//! ```
//!
//! A proxy that refuses is an [`Ended`] with a [`ProxyError`](proxy::ProxyError). A login that is missing or wrong (407), and what its rules
//! forbid, stop the client; a server that it does not reach, and a proxy that is down, are tried again.
//!
//! # What counts as life
//!
//! Any bytes that arrive, be they a whole message or not; and bytes that the peer's TCP acknowledges while more
//! than the send buffer holds is on its way out. Before a verdict the socket is looked at: what has arrived is in time,
//! however late this process is, and a wait that a signal interrupts is no silence. A failed write ends a connection only
//! when nothing is left to read. Time goes on while the computer sleeps: see [`clock`].
//!
//! # All options
//!
//! [`Options`] has a table of them, with defaults and where these come from. Beside these the [`Builder`] takes the hooks,
//! [`Tls`], [proxies](Builder::proxy) (none), a [`connector`](Builder::connector) for other streams than TCP, and a
//! [`Clock`]. Several addresses of a host are tried 250 ms apart, both families in turns (RFC 8305).
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

mod board;
mod builder;
mod client;
mod dial;
mod greeting;
mod handle;
mod hooks;
mod host;
mod poller;
mod receipt;
mod received;
mod wire;

pub use builder::Builder;
pub use client::Client;
pub use greeting::{Greeting, GreetingError, Next, Step};
pub use handle::Handle;
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
    BuildError, Dial, End, EndReason, Event, HookError, Options, Outgoing, Received, Recording, Refusal, Retry,
    SendError, Stats, Status, WhenFull,
};
pub use heartline_tungstenite::codec::CodecError;
pub use heartline_tungstenite::ended::{Close, EndError, HookFailure};
pub use heartline_tungstenite::{
    Address, Clock, Codec, Ended, Limits, Proxies, Proxy, Request, RequestError, Response, Tls, clock, codec, proxy,
    telemetry, tls, tungstenite,
};
pub use hooks::Transport;
pub use mio;
pub use receipt::Receipt;
pub use received::RecvError;
pub use tungstenite::Message;

/// The README's code is compiled with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

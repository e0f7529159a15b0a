//! The server's side of heartline on axum.
//!
//! A [`Server`] owns a [hub](heartline::hub), which knows who is connected, and the connections. A [`Codec`]
//! says what frames mean; hooks of the [`Builder`] say who a client is and what a message leads to. [`Server::route`] is the handler of upgrade requests for axum's router.
//!
//! # A chat
//!
//! ```no_run
//! use axum::Router;
//! use heartline_axum::heartline::hub::Settings;
//! use heartline_axum::tungstenite::Message;
//! use heartline_axum::{Access, Codec, CodecError, Deny, Handshake, Never, Received, Server};
//!
//! struct Chat;
//!
//! /// Lines such as `bob hello`; bob gets `ann: hello`.
//! impl Codec for Chat {
//!     type User = String;
//!     type Login = Never;
//!     type In = (String, String);
//!     type Out = String;
//!
//!     fn decode(&self, frame: Message) -> Result<Received<Self>, CodecError> {
//!         let Message::Text(line) = frame else { return Err(CodecError::unsupported("only text is taken here")) };
//!         Ok(line.split_once(' ').map_or(Received::UnknownMessage, |(to, text)| Received::Message((to.into(), text.into()))))
//!     }
//!
//!     fn encode(&self, line: &String) -> Message {
//!         Message::text(line)
//!     }
//! }
//!
//! /// Whose token it is. An application looks into its database.
//! async fn user_of(token: &str) -> Option<String> {
//!     token.strip_prefix("token-of-").map(str::to_owned)
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::builder(Chat, Settings::default())
//!     .authenticate(|request: Handshake| async move {
//!         let token = request.bearer().ok_or(Deny::unauthorized("a token is needed"))?;
//!         user_of(token).await.map(Access::user).ok_or(Deny::unauthorized("the token is not valid"))
//!     })
//!     .on_message(|cx, (to, text)| async move {
//!         let from = cx.user().cloned().unwrap_or_default();
//!         if let Err(undelivered) = cx.relay(&to, &format!("{from}: {text}")).await {
//!             cx.reply(&format!("{to}: {undelivered}"))?;
//!         }
//!         Ok(())
//!     })
//!     .build()?;
//! let app = Router::new().route("/ws", server.route());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! heartline_axum::serve(listener, app)
//!     .websockets(&server)
//!     .shutdown(async { _ = tokio::signal::ctrl_c().await })
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//!
//! - The hub is behind one lock, held for single steps; nothing of the application's runs in it, and nothing waits.
//! - What waits to be written to a connection is counted by the hub, with 64 bytes for each message besides its payload:
//!   [`budget`](heartline::hub::Settings::budget), [`reserve`](heartline::hub::Settings::reserve) and
//!   [`total_budget`](heartline::hub::Settings::total_budget) bound it. Nothing is queued behind a close frame.
//! - Reading, handling and writing of a connection do not wait for each other. While a message is handled, or the hub has
//!   paused the connection, nothing is read from it.
//! - A handler that panics ends its connection with 1011, and is counted in [`ServerStats::panics`]; one that takes
//!   longer than [`Builder::handler_timeout`] ends it in the same way, counted in [`ServerStats::timeouts`].
//!
//! Several servers can be one to their users: [`cluster`].
//!
//! With which codes a server closes, and what the reasons say: [`close_codes`].
//!
//! # Features
//!
//! `tracing` and `metrics`, off by default: see [`observability`].

mod access;
mod authority;
mod builder;
mod closed;
pub mod cluster;
mod codec;
mod connection;
mod context;
mod count;
mod frame_limits;
mod hooks;
mod hosts;
mod hub;
mod names;
mod origins;
mod outcome;
mod presence;
mod proxies;
mod random;
pub mod serve;
mod server;
mod telemetry;
mod upgrade;

pub use access::{Access, Deny, Handshake, User};
pub use builder::{BuildError, Builder};
pub use closed::{Closed, ClosedBy};
pub use codec::{Codec, Never, Notice, Received};
pub use context::Cx;
pub use frame_limits::FrameLimits;
pub use hosts::{Host, HostError, Hosts, Scheme};
pub use names::{Name, NameError, Names};
pub use origins::{OriginError, Origins};
pub use outcome::{NotJoined, Reach, SendError};
pub use proxies::{ClientIp, ForwardedHeader, NoPeer, Proxies};
pub use serve::serve;
pub use server::{Audience, Server, ServerStats, Shutdown};

#[doc = include_str!("telemetry.md")]
pub mod observability {}

#[doc = include_str!("close_codes.md")]
pub mod close_codes {}

pub use heartline;
pub use heartline_tungstenite::Clock;
pub use heartline_tungstenite::codec::CodecError;
pub use tungstenite;

/// The README's code is compiled with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

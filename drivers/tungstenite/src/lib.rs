//! What heartline's WebSocket drivers over [`tungstenite`] share, whatever they wait on: requests, TLS, proxies, size limits,
//! codecs, the clock, how connections end in the session's words, and the engine of the clients. No runtime, no socket of its
//! own, and no thread but the clock's.
//!
//! Applications use it through a driver, which takes these types as options. A driver calls the
//! modules in this order, for every connection:
//!
//! 1. [`request`]: a URL with headers, cookies and subprotocols becomes the host and port to connect to and the HTTP
//!    request to send there; the answer becomes a [`Response`].
//! 2. [`tls`]: roots, a configuration of the application's, or the platform's TLS become a connector.
//! 3. [`proxy`]: which proxy is to be asked, and how; [`race`]: in which order addresses are tried.
//! 4. [`limits`]: how large messages, frames and buffers may be.
//! 5. [`codec`]: what the application sends becomes frames, and frames become what it receives.
//! 6. [`clock`]: time that goes on while the computer sleeps.
//! 7. [`ended`]: an error or a close frame becomes the [`Loss`](heartline::Loss) to report, with what else is known.
//!
//! What a client is told and tells is in [`client`], the same in every driver; what it tells to logs and dashboards, in
//! [`telemetry`].
//!
//! ```
//! use heartline_tungstenite::{Limits, Request};
//!
//! let request = Request::new("wss://chat.example/ws?room=1")?
//!     .header("Authorization", "Bearer 7f1c")?
//!     .cookie("session", "a1b2")?
//!     .protocol("chat");
//! let address = request.address();
//! assert_eq!((address.host.as_str(), address.port, address.tls), ("chat.example", 443, true));
//! // Connect, shake hands by TLS, then hand both of these to tungstenite:
//! let http = request.into_http()?;
//! let config = Limits::default().config()?;
//! # let _ = (http, config);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | for |
//! |---|---|
//! | `rustls-tls-webpki-roots` | `wss` by rustls, with Mozilla's roots compiled in |
//! | `rustls-tls-native-roots` | `wss` by rustls, with the platform's roots |
//! | `rustls-tls` | `wss` by rustls, with a configuration or roots of the application's own |
//! | `native-tls`, `native-tls-vendored` | `wss` by the platform's TLS, or by an OpenSSL that is compiled along |
//! | `json` | the codec [`Json`](codec) |
//! | `tracing`, `metrics` | what a client [tells of itself](telemetry) |
//!
//! # Not supported
//!
//! Compression (`permessage-deflate`, RFC 7692) is neither offered nor accepted, for tungstenite has none.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use heartline;
pub use tungstenite;

pub mod request;
pub mod tls;

pub mod proxy;

pub mod race;

pub mod limits;

pub mod clock;

pub mod codec;

pub mod ended;

pub mod client;

#[doc = include_str!("telemetry.md")]
pub mod telemetry {}

#[doc(hidden)]
pub mod engine;

pub use clock::Clock;
pub use codec::Codec;
pub use ended::Ended;
pub use limits::Limits;
pub use proxy::{Proxies, Proxy};
pub use request::{Address, Request, RequestError, Response};
pub use tls::Tls;

/// The README's code is compiled with the documentation tests.
#[cfg(all(doctest, feature = "rustls-tls-webpki-roots"))]
#[doc = include_str!("../README.md")]
pub struct Readme;

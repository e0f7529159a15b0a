//! A server and a link on loopback that fail on command, and accounts of what became of every message: for tests and
//! demonstrations of a whole client.
//!
//! A [`Server`] answers texts as its reply says, until it is told to behave otherwise ([`Behaviour`]), is
//! [killed](Server::kill) or [restarted](Server::restart) on the same port. It logs what it saw. A [`Link`] before it falls silent
//! without closing, as a network does that is gone. A [`Ledger`] takes down what a client was told of its messages; its
//! [`Audit`] compares that with what the server saw.
//!
//! ```
//! use std::io::{BufRead, BufReader, Write};
//! use std::net::TcpStream;
//!
//! use heartline::Outcome;
//! use heartline::message::Delivery;
//! use heartline_testkit::faults::{Behaviour, Ledger, Server};
//!
//! let server = Server::start(|text: &str| Some(format!("echo {text}")))?;
//! server.behave(Behaviour::http("503 Service Unavailable\r\nRetry-After: 1"));
//!
//! // A client, here a poor one, is refused.
//! let mut client = TcpStream::connect(server.address())?;
//! client.write_all(b"GET /chat HTTP/1.1\r\n\r\n")?;
//! let mut status = String::new();
//! BufReader::new(client).read_line(&mut status)?;
//! assert_eq!(status, "HTTP/1.1 503 Service Unavailable\r\n");
//! assert_eq!(server.log().requests, ["/chat"]);
//!
//! // It says that the server acknowledged something. That is not true.
//! let mut ledger = Ledger::default();
//! ledger.accept("hello", Delivery::AtLeastOnce);
//! ledger.resolve("hello", &Outcome::<()>::Acked);
//! let audit = ledger.audit(&server.finish());
//! assert!(!audit.is_clean());
//! println!("{audit}");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Everything blocks, and nothing for longer than [`PATIENCE`]. The tour of heartline-tokio (`cargo run --example client` in
//! heartline's repository) is made of these parts.

mod ledger;
mod link;
mod serve;
mod server;

use std::time::Duration;

pub use ledger::{Audit, Ledger};
pub use link::Link;
pub use server::{Behaviour, Log, Server};

/// How long anything is waited for before it counts as not coming: 20 s.
pub const PATIENCE: Duration = Duration::from_secs(20);

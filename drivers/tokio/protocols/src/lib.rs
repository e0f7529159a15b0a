//! Three protocols on [`heartline_tokio`], each a codec and a greeting to be read as a template and copied, and a program in
//! `src/bin` that runs against any server. `tests/servers` tries them on the real servers, and the client on plain WebSocket
//! servers and behind proxies.
//!
//! | | messages that are acknowledged | heartbeat | greeting |
//! |---|---|---|---|
//! | [`socket_io`] 4 | events, by their acknowledgement id | the server's, as its handshake says | joins the namespace |
//! | [`graphql_ws`] | queries and mutations, by `complete` | `ping` and `pong` of the subprotocol | `connection_init`, then all subscriptions |
//! | [`mqtt`] 3.1.1 | QoS 1, by PUBACK | PINGREQ and PINGRESP | CONNECT to a persistent session, then SUBSCRIBE |
//!
//! [`event_stream`] is no WebSocket protocol but the other way in which a server pushes: the reader of server-sent events.
#![forbid(unsafe_code)]

pub mod command_line;
pub mod event_stream;
pub mod graphql_ws;
pub mod mqtt;
pub mod socket_io;

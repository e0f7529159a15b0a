//! The servers of the five documents that heartline came from, as they stand there, on heartline-axum: for its own tests on
//! real sockets, and as a program for the tests of front ends.
//!
//! ```text
//! cargo run -p heartline-documents -- --port 0
//! ```
//!
//! | path | document | what is there |
//! |---|---|---|
//! | `/websocket?token=` | 000 | points of charts, by a token of `/token` |
//! | `/ajaxchattest` | 001 | answers to a heart and to an id |
//! | `/` | 002 | `echo-protocol`, text and binary; HTTP by the same path |
//! | `/all` | 002 | what one says, all get |
//! | `/ws` | 002 | `something` for everybody who comes, and again at every tick |
//! | `/ws/monitor` | 002 | points of `monitorCPU` |
//! | `/socket.io/` | 002 | named events, by socket.io's protocol over WebSocket |
//! | `/events` | 002 | server-sent events |
//! | `/goLink/manager/{userId}`, `/goLink/device/{userId}` | 003 | two registries, events from one to the other |
//! | `/subscribeWebSocket/` | 004 | what the services have to which a connection subscribed |
//!
//! For tests, each server has a name: `charts`, `ajax_chat`, `echo`, `all`, `ws`, `monitor`, `socket_io`, `events`, `managers`,
//! `devices`, `services`. `GET /log/NAME` is what it wrote down, as an array of lines. `POST /push/NAME` sends the body as a
//! message of the server's, and `POST /close/NAME?code=1012&reason=` closes all of its connections. Any other fault is made from
//! outside.

pub mod ajax_chat;
pub mod charts;
pub mod control;
pub mod event_stream;
pub mod guests;
pub mod java;
pub mod log;
pub mod monitor;
pub mod node;
pub mod services;
pub mod site;
pub mod socket_io;

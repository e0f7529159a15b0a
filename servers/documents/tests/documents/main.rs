//! The servers of the five documents, as they stand there, on heartline-axum and real sockets.

mod event_stream;
mod java;
mod node;
mod program;
mod site;

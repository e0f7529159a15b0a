//! The server on real sockets.

mod clients;
mod cluster;
mod ends;
mod handlers;
mod logins;
mod presence;
mod promises;
mod requests;
mod rooms;
mod shutdown;
mod site;
mod slow;
mod sources;
mod words;

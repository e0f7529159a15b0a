//! A socket.io client for the command line. Each line typed is sent as an event of this name, which the server has to
//! acknowledge; events that arrive are printed.
//!
//! ```text
//! cargo run -p heartline-protocols --bin socket_io -- ws://127.0.0.1:3000 / message
//! ```

use std::error::Error;

use heartline_protocols::command_line::talk;
use heartline_protocols::socket_io::{SocketIo, acknowledged, greet, url};
use heartline_tokio::Client;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, namespace, event] = &arguments[..] else { return Err("usage: socket_io URL NAMESPACE EVENT".into()) };
    let (client, incoming) = Client::builder(url(server))
        .codec(SocketIo::new(namespace))
        .greeting(|link| greet(link, Value::Null)) // credentials for the server's middleware, if it wants some
        .spawn()?;
    talk(client, incoming, |line| acknowledged(event, [line.into()])).await
}

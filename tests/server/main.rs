//! The example server on real sockets: what it promises, and what bad input comes to. In each test a
//! bystander gets an answer to everything it says, and hears nothing else.

#[path = "../../examples/server/server.rs"]
#[allow(dead_code)]
mod server;

mod bad_input;
mod client;
mod promises;

use std::time::Duration;

use heartline::hub::{Admission, Settings};

use self::server::{Options, Server, start};

const MILLI: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Nothing happens by itself, unless a test asks for it.
fn quiet() -> Settings {
    let heartbeat = heartline::Pulse { rhythm: heartline::Rhythm::Off, ..Settings::default().heartbeat };
    Settings { heartbeat, login_timeout: HOUR, reply_gap: HOUR, ..Settings::default() }
}

async fn serve(hub: Settings) -> Server {
    start(Options { hub, ..Options::default() }).await.expect("a server")
}

fn speaking(protocols: &[&str], required: bool) -> Settings {
    let protocols = protocols.iter().map(|name| (*name).to_owned()).collect();
    Settings { admission: Admission { protocols, protocol_required: required, ..Admission::default() }, ..quiet() }
}

//! The command line, and the environment.

use std::env;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use heartline_axum::{Origins, Proxies};
use heartline_example_server::{Options, Tokens};
use lexopt::prelude::*;
use metrics_exporter_prometheus::PrometheusHandle;

/// What signs tokens.
const SECRET: &str = "CHAT_SECRET";

pub const HELP: &str = "\
server [ADDRESS] [options]

Listens on ADDRESS, by default 127.0.0.1:8080. Tokens are signed by CHAT_SECRET, an environment variable of 32 bytes or
more. Without it, on loopback, this is the demo: with a secret of its own, a page, and a token for everybody who asks.

  --demo                 the demo with CHAT_SECRET
  --host HOST            the server's name, as clients write it; may be given several times, as the next two
  --origin ORIGIN        the pages that may connect, as https://HOST; by default those of the same host
  --proxy NETWORK        the proxies that clients come through, as 10.0.0.0/8; none by default
  --connections N        how many there may be, 10,240 by default; each takes a file descriptor
  --stop-within SECONDS  how long a stop may take, 25 by default: for clients that do not answer its close
  --metrics ADDRESS      where /metrics is served; by default a free port of 127.0.0.1

RUST_LOG says what is logged, by default info.
";

/// None for `--help`.
pub fn options(recorder: PrometheusHandle) -> Result<Option<Options>, Box<dyn Error + Send + Sync>> {
    let mut listen: SocketAddr = ([127, 0, 0, 1], 8080).into();
    let mut metrics = ([127, 0, 0, 1], 0).into();
    let (mut demo, mut connections, mut within) = (false, None, None);
    let (mut hosts, mut origins, mut proxies) = (Vec::new(), Vec::<String>::new(), Vec::new());
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Value(address) => listen = address.parse()?,
            Long("demo") => demo = true,
            Long("host") => hosts.push(arguments.value()?.parse()?),
            Long("origin") => origins.push(arguments.value()?.parse()?),
            Long("proxy") => proxies.push(arguments.value()?.parse()?),
            Long("connections") => connections = Some(arguments.value()?.parse()?),
            Long("stop-within") => within = Some(arguments.value()?.parse()?),
            Long("metrics") => metrics = arguments.value()?.parse()?,
            Short('h') | Long("help") => return Ok(None),
            other => return Err(other.unexpected().into()),
        }
    }
    let tokens = match env::var(SECRET) {
        Ok(secret) => Tokens::signed_by(secret.as_bytes()).map_err(|error| format!("{SECRET}: {error}"))?,
        Err(_) if listen.ip().is_loopback() => {
            demo = true;
            Tokens::of_this_run()?
        }
        Err(error) => return Err(format!("{SECRET}: {error}").into()),
    };
    let origins = if origins.is_empty() { Origins::same() } else { Origins::list(origins)? };
    let metrics = Some((metrics, recorder));
    let proxies = Proxies::trusting(proxies);
    let mut options = Options { listen, demo, hosts, origins, proxies, metrics, ..Options::demo(tokens) };
    if let Some(connections) = connections {
        (options.hub.max_connections, options.http.max_connections) = (connections, connections);
    }
    if let Some(within) = within {
        options.http.shutdown_timeout = Duration::from_secs(within);
    }
    Ok(Some(options))
}

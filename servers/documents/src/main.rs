//! The servers of the documents as a program, for the tests of front ends.

use std::error::Error;
use std::time::Duration;

use heartline_axum::Origins;
use heartline_documents::site::{Options, routes};
use lexopt::prelude::*;
use tokio::net::TcpListener;

const HELP: &str = "\
documents [options]

Serves the five documents on 127.0.0.1 and prints its address as one line, HOST:PORT. Times are milliseconds.

  --port N         the port; 0, the default, for a free one
  --every MS       the time between two points of a feed, 1000 by default; 0: only what a test pushes
  --idle MS        how long a page of charts may be silent, 120000 by default
  --ping MS        the time between two pings of socket.io, 25000 by default
  --mute           hearts of 000, 001 and 004 are not answered
  --origin ORIGIN  the pages that may connect to the server of echo-protocol, as http://HOST:PORT; may be given several
                   times; any by default
";

/// The port and the options; `None` for `--help`.
fn arguments() -> Result<Option<(u16, Options)>, Box<dyn Error>> {
    let (mut port, mut options, mut origins) = (0, Options::default(), Vec::<String>::new());
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("every") => options.every = Some(millis(&mut arguments)?).filter(|every| !every.is_zero()),
            Long("idle") => options.idle = millis(&mut arguments)?,
            Long("ping") => options.ping = millis(&mut arguments)?,
            Long("port") => port = arguments.value()?.parse()?,
            Long("mute") => options.mute = true,
            Long("origin") => origins.push(arguments.value()?.parse()?),
            Short('h') | Long("help") => return Ok(None),
            other => return Err(other.unexpected().into()),
        }
    }
    if !origins.is_empty() {
        options.origins = Origins::list(origins)?.required();
    }
    Ok(Some((port, options)))
}

fn millis(arguments: &mut lexopt::Parser) -> Result<Duration, lexopt::Error> {
    Ok(Duration::from_millis(arguments.value()?.parse()?))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let Some((port, options)) = arguments()? else {
        print!("{HELP}");
        return Ok(());
    };
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("{}", listener.local_addr()?);
    heartline_axum::serve(listener, routes(&options)).await?;
    Ok(())
}

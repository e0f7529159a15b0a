//! A real server on heartline's hub, to be copied.
//!
//! ```text
//! cargo run --bin server                     # serves on 127.0.0.1:8080
//! cargo run --bin server -- 0.0.0.0:9000 --admin
//! cargo run --release --bin server -- --load 10000
//! ```
//!
//! Open <http://127.0.0.1:8080/> in two tabs. To see what clients make of a bad network, pause the server by
//! `SIGUSR1` (again: go on), or with `--admin` by `curl -X POST http://127.0.0.1:8080/pause` and `/resume`. Ctrl-C stops it:
//! every client gets a moment to come back.
//!
//! # Events, as JSON in text messages
//!
//! Connections are made to `/ws` (or `/`), `/goLink/manager/{id}` and `/goLink/device/{id}`; the last two log in by their path.
//! Managers and devices are registries of their own and speak to each other; everybody else is a person and speaks
//! to persons.
//!
//! | a client sends | and the answer is |
//! |---|---|
//! | `{"event":"login","user":"ann"}` | `{"event":"open","msg":"ok","user":"ann"}`; a login by path is answered the same way |
//! | `{"event":"heart"}` | `{"event":"heart"}` |
//! | `{"event":"open_screen","to_user":"7"}`, `stop_screen` | the other gets `{"event":"open_screen","from_user":"ann"}`; nothing else, or as below |
//! | `{"event":"send","to":"bob","text":"hi","id":1}` | bob gets `{"event":"message","from":"ann","text":"hi","id":1}`, ann `{"event":"sent","id":1,"reached":1}` if she gave an id |
//! | … and bob is not there | `{"event":"offline","to_user":"bob","id":1}` |
//! | … with `"volatile":true`, and bob is slow | `{"event":"dropped","to_user":"bob","id":1}` |
//! | `{"event":"say","text":"hi","id":2}` | everybody else online gets `{"event":"say","from":"ann","text":"hi"}` |
//! | `{"event":"who"}` | `{"event":"online","count":2,"users":["ann","bob"]}`, 200 names at most |
//! | `{"event":"who","watch":true}` | the same, and then `{"event":"joined","user":"eve","count":3}` and `{"event":"left",…}` |
//!
//! # What does not fit, and the answer
//!
//! | what | answer |
//! |---|---|
//! | an origin other than the server's own | HTTP 403 |
//! | no subprotocol in common, where one is required; no `Host`; no HTTP at all | HTTP 400 |
//! | too many connections, or too many that have not logged in, or a server that stops | HTTP 503 with `Retry-After` |
//! | another path; no upgrade or another version; a request over 8 KiB; one not complete in 5 s | HTTP 404; 426; 431; dropped |
//! | an unknown event, invalid JSON, missing fields, a name that is empty, over 40 characters or has a slash | `{"fromuserId":"system","event":"heart","msg":"event cannot be handled"}`, at most once a second |
//! | another user's login on a connection | `{"event":"refused",…}`, at most once a second (the two share it) |
//! | anything that needs a login, before it | `{"event":"refused","msg":"log in first"}` |
//! | no login for 15 s, whatever else is sent | close 4408 |
//! | a newer login of the same user elsewhere | the older connection: close 4409, which is final |
//! | a message or a frame over 64 KiB | close 1009 |
//! | a malformed frame; text that is not UTF-8; a binary message | close 1002; 1007; 1003 |
//! | silence, a ping after 25 s unanswered for another 10 s | close 3008 |
//! | more than 1 MiB waiting because the client does not read | close 1013 |
//! | Ctrl-C | close 1012, with the reason `retry-after-ms=` and a number |
//! | a close that is not answered in 5 s | dropped |
//! | a sender's name, wherever a client gives one | ignored: others see the registered name |

//! A client that takes every close code alike comes back after 4409 and takes its user from the newer connection,
//! which takes it back, and so on (`reconnecting-websocket` does so). There the application has to end it:
//!
//! ```js
//! socket.addEventListener("close", ({ code }) => { if (code === 4409) socket.close(); });
//! ```

mod load;

use std::io;
use std::net::SocketAddr;

use heartline_example_server::{Options, start};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> io::Result<()> {
    let mut options = Options { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), ..Options::default() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--admin" => options.admin = true,
            "--load" => return load::run(arguments),
            "--loaded" => options = load::server_options(),
            address => {
                options.listen = address.parse().map_err(|_| io::Error::other(format!("{address} is no address")))?
            }
        }
    }
    options.seed = getrandom::u64().map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(options))
}

async fn serve(options: Options) -> io::Result<()> {
    let mut server = start(options).await?;
    println!("serving on http://{}/", server.address);
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut user = signal(SignalKind::user_defined1())?;
    loop {
        tokio::select! {
            _ = interrupt.recv() => server.stop().await,
            _ = terminate.recv() => server.stop().await,
            _ = user.recv() => {
                if server.is_paused() { server.resume() } else { server.pause() }
                println!("{}", if server.is_paused() { "paused" } else { "goes on" });
            }
            stats = server.finished() => {
                println!("stopped: {stats:?}");
                return Ok(());
            }
        }
    }
}

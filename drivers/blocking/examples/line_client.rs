//! A client for the command line: sends each line of the standard input, prints what is received.
//!
//! `cargo run -p heartline-blocking --example line_client -- ws://HOST:PORT/PATH`

use std::error::Error;
use std::io::stdin;
use std::thread;
use std::time::Duration;

use heartline_blocking::{Client, Handle, Message, Received};

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: line_client ws://HOST:PORT/PATH")?;
    let mut client = Client::builder(url).build()?;
    let handle = client.handle().clone();
    thread::spawn(move || read_lines(&handle));
    while let Ok(received) = client.recv(None) {
        match received {
            Received::Message(message) => println!("{message}"),
            Received::Event(event) => eprintln!("-- {event}"),
            _ => {}
        }
    }
    let end = client.close(Duration::ZERO); // It has ended already; this tells how.
    eprintln!("-- {end}");
    if end.is_clean() { Ok(()) } else { Err("not everything was sent".into()) }
}

/// The standard input blocks, so it has a thread of its own. At its end the rest is sent and the client closed.
fn read_lines(handle: &Handle<Message>) {
    for line in stdin().lines().map_while(Result::ok) {
        if let Err(refused) = handle.send(line, None) {
            return eprintln!("-- {refused}");
        }
    }
    handle.start_close(Duration::from_secs(5));
}

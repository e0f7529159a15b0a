//! A loop with a frame every 16 ms, as a game or an egui application has it: the client is polled once in each, and no
//! frame waits for the network. With a server of its own, so that there is something to see.
//!
//! `cargo run -p heartline-blocking --example frame_loop [-- ws://HOST:PORT/PATH]`

use std::error::Error;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use heartline_blocking::tungstenite::accept;
use heartline_blocking::{Backoff, Client, Handle, Message, Received};

const FRAME: Duration = Duration::from_millis(16);

/// What an application keeps between its frames.
struct App {
    client: Client,
    lines: Vec<String>,
    longest: Duration,
}

impl App {
    /// In egui, call this from `App::update`, and ask for the next frame by `ctx.request_repaint_after(FRAME)`.
    fn update(&mut self) {
        let start = Instant::now();
        self.client.poll(Duration::ZERO); // never waits
        self.longest = self.longest.max(start.elapsed());
        while let Some(received) = self.client.try_recv() {
            match received {
                Received::Message(message) => self.lines.push(message.to_string()),
                Received::Event(event) => self.lines.push(format!("-- {event}")),
                _ => {}
            }
        }
    }

    /// The state line of a user interface.
    fn banner(&self) -> String {
        match self.client.retry_in() {
            Some(left) => format!("reconnecting in {:.1} s", left.as_secs_f32()),
            None => self.client.status().state.to_string(),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let url = match std::env::args().nth(1) {
        Some(url) => url,
        None => echo_server()?,
    };
    // A second between dials, as this program runs for three; an application keeps the default.
    let patience = Backoff::constant(Duration::from_secs(1));
    let client = Client::builder(url).configure(|options| options.session.backoff = patience).build()?;
    let worker = worker(client.handle().clone());
    let mut app = App { client, lines: Vec::new(), longest: Duration::ZERO };
    let mut banner = String::new();
    for frame in 0..180 {
        let next = Instant::now() + FRAME;
        app.update();
        if std::mem::replace(&mut banner, app.banner()) != banner {
            println!("{frame:>4}: [{banner}]");
        }
        app.lines.drain(..).for_each(|line| println!("{frame:>4}: {line}"));
        if frame == 150 {
            app.client.start_close(Duration::from_secs(1)); // the next frames finish it
        }
        if app.client.end().is_some() {
            break;
        }
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let end = app.client.close(Duration::ZERO); // if the frames were not enough
    println!("{end}; the longest poll took {:?}", app.longest);
    worker.join().map_err(|_| "the worker panicked".into())
}

/// Another thread that sends: a file that was loaded, a simulation.
fn worker(handle: Handle<Message>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for number in 0.. {
            match handle.send(format!("result {number}"), Duration::from_secs(1)) {
                Ok(_) => thread::sleep(Duration::from_millis(300)),
                Err(refused) => return println!("worker: {refused}"),
            }
        }
    })
}

/// Answers everything once, then drops its first connection, so that there is a reconnect to see.
fn echo_server() -> Result<String, std::io::Error> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("ws://{}/", listener.local_addr()?);
    thread::spawn(move || {
        for (count, stream) in listener.incoming().flatten().enumerate() {
            let Ok(mut socket) = accept(stream) else { continue };
            let most = if count == 0 { 3 } else { usize::MAX };
            for _ in 0..most {
                let Ok(message) = socket.read() else { break };
                let sent = if message.is_close() { socket.flush() } else { socket.send(message) };
                if sent.is_err() {
                    break;
                }
            }
        }
    });
    Ok(url)
}

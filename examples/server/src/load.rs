//! A load on the server: N connections, each with a heartbeat, and messages among random pairs.
//!
//! ```text
//! cargo run --release --bin server -- --load 10000 [messages a second] [seconds]
//! ```
//!
//! The server runs in a process of its own, so that its memory can be measured and neither needs more than N file
//! descriptors and a few.

use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use heartline::hub::Settings;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use tungstenite::Message;
use tungstenite::protocol::WebSocketConfig;

use heartline_example_server::Options;

type Socket = WebSocketStream<TcpStream>;

/// How often each client sends a heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Dials at a time.
const DIALS: usize = 256;

/// What the loaded server goes by: as by default, with room for all.
pub fn server_options() -> Options {
    Options { hub: Settings { max_connections: 100_000, ..Settings::default() }, ..Options::default() }
}

#[derive(Default)]
struct Counters {
    origin: Option<Instant>,
    sent: AtomicU64,
    confirmed: AtomicU64,
    received: AtomicU64,
    heartbeats: AtomicU64,
    answered: AtomicU64,
    lost: AtomicUsize,
    /// No more heartbeats.
    quiet: AtomicBool,
    over: AtomicBool,
    /// Microseconds from sending to receiving, of each message.
    latencies: std::sync::Mutex<Vec<u32>>,
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Received {
    Message {
        text: String,
    },
    Sent,
    Heart,
    #[serde(other)]
    Other,
}

/// Runs the load and prints what came of it.
pub fn run(mut arguments: impl Iterator<Item = String>) -> io::Result<()> {
    let mut number = |default| arguments.next().map_or(Ok(default), |text| text.parse().map_err(io::Error::other));
    let (clients, rate, seconds) = (number(10_000)?, number(5_000)?, number(20)?);
    let mut server =
        Command::new(std::env::current_exe()?).arg("--loaded").stdout(Stdio::piped()).stdin(Stdio::null()).spawn()?;
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("piped")).read_line(&mut line)?;
    let address = line.trim().trim_start_matches("serving on http://").trim_end_matches('/');
    let result = address.parse().map_err(io::Error::other).and_then(|address| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(load(address, clients as usize, rate, Duration::from_secs(seconds)))
    });
    println!("memory at its highest: server {}, clients {}", peak(server.id()), peak(std::process::id()));
    server.kill()?;
    server.wait()?;
    result
}

type Sink = Arc<Mutex<SplitSink<Socket, Message>>>;

async fn load(address: SocketAddr, clients: usize, rate: u64, duration: Duration) -> io::Result<()> {
    let counters = Arc::new(Counters { origin: Some(Instant::now()), ..Counters::default() });
    let began = Instant::now();
    let sinks = dial_all(address, clients, &counters).await?;
    println!("{clients} connections, logged in, in {:.2} s", began.elapsed().as_secs_f64());
    sinks.iter().enumerate().for_each(|(at, sink)| beat(at, clients, sink.clone(), counters.clone()));

    let began = Instant::now();
    send_to_random_pairs(&sinks, rate, duration, &counters).await?;
    let sent = counters.sent.load(Relaxed);
    let (patience, ended) = (Instant::now(), began.elapsed());
    counters.quiet.store(true, Relaxed);
    let is_due = || {
        let unanswered = counters.answered.load(Relaxed) < counters.heartbeats.load(Relaxed);
        unanswered || counters.received.load(Relaxed).min(counters.confirmed.load(Relaxed)) < sent
    };
    while is_due() && patience.elapsed().as_secs() < 10 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    report(&counters, sent, ended);
    counters.over.store(true, Relaxed);
    Ok(())
}

async fn dial_all(address: SocketAddr, clients: usize, counters: &Arc<Counters>) -> io::Result<Vec<Sink>> {
    let gate = Arc::new(Semaphore::new(DIALS));
    let mut dials = JoinSet::new();
    for number in 0..clients {
        let (gate, counters) = (gate.clone(), counters.clone());
        dials.spawn(async move {
            let _permit = gate.acquire().await;
            dial(address, number, counters).await
        });
    }
    let mut sinks = Vec::with_capacity(clients);
    while let Some(dialled) = dials.join_next().await {
        let sink = dialled.map_err(io::Error::other)?.map_err(io::Error::other)?;
        sinks.push(Arc::new(Mutex::new(sink)));
    }
    Ok(sinks)
}

async fn send_to_random_pairs(sinks: &[Sink], rate: u64, duration: Duration, counters: &Counters) -> io::Result<()> {
    let began = Instant::now();
    let mut random = 0x5eed_u64;
    let mut next = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % sinks.len()
    };
    while began.elapsed() < duration {
        let due = (began.elapsed().as_secs_f64() * rate as f64) as u64;
        for id in counters.sent.load(Relaxed)..due {
            let (sink, to) = (&sinks[next()], next());
            let micros = counters.origin.expect("set").elapsed().as_micros();
            let text = format!(r#"{{"event":"send","to":"user{to}","text":"{micros}","id":{id}}}"#);
            sink.lock().await.send(text.into()).await.map_err(io::Error::other)?;
            counters.sent.store(id + 1, Relaxed);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

fn report(counters: &Counters, sent: u64, elapsed: Duration) {
    let count = |counter: &AtomicU64| counter.load(Relaxed);
    let mut latencies = counters.latencies.lock().expect("not poisoned").clone();
    latencies.sort_unstable();
    let at = |share: f64| {
        let place = ((latencies.len() as f64 * share) as usize).min(latencies.len().saturating_sub(1));
        f64::from(latencies.get(place).copied().unwrap_or(0)) / 1000.0
    };
    println!("{sent} messages relayed, {:.0} a second", count(&counters.received) as f64 / elapsed.as_secs_f64());
    println!("lost messages: {}, unconfirmed: {}", sent - count(&counters.received), sent - count(&counters.confirmed));
    println!("lost connections: {}", counters.lost.load(Relaxed));
    println!("heartbeats: {} sent, {} answered", count(&counters.heartbeats), count(&counters.answered));
    println!("relay latency: p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms", at(0.5), at(0.99), at(1.0));
}

async fn dial(
    address: SocketAddr,
    number: usize,
    counters: Arc<Counters>,
) -> Result<SplitSink<Socket, Message>, tungstenite::Error> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let codec = WebSocketConfig::default().read_buffer_size(1024).write_buffer_size(0);
    let (socket, _) = client_async_with_config(format!("ws://{address}/ws"), tcp, Some(codec)).await?;
    let (mut sink, mut stream) = socket.split();
    sink.send(format!(r#"{{"event":"login","user":"user{number}"}}"#).into()).await?;
    let greeting = stream.next().await.ok_or(tungstenite::Error::ConnectionClosed)??;
    assert!(greeting.to_text()?.contains(r#""event":"open""#), "no greeting: {greeting}");
    tokio::spawn(listen(stream, counters));
    Ok(sink)
}

async fn listen(mut stream: SplitStream<Socket>, counters: Arc<Counters>) {
    while let Some(Ok(frame)) = stream.next().await {
        let Message::Text(text) = frame else { continue };
        match serde_json::from_str(&text) {
            Ok(Received::Message { text }) => {
                let since = counters.origin.expect("set").elapsed().as_micros() as u64;
                let micros = since.saturating_sub(text.parse().unwrap_or(since));
                counters.received.fetch_add(1, Relaxed);
                counters.latencies.lock().expect("not poisoned").push(u32::try_from(micros).unwrap_or(u32::MAX));
            }
            Ok(Received::Sent) => _ = counters.confirmed.fetch_add(1, Relaxed),
            Ok(Received::Heart) => _ = counters.answered.fetch_add(1, Relaxed),
            _ => {}
        }
    }
    if !counters.over.load(Relaxed) {
        counters.lost.fetch_add(1, Relaxed);
    }
}

/// The heartbeat of one client, those of all spread over the interval.
fn beat(at: usize, clients: usize, sink: Sink, counters: Arc<Counters>) {
    let first = tokio::time::Instant::now() + HEARTBEAT.mul_f64(at as f64 / clients as f64);
    tokio::spawn(async move {
        let mut interval = tokio::time::interval_at(first, HEARTBEAT);
        loop {
            interval.tick().await;
            if counters.quiet.load(Relaxed) || sink.lock().await.send(r#"{"event":"heart"}"#.into()).await.is_err() {
                return;
            }
            counters.heartbeats.fetch_add(1, Relaxed);
        }
    });
}

/// The most memory a process has had, where the system reports it.
fn peak(process: u32) -> String {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("unknown".into(), |line| line.trim().to_owned())
}

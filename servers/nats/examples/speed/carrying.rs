//! Packets from one connection to another.
//!
//! One sender and one receiver have a connection each. The sender flushes every 1,000 messages. A round is one run of this crate and one of
//! async-nats; the ratio is that of the two in one round.

use std::time::{Duration, Instant};

use async_nats::{Client, Subject};
use bytes::Bytes;
use futures_util::StreamExt;
use heartline::directory::{Broker, Destination, Input, Node, RoomHash};
use heartline_nats::Nats;

use crate::{Anything, median};

const MESSAGES: usize = 200_000;
const WINDOW: usize = 1000;
const ROUNDS: usize = 7;

pub fn show(url: &str) -> Result<(), Anything> {
    let threads = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    threads.block_on(speed(url))?;
    let one = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    one.block_on(memory(url))
}

/// How long it took until all messages had arrived, and how much processor time this process used.
type Times = (Duration, Duration);

async fn speed(url: &str) -> Result<(), Anything> {
    let (a, b) = (Node::new("a")?, Node::new("b")?);
    let (sender, receiver) = (Nats::builder(&a, [url]).connect().await?, Nats::builder(&b, [url]).connect().await?);
    let (bare_sender, bare_receiver) = (async_nats::connect(url).await?, async_nats::connect(url).await?);
    println!("{MESSAGES} messages from one connection to another, medians of {ROUNDS} rounds");
    println!("{:>8} {:>32} {:>32}", "", "messages a second", "ns of processor time a message");
    println!(
        "{:>8} {:>12} {:>12} {:>6} {:>12} {:>12} {:>6}",
        "bytes", "heartline", "async-nats", "ratio", "heartline", "async-nats", "ratio"
    );
    for size in [64, 256, 1024] {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let ours = timed(through(&sender, &receiver, &b, size)).await?;
            rounds.push((ours, timed(bare(&bare_sender, &bare_receiver, size)).await?));
        }
        let rate = |of: fn(&(Times, Times)) -> Duration| {
            median(rounds.iter().map(|round| MESSAGES as f64 / of(round).as_secs_f64()))
        };
        let cost = |of: fn(&(Times, Times)) -> Duration| {
            median(rounds.iter().map(|round| of(round).as_nanos() as f64 / MESSAGES as f64))
        };
        let ratio = |of: fn(&(Times, Times)) -> f64| median(rounds.iter().map(of));
        println!(
            "{size:>8} {:>12.0} {:>12.0} {:>6.2} {:>12.0} {:>12.0} {:>6.2}",
            rate(|(ours, _)| ours.0),
            rate(|(_, bare)| bare.0),
            ratio(|(ours, bare)| bare.0.as_secs_f64() / ours.0.as_secs_f64()),
            cost(|(ours, _)| ours.1),
            cost(|(_, bare)| bare.1),
            ratio(|(ours, bare)| ours.1.as_secs_f64() / bare.1.as_secs_f64()),
        );
    }
    Ok(())
}

async fn timed(run: impl Future<Output = Result<(), Anything>>) -> Result<Times, Anything> {
    let (began, cpu) = (Instant::now(), on_processor()?);
    run.await?;
    Ok((began.elapsed(), on_processor()?.saturating_sub(cpu)))
}

/// The processor time of all threads of this process, as Linux counts it.
fn on_processor() -> Result<Duration, Anything> {
    let mut total = 0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let times = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        total += times.split(' ').next().ok_or("no time")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(total))
}

async fn through(sender: &Nats, receiver: &Nats, node: &Node, size: usize) -> Result<(), Anything> {
    let to = Destination::Node(node.clone());
    let publish = async {
        for number in 0..MESSAGES {
            sender.publish(&to, vec![0; size]);
            if number % WINDOW == WINDOW - 1 {
                sender.flush().await;
            }
        }
    };
    let receive = async {
        for _ in 0..MESSAGES {
            let input = receiver.input().await;
            assert!(matches!(input, Input::Received { .. }), "{input:?}");
        }
    };
    tokio::join!(publish, receive);
    Ok(())
}

async fn bare(sender: &Client, receiver: &Client, size: usize) -> Result<(), Anything> {
    let subject = Subject::from_static("bare");
    let mut subscriber = receiver.subscribe(subject.clone()).await?;
    // It waits until it hears itself: then the broker has the subscription.
    receiver.publish(subject.clone(), Bytes::new()).await?;
    subscriber.next().await.ok_or("the connection is gone")?;
    let publish = async {
        for number in 0..MESSAGES {
            sender.publish(subject.clone(), Bytes::from(vec![0; size])).await?;
            if number % WINDOW == WINDOW - 1 {
                sender.flush().await?;
            }
        }
        Ok::<_, Anything>(())
    };
    let receive = async {
        for _ in 0..MESSAGES {
            let message = subscriber.next().await.ok_or("the connection is gone")?;
            std::hint::black_box(message.payload.to_vec());
        }
        Ok(())
    };
    tokio::try_join!(publish, receive).map(drop)
}

/// On one thread, where nothing is sent before something waits.
async fn memory(url: &str) -> Result<(), Anything> {
    println!("\nwhat waits to be sent, when the limit of 16 MiB is reached");
    println!("{:>8} {:>10} {:>14} {:>14}", "bytes", "packets", "counted", "allocated");
    for size in [0, 64, 256, 1024, 65_536] {
        let nats = Nats::builder(&Node::new("a")?, [url]).connect().await?;
        let to = Destination::Node(Node::new("nobody")?);
        let memory = allocation_counter::measure(|| {
            while nats.stats().unpublished == 0 {
                nats.publish(&to, vec![0; size]);
            }
        });
        let stats = nats.stats();
        println!("{size:>8} {:>10} {:>14} {:>14}", stats.published, stats.waiting, memory.bytes_current);
        nats.flush().await;
    }
    let nats = Nats::builder(&Node::new("a")?, [url]).connect().await?;
    let rooms = 1000;
    let memory = allocation_counter::measure(|| {
        for hash in 0..rooms {
            nats.subscribe(&Destination::Room(room(hash)));
        }
    });
    println!("\na room that was entered: {} bytes", memory.bytes_current / i64::try_from(rooms)?);
    Ok(())
}

fn room(number: u64) -> RoomHash {
    RoomHash::of(&number.to_string().into())
}

//! A client for any server: lines from standard input are sent, messages are printed, and standard error shows what
//! happens to the session.

use std::error::Error;
use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

use heartline_tokio::{Client, EndReason, Incoming, Message, Outcome, Outgoing, Received, State};
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{MissedTickBehavior, interval};

/// How long the rest may take after the end of the input, or the first Ctrl-C.
const DRAIN: Duration = Duration::from_secs(10);

/// Runs until the input ends and everything is sent, or the client is stopped. True if nothing went wrong.
pub async fn run(url: String) -> Result<bool, Box<dyn Error>> {
    let (client, incoming) = Client::builder(url).spawn()?;
    let (complaints, complained) = unbounded_channel();
    tokio::spawn(read_lines(client.clone(), complaints));
    tokio::spawn(close_on_ctrl_c(client.clone()));
    let all_sent = show(&client, incoming, complained).await;
    let end = client.closed().await;
    eprintln!("-- {end}");
    Ok(all_sent && matches!(end.reason, EndReason::Closed(_)))
}

/// Sends each line as soon as there is room for it, then closes.
async fn read_lines(client: Client<Message>, complaints: UnboundedSender<String>) {
    let mut lines = BufReader::new(stdin()).lines();
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line,
            _ = client.closed() => break,
        };
        let Ok(Some(line)) = line else { break };
        match client.send(Outgoing::at_most_once(line)).await {
            Ok(receipt) => {
                let complaints = complaints.clone();
                tokio::spawn(async move {
                    if let Outcome::Returned(reason, message) | Outcome::Unconfirmed(reason, message) = receipt.await {
                        _ = complaints.send(format!("not sent ({reason}): {message}"));
                    }
                });
            }
            Err(refused) => _ = complaints.send(format!("not sent: {refused}")),
        }
    }
    client.close(DRAIN).await;
}

/// The first one sends the rest and closes; the second one does not wait for that.
async fn close_on_ctrl_c(client: Client<Message>) {
    if tokio::signal::ctrl_c().await.is_ok() {
        tokio::spawn({
            let client = client.clone();
            async move { client.close(DRAIN).await }
        });
        if tokio::signal::ctrl_c().await.is_ok() {
            client.close(Duration::ZERO).await;
        }
    }
}

/// Prints what comes, and a status line where standard error is a terminal. False if there were complaints.
async fn show(
    client: &Client<Message>,
    mut incoming: Incoming<Message>,
    mut complaints: UnboundedReceiver<String>,
) -> bool {
    let (mut all_sent, mut second) = (true, interval(Duration::from_secs(1)));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        show_status(client);
        tokio::select! {
            received = incoming.next() => {
                wipe();
                match received {
                    Some(Received::Message(message)) => println!("{message}"),
                    Some(Received::Event(event)) => eprintln!("-- {event}"),
                    Some(_) => {}
                    None => break,
                }
            }
            Some(complaint) = complaints.recv() => {
                wipe();
                eprintln!("-- {complaint}");
                all_sent = false;
            }
            _ = second.tick() => {}
        }
    }
    // Everything has its outcome; the tasks that wait for it may not have had their turn.
    while let Some(complaint) = complaints.recv().await {
        eprintln!("-- {complaint}");
        all_sent = false;
    }
    all_sent
}

fn show_status(client: &Client<Message>) {
    if !stderr().is_terminal() {
        return;
    }
    let (mut line, stats) = (String::new(), client.stats());
    let status = client.status().borrow().clone();
    if let (Some(retry), Some(left)) = (status.retry, client.retry_in()) {
        line += &format!(", retry {} in {:.0} s: {}", retry.attempt, left.as_secs_f64().ceil(), status.cause);
    }
    if let (State::Open, Some(round_trip)) = (status.state, status.round_trip) {
        line += &format!(", round trip {:.1?}", round_trip.latest);
    }
    if stats.queued > 0 {
        line += &format!(", {} to send", stats.queued);
    }
    if status.draining {
        line += ", then the end";
    }
    wipe();
    eprint!("[{}{line}]", status.state);
    _ = stderr().flush();
}

/// Clears the status line.
fn wipe() {
    if stderr().is_terminal() {
        eprint!("\r\x1b[2K");
    }
}

//! What the programs in `src/bin` have in common.

use std::error::Error;
use std::fmt::Debug;
use std::time::Duration;

use heartline_tokio::{Client, Incoming, Outgoing, Received};
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};

/// Sends what `outgoing` makes of each line that is typed, prints outcomes, events and what arrives, and closes the client at
/// the end of the input.
///
/// # Errors
/// The input cannot be read.
pub async fn talk<M: Send + 'static, R: Debug>(
    client: Client<M>,
    mut incoming: Incoming<R>,
    outgoing: impl Fn(String) -> Outgoing<M>,
) -> Result<(), Box<dyn Error>> {
    let mut lines = BufReader::new(stdin()).lines();
    loop {
        tokio::select! {
            line = lines.next_line() => match line? {
                Some(line) => match client.try_send(outgoing(line)) {
                    // In a task of its own: the acknowledgement is read below.
                    Ok(receipt) => _ = tokio::spawn(async move { println!("-- {}", receipt.await) }),
                    Err(refused) => println!("-- {refused}"),
                },
                None => break,
            },
            received = incoming.next() => match received {
                Some(Received::Message(message)) => println!("{message:?}"),
                Some(Received::Event(event)) => println!("-- {event}"),
                Some(_) => {}
                None => break,
            },
        }
    }
    println!("-- {}", client.close(Duration::from_secs(5)).await);
    Ok(())
}

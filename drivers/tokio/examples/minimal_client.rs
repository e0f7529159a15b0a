//! The shortest client: sends each line that is typed, prints what arrives, reconnects as long as it takes.
//!
//! ```text
//! cargo run -p heartline-tokio --example minimal_client -- ws://127.0.0.1:8080/
//! ```

use std::error::Error;
use std::time::Duration;

use heartline_tokio::{Client, Outgoing, Received};
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: minimal_client ws://HOST:PORT/PATH")?;
    let (client, mut incoming) = Client::builder(url)
        .request(|dial| async move { Ok(dial.request()?.header("User-Agent", "minimal_client")?) })
        .spawn()?;
    let mut lines = BufReader::new(stdin()).lines();
    loop {
        tokio::select! {
            line = lines.next_line() => match line? {
                Some(line) => {
                    let receipt = client.send(Outgoing::at_most_once(line).expires_in(Duration::from_secs(60))).await?;
                    tokio::spawn(async move { println!("-- {}", receipt.await) });
                }
                None => break,
            },
            received = incoming.next() => match received {
                Some(Received::Message(message)) => println!("{message}"),
                Some(Received::Event(event)) => println!("-- {event}"),
                Some(_) => {}
                None => break,
            },
        }
    }
    println!("-- {}", client.close(Duration::from_secs(5)).await);
    Ok(())
}

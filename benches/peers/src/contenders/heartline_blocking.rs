//! heartline-blocking: `poll` from a loop of the application's.

use heartline_blocking::heartline::State;
use heartline_blocking::heartline::heartbeat::HeartbeatMode;
use heartline_blocking::{Client, Event, Message, Outgoing, Received};

use crate::Outcome;
use crate::load::{Answers as _, Load};
use crate::work::HEARTBEAT;

pub async fn run(url: String, load: Load) -> Outcome {
    tokio::task::spawn_blocking(|| serve(url, load)).await?
}

fn serve(url: String, mut load: Load) -> Outcome {
    let heartbeat = HeartbeatMode::WhenIdle { interval: HEARTBEAT, timeout: HEARTBEAT };
    let mut client = Client::builder(url).heartbeat(heartbeat).build()?;
    while !load.is_done() {
        client.poll(None);
        while let Some(received) = client.try_recv() {
            match received {
                Received::Message(Message::Binary(payload)) => {
                    if let Some(answer) = load.take(&payload) {
                        client.try_send(Outgoing::at_most_once(Message::Binary(answer)))?;
                    }
                }
                Received::Event(Event::StateChanged { to: State::Open, .. }) => {
                    for message in load.opening() {
                        client.try_send(Outgoing::at_most_once(Message::Binary(message)))?;
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

//! heartline-tokio, both ways: a handler in the driver's task, and the two handles.

use std::sync::{Arc, Mutex, PoisonError};

use heartline_tokio::heartline::State;
use heartline_tokio::heartline::heartbeat::HeartbeatMode;
use heartline_tokio::{Builder, Client, Event, Message, Outgoing, Received};
use tungstenite::Bytes;

use crate::Outcome;
use crate::load::{Answers as _, Load};
use crate::work::HEARTBEAT;

fn builder(url: String) -> Builder {
    Client::builder(url).heartbeat(HeartbeatMode::WhenIdle { interval: HEARTBEAT, timeout: HEARTBEAT })
}

/// What there is to send for something that was received.
fn answers(load: &mut Load, received: Received) -> Result<Option<Bytes>, Vec<Bytes>> {
    match received {
        Received::Message(Message::Binary(payload)) => Ok(load.take(&payload)),
        Received::Event(Event::StateChanged { to: State::Open, .. }) => Err(load.opening()),
        _ => Ok(None),
    }
}

fn outgoing(payload: Bytes) -> Outgoing {
    Outgoing::at_most_once(Message::Binary(payload))
}

/// Everything in one task. The last handle dropped ends it.
pub async fn task(url: String, mut load: Load) -> Outcome {
    let handle = Arc::new(Mutex::new(None::<Client>));
    let (client, run) = builder(url).run_with({
        let handle = handle.clone();
        move |received| {
            let send = |payload| {
                let handle = handle.lock().unwrap_or_else(PoisonError::into_inner);
                let client = handle.as_ref().expect("it is dropped at the end");
                drop(client.try_send(outgoing(payload)).expect("there is room"));
            };
            match answers(&mut load, received) {
                Ok(answer) => answer.into_iter().for_each(send),
                Err(opening) => opening.into_iter().for_each(send),
            }
            if load.is_done() {
                handle.lock().unwrap_or_else(PoisonError::into_inner).take();
            }
        }
    })?;
    handle.lock().unwrap_or_else(PoisonError::into_inner).replace(client);
    run.await;
    Ok(())
}

/// The driver in its task, the application in another.
pub async fn client(url: String, mut load: Load) -> Outcome {
    let (client, mut incoming) = builder(url).spawn()?;
    while !load.is_done() {
        let received = incoming.next().await.ok_or("the client ended")?;
        match answers(&mut load, received) {
            Ok(None) => {}
            Ok(Some(answer)) => drop(client.send(outgoing(answer)).await?),
            Err(opening) => {
                for payload in opening {
                    client.send(outgoing(payload)).await?;
                }
            }
        }
    }
    Ok(())
}

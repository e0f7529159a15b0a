//! Requests and replies by async-nats alone.

use async_nats::{Client, Subject};
use futures_util::StreamExt;

use crate::Anything;

fn subject(name: &str) -> Subject {
    format!("bare.{name}").into()
}

/// Answers each request at once, from now on.
pub async fn respond(name: &str, broker: &str) -> Result<(), Anything> {
    let client = async_nats::connect(broker).await?;
    let mut requests = client.subscribe(subject(name)).await?;
    client.flush().await?;
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            let Some(reply) = request.reply else { continue };
            // A connection that is gone is seen by whoever asks.
            _ = client.publish(reply, "routed".into()).await;
        }
    });
    Ok(())
}

/// Asks the responder of this name, which says what a server says of a message.
pub async fn request(client: &Client, name: &str, message: String) -> Result<String, Anything> {
    let reply = client.request(subject(name), message.into()).await?;
    Ok(String::from_utf8(reply.payload.to_vec())?)
}

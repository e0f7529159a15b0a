//! tokio-tungstenite without anything: no heartbeat, no queue, no timer. What a driver cannot do without.

use futures_util::SinkExt as _;
use tokio_tungstenite::connect_async_with_config;
use tungstenite::Message;

use super::buffers;
use crate::Outcome;
use crate::load::Load;
use crate::pump::pump;

pub async fn run(url: String, mut load: Load) -> Outcome {
    let (mut socket, _) = connect_async_with_config(url, Some(buffers()), true).await?;
    for message in load.opening() {
        socket.feed(Message::Binary(message)).await?;
    }
    socket.flush().await?;
    pump(&mut socket, &mut load).await?;
    Ok(())
}

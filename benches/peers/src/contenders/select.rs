//! What a careful application writes by itself: one task with the socket, bounded channels to and from it, a heartbeat,
//! one flush for what was sent together.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::interval;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use tungstenite::{Bytes, Message};

use super::buffers;
use crate::Outcome;
use crate::load::{Answers as _, Load};
use crate::work::HEARTBEAT;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub async fn run(url: String, mut load: Load) -> Outcome {
    let (socket, _) = connect_async_with_config(url, Some(buffers()), true).await?;
    let (outgoing, queue) = mpsc::channel(1024); // as heartline's outbox
    let (inbox, mut incoming) = mpsc::channel::<Bytes>(256); // as heartline's `Incoming`
    tokio::spawn(async {
        if let Err(error) = connection(socket, queue, inbox).await {
            eprintln!("select: {error}");
        }
    });
    for message in load.opening() {
        outgoing.send(message).await?;
    }
    while let Some(payload) = incoming.recv().await {
        if let Some(answer) = load.take(&payload) {
            outgoing.send(answer).await?;
        }
        if load.is_done() {
            break;
        }
    }
    Ok(())
}

async fn connection(mut socket: Socket, mut queue: mpsc::Receiver<Bytes>, inbox: mpsc::Sender<Bytes>) -> Outcome {
    let mut heartbeat = interval(HEARTBEAT);
    let mut alive = true;
    loop {
        tokio::select! {
            message = socket.next() => {
                alive = true;
                match message.ok_or("the server is gone")?? {
                    Message::Binary(payload) => inbox.send(payload).await?,
                    Message::Close(_) => return Ok(()),
                    _ => {}
                }
            }
            first = queue.recv() => {
                let Some(first) = first else { return Ok(()) };
                socket.feed(Message::Binary(first)).await?;
                while let Ok(message) = queue.try_recv() {
                    socket.feed(Message::Binary(message)).await?;
                }
                socket.flush().await?;
            }
            _ = heartbeat.tick() => {
                if !alive {
                    return Err("no sign of life".into());
                }
                alive = false;
                socket.send(Message::Ping(Bytes::new())).await?;
            }
        }
    }
}

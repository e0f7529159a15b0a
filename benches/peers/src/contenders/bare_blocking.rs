//! tungstenite without anything, on a socket that does not block, so that a timer would be possible: `poll`, read what
//! there is, one flush.

use std::io::ErrorKind;
use std::net::TcpStream;

use rustix::event::{PollFd, PollFlags, poll};
use tungstenite::client::{IntoClientRequest as _, client_with_config};
use tungstenite::{Error, Message, WebSocket};

use super::buffers;
use crate::Outcome;
use crate::load::{Answers as _, Load};

pub async fn run(url: String, load: Load) -> Outcome {
    tokio::task::spawn_blocking(|| serve(url, load)).await?
}

fn serve(url: String, mut load: Load) -> Outcome {
    let request = url.into_client_request()?;
    let stream = TcpStream::connect(request.uri().authority().ok_or("no host")?.as_str())?;
    stream.set_nodelay(true)?;
    let (mut socket, _) = client_with_config(request, stream, Some(buffers()))?;
    socket.get_ref().set_nonblocking(true)?;
    for message in load.opening() {
        socket.write(Message::Binary(message))?;
    }
    socket.flush()?;
    while !load.is_done() {
        poll(&mut [PollFd::new(socket.get_ref(), PollFlags::IN)], None)?;
        burst(&mut socket, &mut load)?;
    }
    Ok(())
}

fn burst(socket: &mut WebSocket<TcpStream>, load: &mut Load) -> Outcome {
    let mut written = false;
    loop {
        match socket.read() {
            Ok(Message::Binary(payload)) => {
                if let Some(answer) = load.take(&payload) {
                    socket.write(Message::Binary(answer))?;
                    written = true;
                }
            }
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error.into()),
        }
    }
    if written {
        socket.flush()?;
    }
    Ok(())
}

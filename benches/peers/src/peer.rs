//! The other side, in a process of its own: it sends what the path of the URL says, or returns what it gets, with one
//! flush for each burst that it reads.

use std::io::Write as _;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};
use tungstenite::Bytes;
use tungstenite::handshake::server::{Request, Response};
use tungstenite::protocol::WebSocketConfig;

use crate::load::Answers;
use crate::pump::pump;
use crate::work::{Pace, message};
use crate::{Outcome, runtime};

/// So many bytes are written at once if the client takes them.
const CHUNK: usize = 64 * 1024;

/// Serves on a port of loopback, which it prints.
pub fn serve() -> Outcome {
    runtime().block_on(async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind("127.0.0.1:0".parse()?)?;
        let listener = socket.listen(4096)?;
        println!("{}", listener.local_addr()?.port());
        std::io::stdout().flush()?;
        accept(listener).await
    })
}

async fn accept(listener: TcpListener) -> Outcome {
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection(stream)); // A client that goes, goes without a word; what it misses it reports itself.
    }
}

async fn connection(stream: TcpStream) -> Outcome {
    stream.set_nodelay(true)?;
    let mut path = String::new();
    #[expect(clippy::result_large_err)] // As tungstenite wants it.
    let note = |request: &Request, response: Response| {
        path = request.uri().path().to_owned();
        Ok(response)
    };
    let config = WebSocketConfig::default().read_buffer_size(16 * 1024).write_buffer_size(CHUNK);
    let socket = accept_hdr_async_with_config(stream, note, Some(config)).await?;
    let numbers: Vec<u64> = path.split('/').filter_map(|part| part.parse().ok()).collect();
    match numbers[..] {
        [size, count, burst, micros] => flood(socket, size as usize, count, pace(burst, micros)).await,
        [micros] => echo(socket, pace(0, micros)).await,
        _ => Err(format!("{path} is no work").into()),
    }
}

fn pace(burst: u64, micros: u64) -> Option<Pace> {
    (micros > 0).then(|| Pace { burst, tick: std::time::Duration::from_micros(micros) })
}

fn ticks(pace: Pace) -> Interval {
    let mut ticks = interval(pace.tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

// ---- flood -----------------------------------------------------------------------------------

async fn flood(mut socket: WebSocketStream<TcpStream>, size: usize, count: u64, pace: Option<Pace>) -> Outcome {
    let burst = pace.map_or((CHUNK / size) as u64, |pace| pace.burst);
    let mut ticks = pace.map(ticks);
    let mut frames = Vec::new();
    for first in (0..count).step_by(burst as usize) {
        if let Some(ticks) = &mut ticks {
            ticks.tick().await;
        }
        frames.clear();
        (first..count.min(first + burst)).for_each(|number| frame(&mut frames, number, size));
        socket.get_mut().write_all(&frames).await?;
    }
    pump(&mut socket, &mut Echo { by_burst: false }).await?; // Until the client goes.
    Ok(())
}

/// An unmasked binary frame (RFC 6455 §5.2), of at most 64 KiB.
fn frame(frames: &mut Vec<u8>, number: u64, size: usize) {
    frames.push(0x82);
    match u8::try_from(size) {
        Ok(size @ 0..126) => frames.push(size),
        _ => {
            frames.push(126);
            frames.extend((size as u16).to_be_bytes());
        }
    }
    frames.extend(message(number, size));
}

// ---- echo ------------------------------------------------------------------------------------

struct Echo {
    /// Each burst is a piece of work of its own.
    by_burst: bool,
}

impl Answers for Echo {
    fn take(&mut self, payload: &[u8]) -> Option<Bytes> {
        Some(Bytes::copy_from_slice(payload))
    }

    fn is_done(&self) -> bool {
        self.by_burst
    }
}

async fn echo(mut socket: WebSocketStream<TcpStream>, pace: Option<Pace>) -> Outcome {
    let mut ticks = pace.map(ticks);
    let mut echo = Echo { by_burst: ticks.is_some() };
    loop {
        if let Some(ticks) = &mut ticks {
            ticks.tick().await;
        }
        if !pump(&mut socket, &mut echo).await? {
            return Ok(());
        }
    }
}

//! A peer that never stops sending.

mod support;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use heartline_tokio::{Address, Client, Clock, Outcome, Outgoing, Reason, State};
use support::*;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio_tungstenite::accept_async;

/// A stream on which, once it is told so, more has always arrived already.
struct Flood {
    stream: DuplexStream,
    floods: Arc<AtomicBool>,
}

impl AsyncRead for Flood {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.floods.load(Ordering::Relaxed) {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        while buf.remaining() >= 3 {
            buf.put_slice(&[0x81, 1, b'x']);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn it_does_not_keep_a_message_from_expiring_nor_a_close_from_ending() {
    let floods = Arc::new(AtomicBool::new(false));
    let told = floods.clone();
    let builder = Client::builder("ws://server.test/").clock(Clock::tokio()).connector(move |_: Address| {
        let floods = told.clone();
        async move {
            let (stream, theirs) = tokio::io::duplex(65_536);
            tokio::spawn(async move {
                let _peer = accept_async(theirs).await.expect("a handshake");
                std::future::pending::<()>().await
            });
            Ok(Flood { stream, floods })
        }
    });
    let (client, run) = builder.run_with(drop).expect("valid");
    tokio::spawn(run);
    until(&client, State::Open).await;
    let expiring = Outgoing::at_least_once("expires").expires_in(SECOND);
    let expiring = client.send(expiring).await.expect("room");
    let _kept = client.send(Outgoing::at_least_once("kept")).await.expect("room");
    floods.store(true, Ordering::Relaxed);
    let mut ended = tokio::spawn(async move { (expiring.await, client.close(SECOND).await) });
    // Time does not go on by itself, as the driver is never idle.
    for _ in 0..1000 {
        tokio::time::advance(Duration::from_millis(100)).await;
        if ended.is_finished() {
            break;
        }
    }
    let ended = tokio::time::timeout(Duration::ZERO, &mut ended).await.expect("it ends").expect("no panic");
    assert_eq!(ended.0, Outcome::Unconfirmed(Reason::Expired, text("expires")));
    assert_eq!(ended.1.unconfirmed, 1);
}

//! The best loop over tokio-tungstenite: what has arrived together is answered together, with one flush.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tungstenite::{Error, Message};

use crate::load::Answers;

/// Reads and answers until, at the end of a burst, nothing more is to be done. False if the peer ended it.
pub async fn pump<S>(socket: &mut WebSocketStream<S>, answers: &mut impl Answers) -> Result<bool, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut answer, mut burst) = (None, Burst::default());
    poll_fn(|cx| {
        loop {
            if answer.is_some() {
                ready!(socket.poll_ready_unpin(cx))?;
                socket.start_send_unpin(Message::Binary(answer.take().expect("there is one")))?;
                burst.written = true;
            }
            match socket.poll_next_unpin(cx)? {
                Poll::Ready(Some(Message::Binary(payload))) => {
                    burst.read = true;
                    answer = answers.take(&payload);
                }
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => return Poll::Ready(Ok(false)),
                Poll::Pending => {
                    ready!(burst.end(socket, cx))?;
                    return if burst.read && answers.is_done() { Poll::Ready(Ok(true)) } else { Poll::Pending };
                }
            }
        }
    })
    .await
}

#[derive(Default)]
struct Burst {
    read: bool,
    written: bool,
}

impl Burst {
    fn end<S>(&mut self, socket: &mut WebSocketStream<S>, cx: &mut Context<'_>) -> Poll<Result<(), Error>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if self.written {
            ready!(socket.poll_flush_unpin(cx))?;
            self.written = false;
        }
        Poll::Ready(Ok(()))
    }
}

//! A connection over memory, where a buffer is as small as a test wants it.

use heartline::hub::{Request, Settings};
use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};
use tungstenite::Message;

use super::*;
use crate::codec::{Never, Received};
use crate::context::Cx;
use crate::server::Server;
use crate::{Access, CodecError};

struct Echo;

impl Codec for Echo {
    type User = u32;
    type Login = Never;
    type In = Message;
    type Out = Message;

    fn decode(&self, frame: Message) -> Result<Received<Self>, CodecError> {
        Ok(Received::Message(frame))
    }

    fn encode(&self, frame: &Message) -> Message {
        frame.clone()
    }
}

/// A connection whose socket takes so many bytes that are not read.
fn connection(buffer: usize) -> (Server<Echo>, DuplexStream) {
    let settings = Settings { messages: None, bytes: None, ..Settings::default() };
    let server = Server::builder(Echo, settings)
        .authenticate(|_| async { Ok(Access::Later) })
        .on_message(|cx, frame| async move { Ok(cx.reply(&frame)?) })
        .build()
        .expect("a server");
    let (ours, theirs) = duplex(buffer);
    let request = Request { host: "x", ..Request::default() };
    let user = crate::hub::peer::Login::default();
    let admitted = server.shared().step(|core, now| core.admit(now, &request, user.clone()));
    let cx = Cx::new(server.clone(), admitted.expect("admitted").0, None, None, user);
    tokio::spawn(run(Seat { cx }, ours, None));
    (server, theirs)
}

/// A masked frame with this first byte and 100 bytes of payload.
fn frame(first: u8) -> Vec<u8> {
    [&[first, 0x80 | 100, 0, 0, 0, 0][..], &[b'x'; 100]].concat()
}

/// How many frames are taken before nothing more is, or so many at most.
async fn taken(client: &mut DuplexStream, frame: &[u8], most: usize) -> usize {
    for count in 0..most {
        tokio::select! {
            biased;
            written = client.write_all(frame) => written.expect("written"),
            () = async { for _ in 0..1000 { tokio::task::yield_now().await } } => return count,
        }
    }
    most
}

#[tokio::test]
async fn who_floods_with_pings_and_reads_no_pongs_is_not_read_any_more() {
    let (server, mut client) = connection(1024);
    let taken = taken(&mut client, &frame(0x89), 10_000).await;
    assert!((70..200).contains(&taken), "{taken}: 8 KiB of pongs, and what the buffers of both sides take");
    assert_eq!(server.stats().connections, 1, "it is not closed for that");
}

#[tokio::test]
async fn who_reads_no_answers_is_closed_when_they_exceed_the_budget_and_the_reserve() {
    let (server, mut client) = connection(1024);
    let taken = taken(&mut client, &frame(0x81), 100_000).await;
    let (budget, reserve) = (1024 * 1024, 64 * 1024);
    // Each answer is counted with its payload and 64 bytes. While it closes, what it sends is thrown away.
    assert_eq!(taken, 100_000);
    let stats = server.stats();
    assert_eq!(stats.hub.closed_slow, 1);
    assert!(stats.unwritten <= budget + reserve + 164, "{}", stats.unwritten);
}

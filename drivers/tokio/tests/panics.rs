//! Panics in the application's own code, wherever the driver calls it: everything has its outcome all the same.

mod support;

use std::sync::Arc;
use std::time::Duration;

use heartline_tokio::codec::{Codec, CodecError, Items, Transmission};
use heartline_tokio::heartline::message::Reason;
use heartline_tokio::{EndReason, Message, Outcome, Outgoing, Received, State};
use support::{SECOND, client, until};

/// Texts, with a ping that panics.
struct Tripping;

impl Codec for Tripping {
    type Out = String;
    type In = String;

    fn size(message: &String) -> Result<usize, CodecError> {
        Ok(message.len())
    }

    fn encode(&mut self, message: &String, _: Transmission) -> Result<Message, CodecError> {
        Ok(Message::text(message.as_str()))
    }

    fn decode(&mut self, _: Message, _: &mut Items<String>) -> Result<(), CodecError> {
        Ok(())
    }

    fn ping(&mut self, _: u32) -> Message {
        panic!("no ping")
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_for_behind_a_command_that_panics_is_returned() {
    let (builder, mut network) = client(4096);
    let (client, _incoming) = builder.codec(Tripping).spawn().expect("valid");
    let _peer = network.accept().await;
    until(&client, State::Open).await;
    tokio::time::sleep(SECOND).await;
    client.network_changed(); // Which pings.
    let receipts: Vec<_> = ["a", "b"].map(|text| client.try_send(text.to_owned()).expect("room")).into();
    assert_eq!(client.closed().await.reason, EndReason::Panicked("no ping".into()));
    for (receipt, text) in receipts.into_iter().zip(["a", "b"]) {
        let outcome = tokio::time::timeout(SECOND, receipt).await.expect("an outcome");
        assert_eq!(outcome, Outcome::Returned(Reason::Abandoned, text.into()));
    }
    assert_eq!(client.closed().await.returned, 2);
}

/// A message that panics when it is dropped.
#[derive(Debug)]
struct Fragile(&'static str);

impl Drop for Fragile {
    fn drop(&mut self) {
        assert!(self.0 != "fragile" || std::thread::panicking(), "broken");
    }
}

struct Crate;

impl Codec for Crate {
    type Out = Arc<Fragile>;
    type In = Fragile;

    fn size(_: &Arc<Fragile>) -> Result<usize, CodecError> {
        Ok(1)
    }

    fn encode(&mut self, message: &Arc<Fragile>, _: Transmission) -> Result<Message, CodecError> {
        Ok(Message::text(message.0))
    }

    fn decode(&mut self, _: Message, items: &mut Items<Fragile>) -> Result<(), CodecError> {
        items.push(heartline_tokio::codec::Item::Message(Fragile("fragile")));
        Ok(())
    }
}

fn fragile() -> Outgoing<Arc<Fragile>> {
    Outgoing::at_most_once(Arc::new(Fragile("fragile")))
}

#[tokio::test(start_paused = true)]
async fn messages_that_panic_when_they_are_dropped_hide_no_outcome_and_no_end() {
    for connected in [true, false] {
        let (builder, mut network) = client(4096);
        let (client, mut incoming) = builder.codec(Crate).spawn().expect("valid");
        tokio::task::yield_now().await;
        for _ in 0..3 {
            drop(client.try_send(fragile()).expect("room"));
        }
        let sound = client.try_send(Arc::new(Fragile("sound"))).expect("room");
        let waits = tokio::spawn({
            let client = client.clone();
            async move { client.closed().await }
        });
        let _peer = match connected {
            true => Some(network.accept().await), // Dropped when they are sent.
            false => {
                client.close(Duration::ZERO).await; // Dropped when they are returned.
                None
            }
        };
        let end = tokio::time::timeout(SECOND, waits).await.expect("an end").expect("no panic here");
        let outcome = tokio::time::timeout(SECOND, sound).await.expect("an outcome");
        let returned = matches!(&outcome, Outcome::Returned(Reason::Abandoned, message) if message.0 == "sound");
        assert!(returned, "{outcome:?}");
        assert!(connected || end.returned == 4, "{end:?}");
        while let Some(Received::Event(_)) = incoming.next().await {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_future_that_is_dropped_with_messages_that_panic_when_they_are_dropped_ends_all_the_same() {
    let (builder, _network) = client(4096);
    let (client, mut incoming, mut run) = builder.codec(Crate).run().expect("valid");
    let polled = futures_util::FutureExt::now_or_never(&mut run);
    assert!(polled.is_none());
    drop(client.try_send(fragile()).expect("room"));
    let sound = client.try_send(Arc::new(Fragile("sound"))).expect("room");
    assert!(futures_util::FutureExt::now_or_never(&mut run).is_none());
    drop(client.try_send(fragile()).expect("room"));
    drop(run);
    assert!(matches!(sound.await, Outcome::Returned(Reason::Abandoned, _)));
    let end = tokio::time::timeout(SECOND, client.closed()).await.expect("an end");
    assert_eq!(end.returned, 3);
    while incoming.next().await.is_some() {}
}

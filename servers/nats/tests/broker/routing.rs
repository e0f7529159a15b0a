//! Which nodes packets reach, under which subjects, and in which order.

use futures_util::StreamExt;
use heartline::directory::{Broker, Destination, Input, RoomHash};

use crate::kit::{broker, builder, connected, next, node, reads_until_back, received, room, say, url, within};

#[tokio::test]
async fn a_packet_for_everybody_reaches_every_node_and_its_sender() {
    let Some(broker) = broker("") else { return };
    let (a, b) = (connected("a", &broker).await, connected("b", &broker).await);
    say(&a, &Destination::All, "hello");
    assert_eq!(next(&a).await, received("hello"));
    assert_eq!(next(&b).await, received("hello"));
}

#[tokio::test]
async fn a_packet_for_a_node_reaches_that_node_alone() {
    let Some(broker) = broker("") else { return };
    let (a, b) = (connected("a", &broker).await, connected("b", &broker).await);
    say(&a, &Destination::Node(node("b")), "to b");
    assert_eq!(next(&b).await, received("to b"));
    say(&b, &Destination::Node(node("b")), "to itself");
    assert_eq!(next(&b).await, received("to itself"));
    assert!(reads_until_back(&a, "that was all").await.is_empty());
}

#[tokio::test]
async fn a_packet_for_a_room_reaches_those_who_entered_it_until_they_leave() {
    let Some(broker) = broker("") else { return };
    let (a, b) = (connected("a", &broker).await, connected("b", &broker).await);
    let to = room(7);
    b.subscribe(&to);
    b.subscribe(&to);
    say(&b, &to, "entered");
    assert_eq!(next(&b).await, received("entered"));
    say(&a, &to, "once");
    assert_eq!(next(&b).await, received("once"));
    say(&a, &room(8), "another room");
    b.unsubscribe(&to);
    assert!(reads_until_back(&b, "left").await.is_empty());
    say(&b, &to, "too late");
    assert!(reads_until_back(&b, "that was all").await.is_empty());
    assert_eq!(next(&a).await, received("left"));
    assert_eq!(next(&a).await, received("that was all"));
}

/// So that the first probe of a room comes back, and not only the one a `hello` later.
#[tokio::test]
async fn a_room_is_subscribed_to_before_what_is_published_next() {
    let Some(broker) = broker("") else { return };
    let a = connected("a", &broker).await;
    for hash in 0..500 {
        let to = room(hash);
        a.subscribe(&to);
        say(&a, &to, format!("probe {hash}"));
    }
    let mut probes: Vec<Input> = Vec::new();
    for _ in 0..500 {
        probes.push(next(&a).await);
    }
    for hash in 0..500 {
        assert!(probes.contains(&received(format!("probe {hash}"))), "{hash}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_arrive_in_the_order_in_which_they_were_published() {
    const PACKETS: u32 = 20_000;
    let Some(broker) = broker("") else { return };
    let (a, b) = (connected("a", &broker).await, connected("b", &broker).await);
    let to = Destination::Node(node("b"));
    let reading = tokio::spawn(async move {
        for number in 0..PACKETS {
            assert_eq!(next(&b).await, received(number.to_string()));
        }
    });
    for number in 0..PACKETS {
        say(&a, &to, number.to_string());
        if number % 1000 == 0 {
            within(a.flush()).await;
        }
    }
    reading.await.expect("all of them");
    assert_eq!((a.stats().published, a.stats().unpublished), (u64::from(PACKETS), 0));
}

#[tokio::test]
async fn subjects_have_the_prefix_and_the_node_or_a_hash_and_nothing_else() {
    let Some(broker) = broker("") else { return };
    let everything = async_nats::connect(url(&broker)).await.expect("a connection");
    let mut everything = everything.subscribe(">").await.expect("a subscription");
    let a = builder("a", &broker).prefix("chat.eu").connect().await.expect("a connection");
    for to in [Destination::All, Destination::Node(node("b")), Destination::Room(RoomHash::of(&"hall".into()))] {
        say(&a, &to, "hello");
    }
    let mut subjects = Vec::new();
    while subjects.len() < 3 {
        let message = within(everything.next()).await.expect("a message");
        if !message.payload.is_empty() {
            subjects.push(message.subject.to_string());
        }
    }
    assert_eq!(subjects, ["chat.eu.all", "chat.eu.node.b", "chat.eu.room.61245cb9c93052e48cb4a2f9eaeed9d5"]);
}

#[tokio::test]
async fn another_prefix_is_another_cluster() {
    let Some(broker) = broker("") else { return };
    let a = connected("a", &broker).await;
    let b = builder("b", &broker).prefix("other").connect().await.expect("a connection");
    assert!(reads_until_back(&a, "of a").await.is_empty());
    assert!(reads_until_back(&b, "of b").await.is_empty());
    assert!(reads_until_back(&a, "of a again").await.is_empty());
}

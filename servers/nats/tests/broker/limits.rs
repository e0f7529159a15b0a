//! The bounds of a connection, and what is reported when one is reached.

use heartline::directory::{Broker, Destination, Input};
use heartline_nats::Nats;

use crate::kit::{broker, builder, connected, next, node, reads_until_back, received, say, until, url, within};

const KIBIBYTE: usize = 1024;

/// What waits in a connection, read until nothing is left: how many bytes of packets, and how many interruptions.
fn drain(nats: &Nats) -> (usize, usize) {
    let (mut bytes, mut interruptions) = (0, 0);
    let waker = std::task::Waker::noop();
    while let std::task::Poll::Ready(input) = nats.poll_input(&mut std::task::Context::from_waker(waker)) {
        match input {
            Input::Received { payload } => bytes += payload.len(),
            _ => interruptions += 1,
        }
    }
    (bytes, interruptions)
}

#[tokio::test]
async fn packets_that_are_not_taken_are_bounded_and_an_interruption_comes_before_them() {
    const LIMIT: usize = 256 * KIBIBYTE;
    let Some(broker) = broker("") else { return };
    let a = connected("a", &broker).await;
    let slow = builder("slow", &broker).max_payload(65 * KIBIBYTE as u32).incoming(LIMIT);
    let slow = slow.connect().await.expect("a connection");
    while slow.stats().untaken < 1000 {
        a.publish(&Destination::Node(node("slow")), vec![0; KIBIBYTE]);
        tokio::task::yield_now().await;
    }
    until(|| slow.stats().interruptions > 0).await;
    assert_eq!(next(&slow).await, Input::Interrupted);
    let (bytes, _) = drain(&slow);
    assert!((LIMIT / 2..=LIMIT).contains(&bytes), "{bytes}");
    // It hears again what comes now.
    within(a.flush()).await;
    until(|| {
        drain(&slow);
        say(&a, &Destination::Node(node("slow")), "now");
        slow.stats().received > 1000
    })
    .await;
}

/// Packets that async-nats itself had to drop, as nothing ran here that could take them.
#[test]
fn a_runtime_that_stands_still_while_packets_pour_in_is_interrupted() {
    const PACKETS: u64 = 400_000;
    let Some(broker) = broker("") else { return };
    let (here, there) = (runtime(), runtime());
    let slow = here.block_on(connected("slow", &broker));
    let a = there.block_on(connected("a", &broker));
    there.block_on(async {
        for number in 0..PACKETS {
            say(&a, &Destination::Node(node("slow")), number.to_string());
            if number % 10_000 == 0 {
                within(a.flush()).await;
            }
        }
        // All of them are with the broker now, and in the buffers of the other socket.
        let mut before = reads_until_back(&a, "sent").await;
        before.retain(|input| *input != Input::Interrupted);
        assert!(before.is_empty());
    });
    here.block_on(async {
        until(|| slow.stats().interruptions > 0).await;
        assert_eq!(next(&slow).await, Input::Interrupted);
    });
    assert!(slow.stats().untaken > 0, "{:?}", slow.stats());
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

#[tokio::test]
async fn packets_without_room_are_dropped_and_an_interruption_follows() {
    let Some(broker) = broker("") else { return };
    let a = builder("a", &broker).outgoing(1024 * KIBIBYTE + 256).connect().await.expect("a connection");
    // No other task runs between these.
    for _ in 0..4 {
        a.publish(&Destination::Node(node("nobody")), vec![0; 300 * KIBIBYTE]);
    }
    let stats = a.stats();
    assert_eq!((stats.published, stats.unpublished), (3, 1));
    assert_eq!(next(&a).await, Input::Interrupted);
    assert!(reads_until_back(&a, "after").await.is_empty());
    assert_eq!(a.stats().waiting, 0);
}

#[tokio::test]
async fn a_packet_that_is_too_long_for_this_broker_is_refused_and_costs_no_connection() {
    let Some(mut broker) = broker("") else { return };
    let a = connected("a", &broker).await;
    a.publish(&Destination::All, vec![0; 1024 * KIBIBYTE]);
    assert!(matches!(next(&a).await, Input::Received { payload } if payload.len() == 1024 * KIBIBYTE));
    a.publish(&Destination::All, vec![0; 1024 * KIBIBYTE + 1]);
    assert!(reads_until_back(&a, "the next").await.is_empty());
    assert_eq!((a.stats().too_long, a.stats().reconnects), (1, 0));

    // The one that comes after it takes less.
    broker.kill();
    broker.replace(crate::kit::start("max_payload: 1000").expect("it was there"));
    broker.start_again();
    assert_eq!(next(&a).await, Input::Interrupted);
    a.publish(&Destination::All, vec![0; 1001]);
    assert!(reads_until_back(&a, "the next").await.is_empty());
    assert_eq!((a.stats().too_long, a.stats().reconnects), (2, 1));
}

/// tokio's channels pretend to be full for a task that has used up its budget.
#[tokio::test]
async fn a_task_that_has_used_up_its_budget_can_still_publish() {
    let Some(broker) = broker("") else { return };
    let a = connected("a", &broker).await;
    let budget = tokio::sync::Semaphore::new(1000);
    for _ in 0..1000 {
        let mut acquire = std::pin::pin!(budget.acquire());
        let waker = std::task::Waker::noop();
        _ = acquire.as_mut().poll(&mut std::task::Context::from_waker(waker));
    }
    say(&a, &Destination::All, "hello");
    assert_eq!(next(&a).await, received("hello"));
}

/// A server may publish from threads outside of the runtime of its connection.
#[test]
fn packets_are_published_and_rooms_entered_from_any_thread() {
    let Some(broker) = broker("") else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let a = runtime.block_on(Nats::builder(&node("a"), [url(&broker)]).connect()).expect("a connection");
    a.subscribe(&crate::kit::room(1));
    say(&a, &crate::kit::room(1), "from outside");
    assert_eq!(runtime.block_on(next(&a)), received("from outside"));
    a.unsubscribe(&crate::kit::room(1));
    drop(a);
    drop(runtime);
}

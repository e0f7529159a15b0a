//! Directories on real brokers.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use heartline::CloseCode;
use heartline::directory::{Broker, Config, Destination, Input, Outcome, Settings};
use heartline_axum::cluster::{LocalBroker, LocalLink};

use crate::kit::{broker, builder, connected, node, until};
use crate::member::{Member, config};
use heartline_driver_testing::nats::Brokers;

async fn member(name: &str, broker: &heartline_driver_testing::process::Server) -> Member {
    Member::start(&node(name), connected(name, broker).await, config())
}

/// Whether all of them see these users where they are said to be.
fn agree(members: &[&Member], users: &[(String, Option<&str>)]) -> bool {
    let sees = |member: &Member| users.iter().all(|(user, on)| member.sees(user.as_str()).as_deref() == *on);
    members.iter().all(|member| sees(member))
}

fn users(of: &str, on: Option<&'static str>) -> Vec<(String, Option<&'static str>)> {
    (0..50).map(|number| (format!("{of}{number}"), on)).collect()
}

/// [D4] [D9] [D16]
#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_on_two_brokers_agree_after_one_broker_and_one_node_have_died() {
    let Some(mut brokers) = Brokers::start() else { return };
    let (a, b, c) = (member("a", &brokers.a).await, member("b", &brokers.b).await, member("c", &brokers.b).await);
    for (user, on) in [users("a", Some("a")), users("b", Some("b")), users("c", Some("c"))].concat() {
        let on =
            [("a", &a), ("b", &b), ("c", &c)].into_iter().find(|(name, _)| Some(*name) == on).expect("one of them");
        on.1.log_in(user.as_str());
    }
    let all = [users("a", Some("a")), users("b", Some("b")), users("c", Some("c"))].concat();
    until(|| agree(&[&a, &b, &c], &all)).await;

    brokers.b.kill();
    until(|| b.is_cut_off() && c.is_cut_off() && a.peers() == 0).await;
    assert!(!a.is_cut_off(), "it hears itself");
    assert_eq!(a.online(), 50);
    // They come back where a broker is, while their nodes still have their connections.
    (0..10).for_each(|number| _ = a.log_in(format!("b{number}").as_str()));
    c.kill().await;
    brokers.b.start_again();

    let mut all = [users("a", Some("a")), users("b", Some("b")), users("c", None)].concat();
    all.iter_mut().filter(|(user, _)| user.len() == 2 && user.starts_with('b')).for_each(|(_, on)| *on = Some("a"));
    until(|| agree(&[&a, &b], &all) && b.closed().len() == 10).await;
    assert!(b.closed().iter().all(|(_, code)| *code == CloseCode::CONCURRENT), "{:?}", b.closed());
    assert!(a.closed().is_empty());
    assert!(all.iter().all(|(user, on)| {
        a.connections(user.as_str()) + b.connections(user.as_str()) == usize::from(on.is_some())
    }));
    assert_eq!((a.online(), b.online()), (100, 100));
}

/// [D4] [D10] [D13]
#[tokio::test(flavor = "multi_thread")]
async fn users_on_different_nodes_talk_move_and_share_rooms() {
    let Some(broker) = broker("") else { return };
    let (a, b) = (member("a", &broker).await, member("b", &broker).await);
    let ann = a.log_in("ann");
    b.log_in("bob");
    until(|| a.sees("bob").is_some() && b.sees("ann").is_some()).await;
    (0..100).for_each(|number| a.relay(ann, "bob", &number.to_string()));
    a.relay(ann, "nobody", "lost?");
    until(|| a.outcomes().len() == 101).await;
    let routed = a.outcomes().iter().filter(|outcome| **outcome == Outcome::Routed).count();
    assert_eq!(routed, 100);
    assert!(a.outcomes().contains(&Outcome::Offline));
    assert!(b.delivered().iter().eq((0..100).map(|number| number.to_string()).collect::<Vec<_>>().iter()));

    b.report(Input::EnterRoom { room: "lobby".into() });
    until(|| b.entered() == [true]).await;
    let (except, message) = (Vec::new(), b"to the lobby".to_vec());
    a.report(Input::Broadcast { from: None, room: Some("lobby".into()), except, message, volatile: false });
    until(|| b.broadcasts() == ["to the lobby"]).await;

    b.log_in("ann");
    until(|| a.closed() == [("ann".into(), CloseCode::SUPERSEDED)]).await;
    until(|| a.sees("ann").as_deref() == Some("b")).await;
    assert_eq!(a.connections("ann") + b.connections("ann"), 1);
}

/// [D14] Nobody waits for the lease.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_leaves_is_gone_at_once() {
    let Some(broker) = broker("") else { return };
    let lease = Duration::from_secs(600);
    let patient = Config::new(Settings { lease, ..Settings::default() }).expect("within range");
    let start = async |name: &str| {
        Member::start(&node(name), builder(name, &broker).connect().await.expect("a connection"), patient.clone())
    };
    let (a, b) = (start("a").await, start("b").await);
    b.log_in("bob");
    until(|| a.sees("bob").is_some()).await;
    b.leave().await;
    until(|| a.peers() == 0 && a.sees("bob").is_none()).await;
}

/// A connection that writes down when it publishes, and when a flush has ended.
struct Noted {
    link: LocalLink,
    notes: Arc<Mutex<Vec<&'static str>>>,
}

impl Noted {
    fn note(&self, what: &'static str) {
        self.notes.lock().expect("no panic").push(what);
    }
}

impl Broker for Noted {
    fn publish(&self, to: &Destination, payload: Vec<u8>) {
        self.note("published");
        self.link.publish(to, payload);
    }

    fn subscribe(&self, to: &Destination) {
        self.link.subscribe(to);
    }

    fn unsubscribe(&self, to: &Destination) {
        self.link.unsubscribe(to);
    }

    fn poll_input(&self, context: &mut Context<'_>) -> Poll<Input> {
        self.link.poll_input(context)
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            tokio::task::yield_now().await;
            self.note("flushed");
        })
    }
}

#[tokio::test]
async fn the_loop_ends_when_the_goodbye_has_left() {
    let notes = Arc::<Mutex<Vec<_>>>::default();
    let noted = Noted { link: LocalBroker::default().connect(&node("a")), notes: notes.clone() };
    Member::start(&node("a"), noted, config()).leave().await;
    assert!(notes.lock().expect("no panic").ends_with(&["published", "flushed"]));
}

/// [D9] The same loop, on a broker that is no broker.
#[tokio::test(flavor = "multi_thread")]
async fn the_loop_runs_on_a_broker_within_the_process() {
    let broker = LocalBroker::default();
    let start = |name: &str| Member::start(&node(name), broker.connect(&node(name)), config());
    let (a, b) = (start("a"), start("b"));
    a.log_in("ann");
    until(|| b.sees("ann").as_deref() == Some("a")).await;
    b.leave().await;
    until(|| a.peers() == 0).await;
    assert!(!a.is_cut_off());
}

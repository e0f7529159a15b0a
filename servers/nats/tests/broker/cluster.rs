//! Two brokers that are one.

use heartline::directory::{Destination, Input};
use heartline_driver_testing::process::Server;
use heartline_testkit::faults::Link;

use crate::kit::{connected, hears, next, node, reads_until_back, received, say, start, until, within};

/// Two brokers, and the link between them. Neither tells clients of the other.
pub struct Cluster {
    pub a: Server,
    pub b: Server,
    route: Link,
}

impl Cluster {
    pub fn start() -> Option<Self> {
        let options = ["--cluster_name", "test", "--no_advertise", "--cluster"];
        let a = start("", move |place| {
            let ports = ["nats://127.0.0.1:-1", "--ports_file_dir"].map(Into::into);
            options.map(Into::into).into_iter().chain(ports).chain([place.directory.clone().into()]).collect()
        })?;
        let a = Server::start(a);
        a.listens();
        let route = Link::to(cluster_address(&a)).expect("a port");
        let address = route.address();
        let b = start("", move |_| {
            let routes = ["nats://127.0.0.1:-1".into(), "--routes".into(), format!("nats://{address}").into()];
            options.map(Into::into).into_iter().chain(routes).collect()
        })?;
        let b = Server::start(b);
        b.listens();
        Some(Self { a, b, route })
    }
}

/// Where other brokers find this one, from the file that it has written.
fn cluster_address(broker: &Server) -> std::net::SocketAddr {
    let began = std::time::Instant::now();
    loop {
        assert!(began.elapsed() < heartline_driver_testing::PATIENCE, "no file of ports");
        let files = std::fs::read_dir(&broker.place.directory).expect("a directory of our own").flatten();
        let ports = files.map(|file| file.path()).find(|path| path.extension().is_some_and(|found| found == "ports"));
        let text = ports.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        let parsed: Option<serde_json::Value> = serde_json::from_str(&text).ok();
        let url = parsed.as_ref().and_then(|ports| ports["cluster"][0].as_str());
        if let Some(address) = url.and_then(|url| url.strip_prefix("nats://")) {
            return address.parse().expect("an address");
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[tokio::test]
async fn packets_cross_from_broker_to_broker() {
    let Some(cluster) = Cluster::start() else { return };
    let (a, b) = (connected("a", &cluster.a).await, connected("b", &cluster.b).await);
    hears(&b, &a).await;
    hears(&a, &b).await;
}

#[tokio::test]
async fn a_broker_that_hangs_cuts_off_its_own_nodes_alone() {
    let Some(cluster) = Cluster::start() else { return };
    let (a, b) = (connected("a", &cluster.a).await, connected("b", &cluster.b).await);
    hears(&b, &a).await;
    cluster.b.stop();
    until(|| !b.is_connected()).await;
    reads_until_back(&a, "alone").await;
    assert_eq!(a.stats().interruptions, 0);
    cluster.b.go_on();
    within(async { while b.input().await != Input::Interrupted {} }).await;
    hears(&b, &a).await;
    hears(&a, &b).await;
    assert_eq!((a.stats().interruptions, b.stats().interruptions), (0, 1));
}

/// Each node hears itself, so that neither is cut off.
#[tokio::test]
async fn a_silent_route_delivers_late_and_a_cut_one_loses() {
    let Some(cluster) = Cluster::start() else { return };
    let (a, b) = (connected("a", &cluster.a).await, connected("b", &cluster.b).await);
    let to_b = Destination::Node(node("b"));
    hears(&b, &a).await;

    cluster.route.silence();
    reads_until_back(&b, "b has read all").await;
    say(&a, &to_b, "late");
    reads_until_back(&a, "a hears itself").await;
    assert!(reads_until_back(&b, "b hears itself").await.is_empty());
    cluster.route.resume();
    within(async { while b.input().await != received("late") {} }).await;

    cluster.route.silence();
    say(&a, &to_b, "lost");
    reads_until_back(&a, "a hears itself still").await;
    cluster.route.heal();
    let mut before = hears(&b, &a).await;
    say(&a, &to_b, "again");
    while before.last() != Some(&received("again")) {
        before.push(next(&b).await);
    }
    assert!(!before.contains(&received("lost")), "{before:?}");
    assert_eq!((a.stats().interruptions, b.stats().interruptions), (0, 0));
}

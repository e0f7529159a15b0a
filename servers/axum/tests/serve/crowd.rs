//! More sockets than there is room for.

use std::net::SocketAddr;

use heartline_axum::Proxies;
use heartline_axum::serve::Limits;
use heartline_driver_testing::stopped::{Child, is_child, say};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;

use crate::support::{Client, SOON, Server, patient};

#[tokio::test]
async fn one_source_with_300_silent_sockets_does_not_keep_another_out() {
    let server = Server::start(Limits { max_connections: 40, max_per_source: 8, ..patient() }).await;
    let mut crowd = Vec::new();
    for _ in 0..300 {
        crowd.extend(server.client_if_let().await);
    }
    assert!(server.client_from([127, 0, 0, 2]).await.get("/").await.ends_with("hello!"));
    server.counts(|counts| counts.refused_source == 292 && counts.refused_full == 0 && counts.accepted == 9).await;
    for refused in crowd.iter_mut().skip(8) {
        assert_eq!(refused.read_all().await, "");
    }
    // One that leaves makes room for one.
    drop(crowd);
    server.counts(|counts| counts.open == 0).await;
    assert!(server.client().await.get("/").await.ends_with("hello!"));
}

#[tokio::test]
async fn above_the_total_a_socket_is_closed_at_once() {
    let server = Server::start(Limits { max_connections: 2, ..patient() }).await;
    let mut held = [server.client().await, server.client().await];
    for client in &mut held {
        client.get("/").await;
    }
    if let Some(mut refused) = server.client_if_let().await {
        assert_eq!(refused.read_all().await, "");
    }
    server.counts(|counts| counts.refused_full == 1 && counts.open == 2).await;
    drop(held);
    server.counts(|counts| counts.open == 0).await;
    assert!(server.client().await.get("/").await.ends_with("hello!"));
}

#[tokio::test]
async fn a_trusted_proxy_is_no_source() {
    let network = "127.0.0.1/32".parse().expect("a network");
    let limits = Limits { max_per_source: 1, ..patient() };
    let server = Server::with(limits, |serve| serve.proxies(Proxies::trusting([network]))).await;
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(server.client().await);
        held.last_mut().expect("a client").get("/").await;
    }
}

const DESCRIPTORS: u64 = 256;

/// In the child the server, with 256 descriptors: the accept loop runs into EMFILE.
#[tokio::test]
async fn silent_sockets_up_to_the_descriptor_limit_do_not_stall_or_spin_the_accept_loop() {
    if is_child() {
        return with_few_descriptors().await;
    }
    let mut child = Child::run("crowd::silent_sockets_up_to_the_descriptor_limit_do_not_stall_or_spin_the_accept_loop");
    let address: SocketAddr = child.hear().parse().expect("an address");
    let full = spawn_blocking(move || (child.hear(), child));
    let mut crowd = Vec::new();
    while !full.is_finished() || crowd.len() < 300 {
        crowd.push(Client(TcpStream::connect(address).await.expect("a place in the queue")));
    }
    let (said, mut child) = full.await.expect("a child");
    assert_eq!(said, "out of descriptors");
    let mut client = Client(TcpStream::connect(address).await.expect("a place in the queue"));
    assert!(client.get("/").await.ends_with("hello!"));
    for silent in &mut crowd {
        assert_eq!(silent.read_all().await, "");
    }
    drop(client);
    let errors: u64 = child.hear().parse().expect("a number");
    // A few for each tenth of a second; a loop that spins has them by the hundred thousand.
    assert!((1..1000).contains(&errors), "{errors}");
}

async fn with_few_descriptors() {
    limit_descriptors();
    let server = Server::start(Limits { max_per_source: 10_000, header_timeout: 10 * SOON, ..patient() }).await;
    say(server.address);
    server.counts(|counts| counts.accept_errors > 0).await;
    say("out of descriptors");
    server.counts(|counts| counts.accepted > DESCRIPTORS && counts.open == 0).await;
    say(server.monitor.stats().accept_errors);
}

fn limit_descriptors() {
    let limit = Rlimit { current: Some(DESCRIPTORS), ..getrlimit(Resource::Nofile) };
    setrlimit(Resource::Nofile, limit).expect("fewer descriptors");
}

/// In the child the server, whose descriptors somebody else has.
#[tokio::test]
async fn descriptors_that_come_free_elsewhere_are_noticed() {
    if is_child() {
        limit_descriptors();
        let server = Server::start(patient()).await;
        let files: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
        say(server.address);
        server.counts(|counts| counts.accept_errors > 0).await;
        drop(files);
        return server.counts(|counts| counts.accepted == 1 && counts.open == 0).await;
    }
    let mut child = Child::run("crowd::descriptors_that_come_free_elsewhere_are_noticed");
    let address: SocketAddr = child.hear().parse().expect("an address");
    let mut client = Client(TcpStream::connect(address).await.expect("a place in the queue"));
    assert!(client.get("/").await.ends_with("hello!"));
}

//! Subscriptions that a broker refuses or takes away.

use std::fs;
use std::process::Command;
use std::time::Duration;

use async_nats::ConnectOptions;
use heartline::directory::{Broker, Config, Destination, Input, Settings};
use heartline_driver_testing::process::Server;

use crate::kit::{broker, builder, connected, next, node, reads_until_back, received, room, say, until};
use crate::member::Member;

/// A second until a room is reported as unconfirmed, and again until it is subscribed to anew.
fn hasty() -> Config {
    let second = Duration::from_secs(1);
    let settings = Settings { hello: second / 4, lease: second, relay_timeout: second, ..Settings::default() };
    Config::new(settings).expect("within range")
}

/// [D13]
#[tokio::test(flavor = "multi_thread")]
async fn a_room_for_which_the_broker_had_no_subscription_left_is_confirmed_once_it_has() {
    // All nodes, this one, and one room.
    let Some(broker) = broker("max_subscriptions: 3") else { return };
    let a = Member::start(&node("a"), connected("a", &broker).await, hasty());
    a.report(Input::EnterRoom { room: "one".into() });
    until(|| a.entered() == [true]).await;
    a.report(Input::EnterRoom { room: "two".into() });
    until(|| a.entered() == [true, false]).await;
    a.report(Input::LeaveRoom { room: "one".into() });
    until(|| a.entered() == [true, false, true]).await;
}

#[tokio::test]
async fn at_the_broker_s_limit_a_subscription_can_be_made_again() {
    let Some(broker) = broker("max_subscriptions: 3") else { return };
    let a = connected("a", &broker).await;
    for to in [room(1), Destination::Node(node("a")), Destination::All, room(1)] {
        a.subscribe(&to);
    }
    for to in [room(1), Destination::Node(node("a")), Destination::All] {
        say(&a, &to, "still there");
        assert_eq!(next(&a).await, received("still there"));
    }
    assert!(reads_until_back(&a, "that was all").await.is_empty());
}

/// Gives the broker another configuration, which it reads without ending.
fn reload(broker: &Server, config: &str) {
    fs::write(broker.place.directory.join("config"), config).expect("a file");
    let done = Command::new("kill").args(["-HUP", &broker.id().to_string()]).status().expect("kill");
    assert!(done.success());
}

/// [D9]
#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_permission_to_subscribe_was_taken_for_a_while_recovers_by_itself() {
    let permitted = |denied: &str| {
        let permissions = format!("permissions: {{ subscribe: {{ deny: \"{denied}\" }} }}");
        let users = format!("{{ user: ann, password: p, {permissions} }}, {{ user: bob, password: p }}");
        format!("authorization {{ users: [ {users} ] }}")
    };
    let member = async |name: &str, user: &str, broker: &Server| {
        let options = ConnectOptions::with_user_and_password(user.into(), "p".into());
        let nats = builder(name, broker).options(options).connect().await.expect("a connection");
        Member::start(&node(name), nats, hasty())
    };
    let Some(broker) = broker(&permitted("other.>")) else { return };
    let (a, b) = (member("a", "ann", &broker).await, member("b", "bob", &broker).await);
    a.report(Input::EnterRoom { room: "one".into() });
    until(|| a.entered() == [true]).await;

    reload(&broker, &permitted("heartline.>"));
    until(|| a.is_cut_off()).await;
    reload(&broker, &permitted("other.>"));
    until(|| !a.is_cut_off()).await;
    let message = b"are you there?".to_vec();
    let broadcast = Input::Broadcast { from: None, room: Some("one".into()), except: vec![], message, volatile: false };
    until(|| {
        b.report(broadcast.clone());
        !a.broadcasts().is_empty()
    })
    .await;
}

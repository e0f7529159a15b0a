//! What the server promises to those who behave.

use std::time::Duration;

use heartline::hub::{Admission, Settings};
use heartline_axum::{Audience, FrameLimits, SendError};
use tungstenite::Message;

use crate::site::{Site, plain, quiet, refused};

#[tokio::test]
async fn users_who_logged_in_by_their_requests_or_by_a_message_speak_to_each_other() {
    let site = Site::start(plain(quiet())).await;
    let (mut ann, mut bob) = (site.enter("ann").await, site.dial().await);
    assert_eq!(bob.ask("to ann|psst").await, "ann: the sender is not logged in");
    assert_eq!(bob.ask("login bob|").await, "hello bob");
    for number in 0..100 {
        ann.say(&format!("to bob|{number}")).await;
    }
    for number in 0..100 {
        assert_eq!(bob.receive().await, format!("ann: {number}"));
    }
    assert_eq!(bob.ask("to nobody|?").await, "nobody: the user is not online");
    ann.ping().await;
}

#[tokio::test]
async fn what_is_encoded_as_binary_arrives_as_binary_and_both_are_decoded() {
    let site = Site::start(plain(quiet())).await;
    let mut ann = site.enter("ann").await;
    ann.say("echo 0xabc").await;
    assert_eq!(ann.frame().await, Message::binary("abc"));
    futures_util::SinkExt::send(&mut ann.socket, Message::binary("echo text")).await.expect("sent");
    assert_eq!(ann.receive().await, "text");
}

#[tokio::test]
async fn a_broadcast_reaches_everybody_online_but_the_sender_and_the_servers_own_everybody() {
    let site = Site::start(plain(quiet())).await;
    let (mut ann, mut bob) = (site.enter("ann").await, site.enter("bob").await);
    let mut anonymous = site.dial().await;
    assert_eq!(ann.ask("all hear").await, "reached 1");
    assert_eq!(bob.receive().await, "ann to all: hear");
    let reached = site.server.broadcast(Audience::All, &"news".to_owned()).expect("sent");
    assert_eq!((reached.reached, reached.missed), (2, 0));
    assert_eq!((ann.receive().await, bob.receive().await), ("news".into(), "news".into()));
    anonymous.ping().await;
}

#[tokio::test]
async fn a_feed_reaches_single_users_and_learns_who_is_offline() {
    let site = Site::start(plain(quiet())).await;
    let mut ann = site.enter("ann").await;
    assert_eq!(site.server.send(&"ann".into(), &"news".into()), Ok(()));
    assert_eq!(ann.receive().await, "news");
    assert_eq!(site.server.send(&"bob".into(), &"news".into()), Err(SendError::Offline));
    let huge = "x".repeat(512 * 1024 + 1);
    assert_eq!(site.server.send(&"ann".into(), &huge), Err(SendError::Unsendable));
    assert_eq!(site.server.online(10), (vec!["ann".to_owned()], 1));
}

#[tokio::test]
async fn denials_have_a_status_a_time_to_come_back_and_a_text() {
    let settings = Settings { max_connections: 1, retry_after: Duration::from_secs(30), ..quiet() };
    let site = Site::start(plain(settings)).await;
    let denied = refused(site.try_dial(&[("Authorization", "Bearer mallory")]).await);
    assert_eq!(denied, (401, Some(2), "no valid token".into()));
    let (status, wait, text) = refused(site.try_dial(&[("Origin", "http://evil.example")]).await);
    assert_eq!((status, wait, text.as_str()), (403, None, "this origin is not allowed"));
    let own = format!("http://{}", site.address);
    assert_eq!(refused(site.try_dial(&[("Origin", &own), ("Origin", "http://evil.example")]).await).0, 400);
    let _only = site.enter("ann").await;
    let (status, wait, text) = refused(site.try_dial(&[]).await);
    assert_eq!((status, text.as_str()), (503, "too many connections"));
    assert!((30..=60).contains(&wait.expect("a time")), "{wait:?}");
    assert_eq!(site.server.stats().connections, 1, "a denied request leaves nothing behind");
}

#[tokio::test]
async fn the_hub_chooses_the_subprotocol_by_the_servers_preference() {
    let admission = Admission { protocols: vec!["chat.v2".into(), "chat.v1".into()], ..Admission::default() };
    let site = Site::start(plain(Settings { admission, ..quiet() })).await;
    let client = site.try_dial(&[("Sec-WebSocket-Protocol", "chat.v1, chat.v2")]).await.expect("the handshake");
    assert_eq!(client.response.headers()["Sec-WebSocket-Protocol"], "chat.v2");
}

#[tokio::test]
async fn who_sets_one_limit_keeps_the_servers_others() {
    let limits = FrameLimits { write_buffer: 32 * 1024, ..FrameLimits::default() };
    let site = Site::start(plain(quiet()).limits(limits)).await;
    let mut ann = site.enter("ann").await;
    ann.say(&format!("echo {}", "x".repeat(64 * 1024 - 5))).await;
    assert_eq!(ann.receive().await.len(), 64 * 1024 - 5);
    ann.say(&"x".repeat(64 * 1024 + 1)).await;
    assert_eq!(ann.closed().await.0, 1009);
    let limits = FrameLimits { max_inbound_message: 128 * 1024, ..FrameLimits::default() };
    let site = Site::start(plain(quiet()).limits(limits)).await;
    let mut ann = site.enter("ann").await;
    ann.say(&format!("echo {}", "x".repeat(100_000))).await;
    assert_eq!(ann.receive().await.len(), 100_000, "in one frame");
}

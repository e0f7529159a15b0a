//! What the server promises to those who behave.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use heartline::heartbeat::HeartbeatMode;
use heartline::hub::{SecondLogin, Settings};
use serde_json::json;
use tokio::net::TcpStream;
use tungstenite::Message;

use crate::client::{Site, refused, soon, stop};
use crate::{HOUR, MILLI, heartbeat, quiet};
use heartline_example_server::Options;

/// [U3] [U4] [U6]
#[tokio::test]
async fn managers_and_devices_speak_across_their_registries() {
    let site = Site::start(quiet()).await;
    let mut manager = site.enter("/goLink/manager/7").await;
    let mut device = site.enter("/goLink/device/7").await;
    let mut other = site.enter("/goLink/device/caf%C3%A9%208").await;
    for event in ["open_screen", "stop_screen"] {
        manager.send(json!({"event": event, "to_user": "7"})).await;
        assert_eq!(device.receive().await, json!({"event": event, "from_user": "7"}));
        manager.send(json!({"event": event, "to_user": "café 8"})).await;
        assert_eq!(other.receive().await, json!({"event": event, "from_user": "7"}));
        other.send(json!({"event": event, "to_user": "7"})).await;
        assert_eq!(manager.receive().await, json!({"event": event, "from_user": "café 8"}));
        let offline = json!({"event": "offline", "to_user": "9", "id": null});
        assert_eq!(manager.ask(json!({"event": event, "to_user": "9"})).await, offline);
    }
    let users = ["bystander", "manager/7", "device/7", "device/café 8"];
    let online = json!({"event": "online", "count": 4, "users": users});
    assert_eq!(manager.ask(json!({"event": "who"})).await, online);
    for client in [&mut manager, &mut device, &mut other] {
        client.heart().await;
    }
    site.end().await;
}

/// [U6]
#[tokio::test]
async fn messages_between_two_arrive_in_order_and_each_outcome_is_reported() {
    let site = Site::start(quiet()).await;
    let (mut ann, mut bob) = (site.login("ann").await, site.login("bob").await);
    for id in 0..500 {
        ann.send(json!({"event": "send", "to": "bob", "text": format!("{id}"), "id": id})).await;
    }
    for id in 0..500 {
        let message = json!({"event": "message", "from": "ann", "text": format!("{id}"), "id": id});
        assert_eq!(bob.receive().await, message);
        assert_eq!(ann.receive().await, json!({"event": "sent", "id": id, "reached": 1}));
    }
    let offline = json!({"event": "offline", "to_user": "nobody", "id": 7});
    assert_eq!(ann.ask(json!({"event": "send", "to": "nobody", "text": "?", "id": 7})).await, offline);
    site.end().await;
}

/// [U7]
#[tokio::test]
async fn a_broadcast_reaches_everybody_online_but_the_sender() {
    let site = Site::alone(Options { hub: quiet(), ..Options::default() }).await;
    let (mut ann, mut bob) = (site.login("ann").await, site.login("bob").await);
    let mut device = site.enter("/goLink/device/1").await;
    let mut anonymous = site.dial().await;
    let sent = ann.ask(json!({"event": "say", "text": "all of you", "id": 3})).await;
    assert_eq!(sent, json!({"event": "sent", "id": 3, "reached": 2}));
    for client in [&mut bob, &mut device] {
        assert_eq!(client.receive().await, json!({"event": "say", "from": "ann", "text": "all of you"}));
    }
    device.send(json!({"event": "say", "text": "beep"})).await;
    assert_eq!(bob.receive().await, json!({"event": "say", "from": "device/1", "text": "beep"}));
    for client in [&mut bob, &mut device, &mut anonymous] {
        client.heart().await;
    }
}

/// [U4] [U5] [U10]
#[tokio::test]
async fn the_late_close_of_a_replaced_connection_is_harmless() {
    let site = Site::start(quiet()).await;
    let mut watcher = site.login("watcher").await;
    assert_eq!(watcher.ask(json!({"event": "who", "watch": true})).await["count"], 2);
    let old = site.login("ann").await;
    assert_eq!(watcher.receive().await, json!({"event": "joined", "user": "ann", "count": 3}));
    let mut new = site.login("ann").await;
    assert_eq!(old.closed().await, (4409, String::new()));
    new.heart().await;
    let sent = watcher.ask(json!({"event": "send", "to": "ann", "text": "still there?", "id": 1})).await;
    assert_eq!((&sent["event"], &new.receive().await["from"]), (&json!("sent"), &json!("watcher")));
    drop(new);
    assert_eq!(watcher.receive().await, json!({"event": "left", "user": "ann", "count": 2}));
    site.end().await;
}

/// [U4]
#[tokio::test]
async fn a_second_login_is_refused_where_the_first_is_to_stay() {
    let site = Site::start(Settings { second_login: SecondLogin::Refuse, ..quiet() }).await;
    let mut first = site.login("ann").await;
    let refused = site.dial().await.ask(json!({"event": "login", "user": "ann"})).await;
    assert_eq!(refused, json!({"event": "refused", "msg": "the user is connected already"}));
    first.heart().await;
    site.end().await;
}

/// [U8]
#[tokio::test]
async fn a_client_that_only_answers_pings_stays() {
    let mode = HeartbeatMode::WhenIdle { interval: 5 * MILLI, timeout: HOUR };
    let site = Site::start(Settings { heartbeat: heartbeat(mode, HOUR), ..quiet() }).await;
    let mut ann = site.login("ann").await;
    for _ in 0..5 {
        let frame = soon("ping", ann.socket.next()).await;
        assert!(matches!(frame, Some(Ok(Message::Ping(_)))), "{frame:?}");
    }
    ann.heart().await;
    let server = site.end().await;
    let (stats, _) = tokio::join!(stop(server), ann.closed());
    assert!(stats.pings >= 5 && stats.closed_silent == 0, "{stats:?}");
}

/// [U12]
#[tokio::test]
async fn a_stop_asks_everybody_to_come_back_spread_out() {
    let spread = Duration::from_secs(100);
    let mut site = Site::alone(Options { hub: quiet(), spread, within: HOUR, ..Options::default() }).await;
    let mut clients = vec![site.dial().await];
    for number in 0..20 {
        clients.push(site.login(&format!("user{number}")).await);
    }
    site.server.stop().await;
    // They have not answered their close frames yet, so the server is still there, and takes nobody.
    let (status, wait) = refused(site.try_dial(&[]).await);
    assert_eq!((status, wait.is_some()), (503, true));
    let mut waits = BTreeSet::new();
    for client in clients {
        let (code, reason) = client.closed().await;
        assert_eq!(code, 1012);
        let wait: u128 = reason.strip_prefix("retry-after-ms=").expect(&reason).parse().expect("a number");
        assert!(wait <= spread.as_millis(), "{wait}");
        waits.insert(wait);
    }
    assert!(waits.len() > 10, "hardly spread: {waits:?}");
    let stats = soon("stop", site.server.finished()).await;
    assert_eq!((stats.admitted, stats.denied), (21, 1));
    assert!(TcpStream::connect(site.server.address).await.is_err(), "nobody listens any more");
}

/// [U12]
#[tokio::test]
async fn a_stop_ends_although_a_client_does_not() {
    let site = Site::alone(Options { hub: quiet(), within: 50 * MILLI, ..Options::default() }).await;
    let stubborn = site.login("stubborn").await;
    stop(site.server).await;
    drop(stubborn);
}

/// [U5]
#[tokio::test]
async fn what_is_sent_while_the_network_is_bad_arrives_later() {
    let site = Site::start(quiet()).await;
    let (mut ann, mut bob) = (site.login("ann").await, site.login("bob").await);
    site.server.pause();
    ann.send(json!({"event": "send", "to": "bob", "text": "late", "id": 1})).await;
    tokio::select! {
        biased;
        event = bob.receive() => panic!("{event} through a paused server"),
        // Whatever could have come has had its turn.
        () = async { for _ in 0..1000 { tokio::task::yield_now().await } } => {}
    }
    site.server.resume();
    assert_eq!(bob.receive().await["text"], "late");
    assert_eq!(ann.receive().await["event"], "sent");
    site.end().await;
}

/// [U4] [U5]
#[tokio::test]
async fn a_dial_that_was_given_up_does_not_replace_the_next_one() {
    let site = Site::start(quiet()).await;
    let mut manager = site.enter("/goLink/manager/1").await;
    for round in 0..10 {
        let path = format!("/goLink/device/{round}");
        site.server.pause();
        for _ in 0..5 {
            drop(site.connect(&site.upgrade(&path, "")).await);
        }
        let resume = async {
            for _ in 0..200 {
                tokio::task::yield_now().await; // The last dial waits beside the others.
            }
            site.server.resume();
        };
        let (mut living, ()) = tokio::join!(site.enter(&path), resume);
        for _ in 0..10 {
            living.heart().await;
        }
        manager.send(json!({"event": "open_screen", "to_user": round.to_string()})).await;
        assert_eq!(living.receive().await["event"], "open_screen");
    }
    site.end().await;
}

#[tokio::test]
async fn the_page_is_served_and_the_server_paused_where_that_is_allowed() {
    let site = Site::with(Options { hub: quiet(), admin: true, ..Options::default() }).await;
    let page = site.request("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("</html>\n"), "{page}");
    let foreign = "POST /pause HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\n\r\n";
    assert!(site.request(foreign).await.starts_with("HTTP/1.1 403 "));
    let mut ann = site.login("ann").await;
    assert!(site.request("POST /pause HTTP/1.1\r\nHost: x\r\n\r\n").await.starts_with("HTTP/1.1 204 "));
    assert!(site.server.is_paused());
    ann.send(json!({"event": "heart"})).await;
    assert!(site.request("POST /resume HTTP/1.1\r\nHost: x\r\n\r\n").await.starts_with("HTTP/1.1 204 "));
    assert_eq!(ann.receive().await["event"], "heart");
    site.end().await;
}

//! What the server promises to those who behave.

use std::collections::BTreeSet;
use std::time::Duration;

use heartline::hub::{SecondLogin, Settings};
use heartline::{Pulse, Rhythm};
use serde_json::json;
use tokio::net::TcpStream;

use crate::client::{Bystander, Client, refused, request, soon};
use crate::server::{Options, start};
use crate::{HOUR, MILLI, quiet, serve};

/// [U3] [U4] [U6]
#[tokio::test]
async fn managers_and_devices_speak_across_their_registries() {
    let server = serve(quiet()).await;
    let bystander = Bystander::enter(server.address).await;
    let mut manager = Client::enter(server.address, "/goLink/manager/7").await;
    let mut device = Client::enter(server.address, "/goLink/device/7").await;
    let mut other = Client::enter(server.address, "/goLink/device/caf%C3%A9%208").await;
    for event in ["open_screen", "stop_screen"] {
        manager.say(json!({"event": event, "to_user": "7"})).await;
        assert_eq!(device.hear().await, json!({"event": event, "from_user": "7"}));
        manager.say(json!({"event": event, "to_user": "café 8"})).await;
        assert_eq!(other.hear().await, json!({"event": event, "from_user": "7"}));
        other.say(json!({"event": event, "to_user": "7"})).await;
        assert_eq!(manager.hear().await, json!({"event": event, "from_user": "café 8"}));
        manager.say(json!({"event": event, "to_user": "9"})).await;
        assert_eq!(manager.hear().await, json!({"event": "offline", "to_user": "9", "id": null}));
    }
    manager.say(json!({"event": "who"})).await;
    let users = ["bystander", "manager/7", "device/7", "device/café 8"];
    assert_eq!(manager.hear().await, json!({"event": "online", "count": 4, "users": users}));
    for client in [&mut manager, &mut device, &mut other] {
        client.heart().await;
    }
    bystander.unharmed().await;
}

/// [U6]
#[tokio::test]
async fn messages_between_two_arrive_in_order_and_their_fate_is_told() {
    let server = serve(quiet()).await;
    let bystander = Bystander::enter(server.address).await;
    let mut ann = Client::login(server.address, "ann").await;
    let mut bob = Client::login(server.address, "bob").await;
    for id in 0..500 {
        ann.say(json!({"event": "send", "to": "bob", "text": format!("{id}"), "id": id})).await;
    }
    for id in 0..500 {
        let message = json!({"event": "message", "from": "ann", "text": format!("{id}"), "id": id});
        assert_eq!(bob.hear().await, message);
        assert_eq!(ann.hear().await, json!({"event": "sent", "id": id, "reached": 1}));
    }
    ann.say(json!({"event": "send", "to": "nobody", "text": "?", "id": 7})).await;
    assert_eq!(ann.hear().await, json!({"event": "offline", "to_user": "nobody", "id": 7}));
    bystander.unharmed().await;
}

/// [U7]
#[tokio::test]
async fn everybody_online_hears_what_is_said_but_the_speaker() {
    let server = serve(quiet()).await;
    let mut ann = Client::login(server.address, "ann").await;
    let mut bob = Client::login(server.address, "bob").await;
    let mut device = Client::enter(server.address, "/goLink/device/1").await;
    let mut anonymous = Client::dial(server.address).await;
    ann.say(json!({"event": "say", "text": "all of you", "id": 3})).await;
    assert_eq!(ann.hear().await, json!({"event": "sent", "id": 3, "reached": 2}));
    for client in [&mut bob, &mut device] {
        assert_eq!(client.hear().await, json!({"event": "say", "from": "ann", "text": "all of you"}));
    }
    device.say(json!({"event": "say", "text": "beep"})).await;
    assert_eq!(bob.hear().await, json!({"event": "say", "from": "device/1", "text": "beep"}));
    for client in [&mut bob, &mut device, &mut anonymous] {
        client.heart().await;
    }
}

/// [U4] [U5] [U10]
#[tokio::test]
async fn the_late_close_of_a_replaced_connection_is_harmless() {
    let server = serve(quiet()).await;
    let bystander = Bystander::enter(server.address).await;
    let mut watcher = Client::login(server.address, "watcher").await;
    watcher.say(json!({"event": "who", "watch": true})).await;
    assert_eq!(watcher.hear().await["count"], 2);
    let old = Client::login(server.address, "ann").await;
    assert_eq!(watcher.hear().await, json!({"event": "joined", "user": "ann", "count": 3}));
    let mut new = Client::login(server.address, "ann").await;
    assert_eq!(old.closed().await, (4409, String::new()));
    new.heart().await;
    watcher.say(json!({"event": "send", "to": "ann", "text": "still there?", "id": 1})).await;
    assert_eq!(watcher.hear().await["event"], "sent");
    assert_eq!(new.hear().await["from"], "watcher");
    drop(new);
    assert_eq!(watcher.hear().await, json!({"event": "left", "user": "ann", "count": 2}));
    bystander.unharmed().await;
}

/// [U4]
#[tokio::test]
async fn a_second_login_is_refused_where_the_first_is_to_stay() {
    let server = serve(Settings { second_login: SecondLogin::Reject, ..quiet() }).await;
    let mut first = Client::login(server.address, "ann").await;
    let mut second = Client::dial(server.address).await;
    second.say(json!({"event": "login", "user": "ann"})).await;
    assert_eq!(second.hear().await, json!({"event": "refused", "msg": "this user is connected already"}));
    first.heart().await;
}

/// [U8]
#[tokio::test]
async fn a_client_that_only_answers_pings_stays() {
    let rhythm = Rhythm::WhenIdle { interval: 5 * MILLI, timeout: HOUR };
    let heartbeat = Pulse { rhythm, slow_after: None, late_tolerance: HOUR };
    let mut server = serve(Settings { heartbeat, ..quiet() }).await;
    let mut ann = Client::login(server.address, "ann").await;
    for _ in 0..5 {
        let frame = soon("ping", futures_util::StreamExt::next(&mut ann.socket)).await;
        assert!(matches!(frame, Some(Ok(tungstenite::Message::Ping(_)))), "{frame:?}");
    }
    ann.heart().await;
    server.stop().await;
    ann.closed().await;
    let stats = soon("stop", server.finished()).await;
    assert!(stats.pings >= 5 && stats.closed_silent == 0, "{stats:?}");
}

/// [U12]
#[tokio::test]
async fn a_stop_asks_everybody_to_come_back_spread_out() {
    let spread = Duration::from_secs(100);
    let options = Options { hub: quiet(), spread, within: HOUR, ..Options::default() };
    let mut server = start(options).await.expect("a server");
    let mut clients = Vec::new();
    for number in 0..20 {
        clients.push(Client::login(server.address, &format!("user{number}")).await);
    }
    clients.push(Client::dial(server.address).await);
    server.stop().await;
    // They have not answered their close frames yet, so the server is still there, and takes nobody.
    let (status, wait) = refused(Client::dial_as(server.address, "/ws", &[]).await);
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
    let stats = soon("stop", server.finished()).await;
    assert_eq!((stats.admitted, stats.denied), (21, 1));
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
}

/// [U12]
#[tokio::test]
async fn a_stop_ends_although_a_client_does_not() {
    let options = Options { hub: quiet(), within: 50 * MILLI, ..Options::default() };
    let mut server = start(options).await.expect("a server");
    let stubborn = Client::login(server.address, "stubborn").await;
    server.stop().await;
    soon("stop", server.finished()).await;
    drop(stubborn);
}

/// [U5]
#[tokio::test]
async fn what_is_said_while_the_network_is_bad_arrives_later() {
    let server = serve(quiet()).await;
    let mut ann = Client::login(server.address, "ann").await;
    let mut bob = Client::login(server.address, "bob").await;
    server.pause();
    ann.say(json!({"event": "send", "to": "bob", "text": "late", "id": 1})).await;
    tokio::select! {
        biased;
        heard = bob.hear() => panic!("{heard} through a paused server"),
        // Whatever could have come has had its turn.
        () = async { for _ in 0..1000 { tokio::task::yield_now().await } } => {}
    }
    server.resume();
    assert_eq!(bob.hear().await["text"], "late");
    assert_eq!(ann.hear().await["event"], "sent");
}

/// [U4] [U5]
#[tokio::test]
async fn a_dial_that_was_given_up_does_not_replace_the_next_one() {
    let server = serve(quiet()).await;
    let mut manager = Client::enter(server.address, "/goLink/manager/1").await;
    for round in 0..10 {
        let path = format!("/goLink/device/{round}");
        server.pause();
        let ghost = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            server.address
        );
        for _ in 0..5 {
            let mut tcp = TcpStream::connect(server.address).await.expect("a connection");
            tokio::io::AsyncWriteExt::write_all(&mut tcp, ghost.as_bytes()).await.expect("written");
        }
        let resume = async {
            for _ in 0..200 {
                tokio::task::yield_now().await; // The last dial waits beside the others.
            }
            server.resume();
        };
        let (mut living, ()) = tokio::join!(Client::enter(server.address, &path), resume);
        for _ in 0..10 {
            living.heart().await;
        }
        manager.say(json!({"event": "open_screen", "to_user": round.to_string()})).await;
        assert_eq!(living.hear().await["event"], "open_screen");
    }
}

#[tokio::test]
async fn the_page_is_served_and_the_server_paused_by_whoever_may() {
    let options = Options { hub: quiet(), admin: true, ..Options::default() };
    let server = start(options).await.expect("a server");
    let page = request(server.address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("</html>\n"), "{page}");
    let foreign = "POST /pause HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\n\r\n";
    assert!(request(server.address, foreign).await.starts_with("HTTP/1.1 403 "));
    let mut ann = Client::login(server.address, "ann").await;
    assert!(request(server.address, "POST /pause HTTP/1.1\r\nHost: x\r\n\r\n").await.starts_with("HTTP/1.1 204 "));
    assert!(server.is_paused());
    ann.say(json!({"event": "heart"})).await;
    assert!(request(server.address, "POST /resume HTTP/1.1\r\nHost: x\r\n\r\n").await.starts_with("HTTP/1.1 204 "));
    assert_eq!(ann.hear().await["event"], "heart");
}

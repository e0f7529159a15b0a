//! What the server promises to those who behave.

use heartline_axum::heartline::hub::{SecondLogin, Settings};
use serde_json::json;

use crate::client::{Site, token};
use crate::quiet;

#[tokio::test]
async fn a_token_is_taken_from_the_header_the_query_or_the_first_message() {
    let site = Site::start(quiet()).await;
    let bearer = format!("Bearer {}", token("ann"));
    let by_header = site.try_dial(&[("Authorization", &bearer)]).await;
    let by_query = site.dial_at(&format!("/ws?token={}", token("bob"))).await;
    for (client, name) in [(by_header, "ann"), (by_query, "bob")] {
        let mut client = client.expect("the handshake");
        assert_eq!(client.receive().await, json!({"event": "open", "msg": "ok", "user": name}));
        client.heart().await;
    }
    site.login("carl").await.heart().await;
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
        let message = json!({"event": "text", "from": "ann", "text": format!("{id}"), "id": id});
        assert_eq!(bob.receive().await, message);
        assert_eq!(ann.receive().await, json!({"event": "sent", "id": id, "reached": 1}));
    }
    for name in ["nobody", "no such name", ""] {
        let offline = json!({"event": "offline", "to_user": name, "id": 7});
        assert_eq!(ann.ask(json!({"event": "send", "to": name, "text": "?", "id": 7})).await, offline);
    }
    // A name has one spelling.
    ann.send(json!({"event": "send", "to": "BOB", "text": "you?"})).await;
    assert_eq!(bob.receive().await, json!({"event": "text", "from": "ann", "text": "you?"}));
    site.end().await;
}

/// [U6]
#[tokio::test]
async fn signals_go_from_one_user_to_another() {
    let site = Site::start(quiet()).await;
    let (mut manager, mut device) = (site.login("manager").await, site.login("device").await);
    for event in ["open_screen", "stop_screen"] {
        manager.send(json!({"event": event, "to_user": "device"})).await;
        assert_eq!(device.receive().await, json!({"event": event, "from_user": "manager"}));
        let offline = json!({"event": "offline", "to_user": "9"});
        assert_eq!(manager.ask(json!({"event": event, "to_user": "9"})).await, offline);
    }
    manager.heart().await;
    site.end().await;
}

/// [U7]
#[tokio::test]
async fn a_broadcast_reaches_everybody_online_but_the_sender() {
    let site = Site::alone(quiet()).await;
    let (mut ann, mut bob) = (site.login("ann").await, site.login("bob").await);
    let mut anonymous = site.dial().await;
    let sent = ann.ask(json!({"event": "say", "text": "all of you", "id": 3})).await;
    assert_eq!(sent, json!({"event": "sent", "id": 3, "reached": 1, "missed": 0}));
    let heard = json!({"event": "text", "from": "ann", "to": "everybody", "text": "all of you", "id": 3});
    assert_eq!(bob.receive().await, heard);
    bob.send(json!({"event": "say", "text": "beep", "volatile": true})).await;
    assert_eq!(ann.receive().await, json!({"event": "text", "from": "bob", "to": "everybody", "text": "beep"}));
    for client in [&mut ann, &mut bob, &mut anonymous] {
        client.heart().await;
    }
    site.end().await;
}

/// [U19]
#[tokio::test]
async fn what_is_said_in_a_room_is_heard_in_it() {
    let site = Site::start(quiet()).await;
    let (mut ann, mut bob, mut eve) = (site.login("ann").await, site.login("bob").await, site.login("eve").await);
    for (client, members) in [(&mut ann, 1), (&mut bob, 2)] {
        let joined = json!({"event": "joined", "room": "btc", "members": members});
        assert_eq!(client.ask(json!({"event": "join", "room": "btc"})).await, joined);
    }
    let sent = ann.ask(json!({"event": "say", "room": "btc", "text": "up", "id": 1})).await;
    assert_eq!(sent, json!({"event": "sent", "id": 1, "reached": 1, "missed": 0}));
    let heard = json!({"event": "text", "from": "ann", "room": "btc", "text": "up", "id": 1});
    assert_eq!(bob.receive().await, heard);
    assert_eq!(bob.ask(json!({"event": "leave", "room": "btc"})).await, json!({"event": "left", "room": "btc"}));
    let sent = ann.ask(json!({"event": "say", "room": "btc", "text": "down", "id": 2})).await;
    assert_eq!(sent["reached"], 0);
    assert_eq!(eve.ask(json!({"event": "join", "room": ""})).await["event"], "refused");
    for client in [&mut bob, &mut eve] {
        client.heart().await;
    }
    site.end().await;
}

/// [U4] [U5] [U10]
#[tokio::test]
async fn who_watches_learns_who_comes_and_goes_and_the_late_close_of_a_replaced_connection_is_nothing() {
    let site = Site::start(quiet()).await;
    let mut watcher = site.login("watcher").await;
    let online = json!({"event": "online", "count": 2, "users": ["bystander", "watcher"]});
    assert_eq!(watcher.ask(json!({"event": "who"})).await, online);
    let snapshot = watcher.ask(json!({"event": "who", "watch": true})).await;
    let seq = snapshot["seq"].as_u64().expect("a number");
    assert_eq!((&snapshot["count"], &snapshot["users"]), (&json!(2), &online["users"]));
    let change = |seq, count, joined: &[&str], left: &[&str]| json!({"event": "presence", "seq": seq, "count": count, "joined": joined, "left": left});
    let old = site.login("ann").await;
    assert_eq!(watcher.receive().await, change(seq + 1, 3, &["ann"], &[]));
    let mut new = site.login("ann").await;
    assert_eq!(old.closed().await, (4409, "replaced by a newer login".into()));
    new.heart().await;
    let sent = watcher.ask(json!({"event": "send", "to": "ann", "text": "still there?", "id": 1})).await;
    assert_eq!((&sent["event"], &new.receive().await["from"]), (&json!("sent"), &json!("watcher")));
    drop(new);
    assert_eq!(watcher.receive().await, change(seq + 2, 2, &[], &["ann"]));
    site.end().await;
}

/// [U4]
#[tokio::test]
async fn a_second_login_is_refused_where_the_first_is_to_stay() {
    let site = Site::start(Settings { second_login: SecondLogin::Refuse, ..quiet() }).await;
    let mut first = site.login("ann").await;
    let refused = site.dial().await.ask(json!({"event": "login", "token": token("ann")})).await;
    assert_eq!(refused, json!({"event": "refused", "msg": "the user is connected already"}));
    first.heart().await;
    site.end().await;
}

#[tokio::test]
async fn the_page_is_served_and_tokens_are_minted_for_names_that_there_may_be() {
    let site = Site::start(quiet()).await;
    let page = site.request("GET / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n").await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("</html>\n"), "{page}");
    let mint = |form: &str| {
        let length = form.len();
        format!(
            "POST /token HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\nContent-Length: {length}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}"
        )
    };
    let minted = site.request(&mint("user=Ann")).await;
    let (head, token) = minted.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{minted}");
    let greeting = site.dial().await.ask(json!({"event": "login", "token": token})).await;
    assert_eq!(greeting, json!({"event": "open", "msg": "ok", "user": "ann"}));
    for (form, status) in [("user=system", 400), ("user=a%20b", 400), ("user=", 400), ("name=ann", 422)] {
        let answer = site.request(&mint(form)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{form}: {answer}");
    }
    site.end().await;
}

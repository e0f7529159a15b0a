//! Bad input gets the documented answer, and no other connection notices.

use std::collections::BTreeSet;

use heartline_axum::heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline_axum::heartline::hub::Settings;
use serde_json::json;
use tokio::io::AsyncReadExt as _;

use crate::client::{Site, refused, soon, token};
use crate::{MILLI, quiet};

/// [U2]
#[tokio::test]
async fn a_wrong_origin_is_refused_with_403() {
    let site = Site::start(quiet()).await;
    for origin in ["http://evil.example", "null", "http://127.0.0.1", "https://evil.example:443"] {
        assert_eq!(refused(site.try_dial(&[("Origin", origin)]).await), (403, None), "{origin}");
    }
    let own = format!("http://{}", site.address);
    site.try_dial(&[("Origin", &own)]).await.expect("its own page").heart().await;
    site.end().await;
}

/// [U10]
#[tokio::test]
async fn what_makes_no_sense_is_answered_once_in_reply_gap() {
    let site = Site::start(quiet()).await;
    let deep = "[".repeat(10_000);
    let texts = [
        "{",
        "",
        "null",
        "[]",
        "7",
        "\u{fffd}",
        "H&M",
        r#"{"event":"dance"}"#,
        r#"{"event":7}"#,
        r#"{"heart":1}"#,
        r#"{"event":"send","to":"bob"}"#,
        r#"{"event":"login"}"#,
        r#"{"event":"login","user":"ann"}"#,
        r#"{"event":"join"}"#,
        r#"{"event":"send","to":"bob","text":"x","id":-1}"#,
        r#"{"event":"heart","event":"heart"}"#,
        r#"{"event":"unknown"}"#,
        &deep,
    ];
    let reply = json!({"fromuserId": "system", "event": "heart", "msg": "event cannot be handled"});
    for text in texts {
        let mut client = site.dial().await;
        for _ in 0..3 {
            client.text(text).await;
        }
        assert_eq!(client.receive().await, reply, "{text}");
        client.heart().await;
    }
    site.end().await;
}

/// [U5]
#[tokio::test]
async fn a_malformed_frame_closes_with_the_code_that_says_why() {
    let site = Site::start(quiet()).await;
    let mask = [0; 4];
    let frames: &[(&str, u16, &[u8])] = &[
        ("a reserved bit", 1002, &[0xc1, 0x80]),
        ("a reserved data opcode", 1002, &[0x83, 0x80]),
        ("a reserved control opcode", 1002, &[0x8b, 0x80]),
        ("a frame without a mask", 1002, &[0x81, 0x02, b'{', b'}']),
        ("a ping in pieces", 1002, &[0x09, 0x80]),
        ("a ping of more than 125 bytes", 1002, &[0x89, 0xfe, 0x00, 0x7e]),
        ("the middle of nothing", 1002, &[0x80, 0x80]),
        ("a text within a text", 1002, &[0x01, 0x80, 0, 0, 0, 0, 0x81, 0x80]),
        ("a close frame of one byte", 1002, &[0x88, 0x81, 0, 0, 0, 0, 3]),
        ("bytes that are no text", 1007, &[0x81, 0x81, 0, 0, 0, 0, 0xff]),
        ("a binary message", 1003, &[0x82, 0x81, 0, 0, 0, 0, 0]),
    ];
    for (what, code, bytes) in frames {
        let mut client = site.login("mallory").await;
        client.bytes(bytes).await;
        client.bytes(&mask).await;
        client.bytes(&[0; 256 * 1024]).await; // What comes behind it must not take the answer away.
        assert_eq!(client.closed().await.0, *code, "{what}");
    }
    site.end().await;
}

/// [U5]
#[tokio::test]
async fn a_message_of_more_than_64_kib_closes_with_1009() {
    let most = 64 * 1024;
    let site = Site::start(quiet()).await;
    let mut fits = site.dial().await;
    let heart = r#"{"event":"heart"}"#;
    fits.text(&format!("{heart}{}", " ".repeat(most - heart.len()))).await;
    assert_eq!(fits.receive().await["event"], "heart");
    let mut message = site.dial().await;
    message.text(&" ".repeat(most + 1)).await;
    assert_eq!(message.closed().await.0, 1009);
    site.end().await;
}

/// [U4] [U10]
#[tokio::test]
async fn a_flood_of_logins_on_one_connection_changes_nothing() {
    let site = Site::start(quiet()).await;
    let mut ann = site.login("ann").await;
    for number in 0..2000 {
        ann.send(json!({"event": "login", "token": token(&format!("somebody{number}"))})).await;
    }
    assert_eq!(ann.receive().await["event"], "refused");
    for _ in 0..100 {
        assert_eq!(ann.ask(json!({"event": "login", "token": token("ann")})).await["event"], "open");
    }
    let online = json!({"event": "online", "count": 2, "users": ["ann", "bystander"]});
    assert_eq!(ann.ask(json!({"event": "who"})).await, online);
    site.end().await;
}

/// [U4] [U5]
#[tokio::test]
async fn of_a_flood_of_logins_of_one_user_the_last_stays() {
    let site = Site::start(quiet()).await;
    let mut last = site.login("ann").await;
    for _ in 0..50 {
        let next = site.login("ann").await;
        assert_eq!(std::mem::replace(&mut last, next).closed().await.0, 4409);
        last.heart().await;
    }
    assert_eq!(last.ask(json!({"event": "who"})).await["count"], 2);
    site.end().await;
}

/// [U6] [U9]
#[tokio::test]
async fn who_does_not_read_costs_its_sender_an_answer_and_then_its_connection() {
    let hub = Settings { volatile_above: 64 * 1024, slow_timeout: 500 * MILLI, ..quiet() };
    let site = Site::start(Settings { close_timeout: 200 * MILLI, ..hub }).await;
    let (deaf, mut ann) = (site.login("deaf").await, site.login("ann").await);
    let message =
        |volatile| json!({"event": "send", "to": "deaf", "text": "x".repeat(32 * 1024), "id": 1, "volatile": volatile});
    let mut seen = BTreeSet::new();
    while !seen.contains("offline") {
        for volatile in [true, false] {
            let answer = ann.ask(message(volatile)).await;
            assert_eq!(answer["id"], 1);
            seen.insert(answer["event"].as_str().expect("an event").to_owned());
        }
    }
    // What may be lost is not piled up; the rest is, up to the budget; and in time it is not there any more.
    assert_eq!(seen, ["dropped", "full", "offline", "sent"].map(str::to_owned).into());
    assert_eq!(deaf.closed().await.0, 1013);
    let stats = site.end().await;
    assert_eq!((stats.closed_slow, stats.closed_silent), (1, 0));
}

/// [U3]
#[tokio::test]
async fn a_client_that_never_logs_in_is_closed_with_4408() {
    let site = Site::start(Settings { login_timeout: 100 * MILLI, ..quiet() }).await;
    let silent = site.dial().await;
    let mut talker = site.dial().await;
    let refused = talker.ask(json!({"event": "send", "to": "bystander", "text": "psst"})).await;
    assert_eq!(refused["event"], "refused");
    for event in [
        json!({"event": "say", "text": "psst"}),
        json!({"event": "who", "watch": true}),
        json!({"event": "join", "room": "btc"}),
        json!({"event": "open_screen", "to_user": "bystander"}),
    ] {
        talker.send(event).await;
    }
    assert_eq!(silent.closed().await.0, 4408);
    assert_eq!(talker.closed().await.0, 4408);
    site.end().await;
}

/// [U6]
#[tokio::test]
async fn a_client_that_claims_another_name_appears_under_its_own() {
    let site = Site::start(quiet()).await;
    let (mut mallory, mut bob) = (site.login("mallory").await, site.login("bob").await);
    let claims = json!({"from": "ann", "from_user": "ann", "user": "ann", "fromuserId": "ann", "text": "it is me"});
    for (event, field, to) in
        [("send", "from", "to"), ("open_screen", "from_user", "to_user"), ("stop_screen", "from_user", "to_user")]
    {
        let mut message = claims.clone();
        message["event"] = event.into();
        message[to] = "bob".into();
        mallory.send(message).await;
        assert_eq!(bob.receive().await[field], "mallory", "{event}");
    }
    site.end().await;
}

/// [U8]
#[tokio::test]
async fn a_client_that_shows_no_life_is_closed_with_3008() {
    let mode = HeartbeatMode::WhenIdle { interval: 100 * MILLI, timeout: 1500 * MILLI };
    let heartbeat = HeartbeatConfig { mode, slow_after: None, late_tolerance: 200 * MILLI };
    let site = Site::start(Settings { heartbeat, close_timeout: 200 * MILLI, ..quiet() }).await;
    let mut dead = site.login("dead").await;
    // It reads, past its codec, and answers nothing.
    let mut bytes = Vec::new();
    while soon("byte", dead.socket.get_mut().read_buf(&mut bytes)).await.is_ok_and(|count| count > 0) {}
    let closed = b"\x88\x11\x0b\xc0no sign of life";
    assert!(bytes.ends_with(closed), "no close frame with 3008: {bytes:x?}");
    assert_eq!(site.end().await.closed_silent, 1);
}

#[tokio::test]
async fn other_requests_get_the_status_that_says_what_is_wrong() {
    let site = Site::start(quiet()).await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n");
    let socket_io = site.upgrade("/socket.io/?EIO=4&transport=websocket", "");
    let graphql = site.upgrade("/ws", "Sec-WebSocket-Protocol: graphql-transport-ws\r\n");
    let elsewhere = site.upgrade("/ws", "").replace(&site.address.to_string(), "evil.example");
    for (status, text) in [
        (404, get("/nothing")),
        (404, get("/metrics")),
        (426, get("/ws")),
        (405, get("/token")),
        (404, socket_io),
        (400, graphql),
        (421, elsewhere),
        (421, get("/").replace("HOST", "evil.example")),
        (400, "\x16\x03\x01\x02 not HTTP at all\r\n\r\n".into()),
    ] {
        let answer = site.request(&text.replace("Connection: Upgrade", "Connection: Upgrade, close")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{text}: {answer}");
    }
    site.end().await;
}

//! Bad input gets the documented answer, and no other connection notices.

use std::time::{Duration, Instant};

use futures_util::SinkExt as _;
use heartline::heartbeat::HeartbeatMode;
use heartline::hub::{Admission, Limit, Settings};
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tungstenite::Message;

use crate::client::{Site, refused, soon, stop};
use crate::{MILLI, heartbeat, quiet};
use heartline_example_server::Options;

/// [U2]
#[tokio::test]
async fn a_wrong_origin_is_refused_with_403() {
    let site = Site::start(quiet()).await;
    for origin in ["http://evil.example", "null", "http://127.0.0.1", "https://evil.example:443"] {
        assert_eq!(refused(site.try_dial(&[("Origin", origin)]).await), (403, None), "{origin}");
    }
    let own = format!("http://{}", site.server.address);
    site.try_dial(&[("Origin", &own)]).await.expect("its own page").heart().await;
    site.end().await;
}

fn speaking(protocols: &[&str], required: bool) -> Settings {
    let protocols = protocols.iter().map(|name| (*name).to_owned()).collect();
    Settings { admission: Admission { protocols, protocol_required: required, ..Admission::default() }, ..quiet() }
}

/// [U2]
#[tokio::test]
async fn a_sub_protocol_is_chosen_or_refused() {
    let offer = |list| [("Sec-WebSocket-Protocol", list)];
    let options = Options { hub: speaking(&["echo-protocol", "talk.v2"], true), ..Options::default() };
    let site = Site::alone(options).await;
    for (offered, chosen) in [("talk.v2", "talk.v2"), ("other, talk.v2 ,echo-protocol", "echo-protocol")] {
        let client = site.try_dial(&offer(offered)).await.expect("admitted");
        assert_eq!(client.response.headers()["Sec-WebSocket-Protocol"], chosen);
    }
    assert_eq!(refused(site.try_dial(&offer("soap")).await), (400, None));
    assert_eq!(refused(site.try_dial(&[]).await), (400, None));

    let site = Site::start(speaking(&["echo-protocol"], false)).await;
    let mut tcp = site.connect(&site.upgrade("/ws", "Sec-WebSocket-Protocol: soap\r\n")).await;
    let mut head = vec![0; 1024];
    let count = soon("answer", tcp.read(&mut head)).await.expect("an answer");
    let head = String::from_utf8_lossy(&head[..count]).to_lowercase();
    assert!(head.starts_with("http/1.1 101") && !head.contains("sec-websocket-protocol"), "{head}");
    site.end().await;
}

/// [U2] [U3]
#[tokio::test]
async fn a_flood_of_connections_that_do_not_log_in_is_refused_with_503() {
    let site = Site::start(Settings { max_anonymous: 3, retry_after: Duration::from_secs(40), ..quiet() }).await;
    let mut first = site.dial().await;
    let others = [site.dial().await, site.dial().await];
    for _ in 0..20 {
        assert!(matches!(refused(site.try_dial(&[]).await), (503, Some(40..=80))));
    }
    assert_eq!(first.ask(json!({"event": "login", "user": "ann"})).await["event"], "open");
    drop((site.dial().await, others));
    site.end().await;
}

/// [U2]
#[tokio::test]
async fn more_connections_than_allowed_are_refused_with_503() {
    let site = Site::start(Settings { max_connections: 2, ..quiet() }).await;
    let ann = site.login("ann").await;
    let (status, wait) = refused(site.try_dial(&[]).await);
    assert_eq!((status, wait.is_some()), (503, true));
    drop(ann);
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
        r#"{"event":"login","user":""}"#,
        r#"{"event":"login","user":"a/b"}"#,
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
async fn a_message_or_a_frame_that_is_too_large_closes_with_1009() {
    let most = 1000;
    let site = Site::with(Options { hub: quiet(), max_message: most, ..Options::default() }).await;

    let mut fits = site.dial().await;
    fits.text(&format!("{:<most$}", r#"{"event":"heart"}"#)).await;
    assert_eq!(fits.receive().await["event"], "heart");

    let mut message = site.dial().await;
    message.text(&" ".repeat(most + 1)).await;
    assert_eq!(message.closed().await.0, 1009);

    let mut announced = site.dial().await;
    announced.bytes(&[0x81, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0]).await; // Nine exabytes, it says.
    announced.bytes(&[0; 4]).await;
    assert_eq!(announced.closed().await.0, 1009);

    let mut pieces = site.dial().await;
    let [high, low] = 400_u16.to_be_bytes();
    for first in [0x01, 0x00, 0x00] {
        pieces.bytes(&[first, 0xfe, high, low, 0, 0, 0, 0]).await;
        pieces.bytes(&[b' '; 400]).await;
    }
    assert_eq!(pieces.closed().await.0, 1009);

    let mut large = site.dial().await;
    // Nobody reads most of it; whether the sender gets rid of it does not matter.
    _ = soon("send", large.socket.send(Message::Text(" ".repeat(4 << 20).into()))).await;
    site.end().await;
}

/// [U4] [U10]
#[tokio::test]
async fn a_flood_of_logins_on_one_connection_changes_nothing() {
    let site = Site::start(quiet()).await;
    let mut ann = site.login("ann").await;
    for number in 0..2000 {
        ann.send(json!({"event": "login", "user": format!("somebody{number}")})).await;
    }
    assert_eq!(ann.receive().await["event"], "refused");
    for _ in 0..100 {
        assert_eq!(ann.ask(json!({"event": "login", "user": "ann"})).await["event"], "open");
    }
    let online = json!({"event": "online", "count": 2, "users": ["ann", "bystander"]});
    assert_eq!(ann.ask(json!({"event": "who"})).await, online);
    site.end().await;
}

/// A hundred at once and 400 a second: what comes beyond that is answered too, but not at once.
///
/// [U14]
#[tokio::test]
async fn a_flood_of_messages_is_read_no_faster_than_allowed_and_nothing_of_it_is_lost() {
    let site = Site::start(Settings { messages: Some(Limit::per_second(400, 100)), ..quiet() }).await;
    let mut ann = site.login("ann").await;
    let start = Instant::now();
    for _ in 0..500 {
        ann.send(json!({"event": "heart"})).await;
    }
    for _ in 0..500 {
        assert_eq!(ann.receive().await["event"], "heart");
    }
    assert!(start.elapsed() >= Duration::from_millis(700), "{:?}", start.elapsed());
    assert_eq!(ann.ask(json!({"event": "who"})).await["count"], 2);
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

/// [U9] [U6]
#[tokio::test]
async fn a_client_that_never_reads_is_closed_and_nobody_else() {
    let hub = Settings { budget: 256 * 1024, volatile_above: 64 * 1024, close_timeout: 200 * MILLI, ..quiet() };
    let site = Site::start(hub).await;
    let (deaf, mut ann) = (site.login("deaf").await, site.login("ann").await);
    let text = "x".repeat(32 * 1024);
    let (mut dropped, mut routed) = (0, 0);
    loop {
        assert!(routed < 5000, "so much, and it does not count as slow");
        // What may be lost is not piled up; the rest is, up to the budget.
        for volatile in [true, false] {
            ann.send(json!({"event": "send", "to": "deaf", "text": text, "id": 1, "volatile": volatile})).await;
        }
        match (ann.receive().await["event"].as_str(), ann.receive().await["event"].as_str()) {
            (Some(first), Some("sent")) => {
                routed += 1;
                dropped += u32::from(first == "dropped");
            }
            (Some("dropped" | "offline" | "sent"), Some("offline")) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(routed > 0 && dropped > 0, "{routed} routed, {dropped} dropped");
    let server = site.end().await;
    drop(ann);
    let stats = stop(server).await; // It does not wait for somebody to read.
    assert_eq!((stats.closed_slow, stats.closed_silent), (1, 0));
    drop(deaf);
}

/// [U9]
#[tokio::test]
async fn a_slow_client_that_reads_at_last_finds_1013_behind_its_messages() {
    let site = Site::start(Settings { budget: 256 * 1024, volatile_above: 64 * 1024, ..quiet() }).await;
    let (slow, mut ann) = (site.login("slow").await, site.login("ann").await);
    let message = json!({"event": "send", "to": "slow", "text": "x".repeat(32 * 1024), "id": 1});
    for count in 0.. {
        assert!(count < 5000, "so much, and it does not count as slow");
        if ann.ask(message.clone()).await["event"] == "offline" {
            break;
        }
    }
    assert_eq!(slow.closed().await.0, 1013);
    site.end().await;
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
        json!({"event": "who"}),
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
    let heartbeat = heartbeat(mode, 200 * MILLI);
    let site = Site::start(Settings { heartbeat, close_timeout: 200 * MILLI, ..quiet() }).await;
    let mut dead = site.login("dead").await;
    // It reads, past its codec, and answers nothing.
    let mut bytes = Vec::new();
    while soon("byte", dead.socket.get_mut().read_buf(&mut bytes)).await.is_ok_and(|count| count > 0) {}
    let place = bytes.windows(4).rposition(|four| four == [0x88, 2, 0x0b, 0xc0]);
    assert!(place.is_some(), "no close frame with 3008: {bytes:x?}");
    assert_eq!(stop(site.end().await).await.closed_silent, 1);
}

#[tokio::test]
async fn a_request_that_never_ends_is_dropped() {
    let site = Site::with(Options { hub: quiet(), request_timeout: 50 * MILLI, ..Options::default() }).await;
    assert_eq!(site.request("GET /ws HTTP/1.1\r\nHost: ").await, "");
    site.end().await;
}

#[tokio::test]
async fn other_requests_get_the_status_that_says_what_is_wrong() {
    let site = Site::start(quiet()).await;
    let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(9000));
    let old = site.upgrade("/ws", "").replace("Version: 13", "Version: 8");
    let homeless = site.upgrade("/ws", "").replace("Host:", "Guest:");
    for (status, text) in [
        (404, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"),
        (404, "GET /goLink/manager/ HTTP/1.1\r\nHost: x\r\n\r\n"),
        (404, "GET /goLink/manager/%zz HTTP/1.1\r\nHost: x\r\n\r\n"),
        (426, "GET /ws HTTP/1.1\r\nHost: x\r\n\r\n"),
        (426, &old),
        (400, &homeless),
        (400, "\x16\x03\x01\x02 not HTTP at all\r\n\r\n"),
        (400, "PUT / HTTP/1.1\r\nHost: x\r\n\r\n"),
        (431, &long),
        (405, "POST /ws HTTP/1.1\r\nHost: x\r\n\r\n"),
        (403, "POST /pause HTTP/1.1\r\nHost: x\r\n\r\n"),
    ] {
        let answer = site.request(text).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{text}: {answer}");
    }
    site.end().await;
}

//! Bad input gets the documented answer, and no other connection notices.

use std::time::Duration;

use heartline::hub::Settings;
use heartline::{Pulse, Rhythm};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tungstenite::Message;

use crate::client::{Bystander, Client, refused, request, soon};
use crate::server::{Options, start};
use crate::{MILLI, quiet, serve, speaking};

/// [U2]
#[tokio::test]
async fn a_wrong_origin_is_refused_with_403() {
    let server = serve(quiet()).await;
    let bystander = Bystander::enter(server.address).await;
    for origin in ["http://evil.example", "null", "http://127.0.0.1", "https://evil.example:443"] {
        let dialled = Client::dial_as(server.address, "/ws", &[("Origin", origin)]).await;
        assert_eq!(refused(dialled), (403, None), "{origin}");
    }
    let own = format!("http://{}", server.address);
    Client::dial_as(server.address, "/ws", &[("Origin", &own)]).await.expect("its own page").heart().await;
    bystander.unharmed().await;
}

/// [U2]
#[tokio::test]
async fn a_sub_protocol_is_chosen_or_refused() {
    let offer = |list| [("Sec-WebSocket-Protocol", list)];
    let server = serve(speaking(&["echo-protocol", "talk.v2"], true)).await;
    let by = offer("talk.v2");
    let chosen = Client::dial_as(server.address, "/ws", &by).await.expect("admitted");
    assert_eq!(chosen.response.headers()["Sec-WebSocket-Protocol"], "talk.v2");
    let chosen =
        Client::dial_as(server.address, "/ws", &offer("other, talk.v2 ,echo-protocol")).await.expect("admitted");
    assert_eq!(chosen.response.headers()["Sec-WebSocket-Protocol"], "echo-protocol");
    assert_eq!(refused(Client::dial_as(server.address, "/ws", &offer("soap")).await), (400, None));
    assert_eq!(refused(Client::dial_as(server.address, "/ws", &[]).await), (400, None));

    let server = serve(speaking(&["echo-protocol"], false)).await;
    let bystander = Bystander::enter(server.address).await;
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: soap\r\n\r\n",
        server.address
    );
    let mut tcp = TcpStream::connect(server.address).await.expect("a connection");
    tcp.write_all(request.as_bytes()).await.expect("written");
    let mut head = vec![0; 1024];
    let count = soon("answer", tcp.read(&mut head)).await.expect("an answer");
    let head = String::from_utf8_lossy(&head[..count]).to_lowercase();
    assert!(head.starts_with("http/1.1 101") && !head.contains("sec-websocket-protocol"), "{head}");
    bystander.unharmed().await;
}

/// [U2] [U3]
#[tokio::test]
async fn a_flood_of_connections_that_do_not_log_in_is_refused_with_503() {
    let server = serve(Settings { max_anonymous: 3, login_timeout: 90 * Duration::from_secs(1), ..quiet() }).await;
    let bystander = Bystander::enter(server.address).await;
    let mut first = Client::dial(server.address).await;
    let others = [Client::dial(server.address).await, Client::dial(server.address).await];
    for _ in 0..20 {
        assert_eq!(refused(Client::dial_as(server.address, "/ws", &[]).await), (503, Some(90)));
    }
    first.say(json!({"event": "login", "user": "ann"})).await;
    assert_eq!(first.hear().await["event"], "open");
    drop((Client::dial(server.address).await, others));
    bystander.unharmed().await;
}

/// [U2]
#[tokio::test]
async fn more_connections_than_allowed_are_refused_with_503() {
    let server = serve(Settings { max_connections: 2, ..quiet() }).await;
    let bystander = Bystander::enter(server.address).await;
    let ann = Client::login(server.address, "ann").await;
    let (status, wait) = refused(Client::dial_as(server.address, "/ws", &[]).await);
    assert_eq!((status, wait.is_some()), (503, true));
    drop(ann);
    bystander.unharmed().await;
}

/// [U10]
#[tokio::test]
async fn what_makes_no_sense_is_told_once_in_reply_gap() {
    let server = serve(quiet()).await;
    let bystander = Bystander::enter(server.address).await;
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
    for text in texts {
        let mut client = Client::dial(server.address).await;
        for _ in 0..3 {
            client.text(text).await;
        }
        let reply = json!({"fromuserId": "system", "event": "heart", "msg": "event cannot be handled"});
        assert_eq!(client.hear().await, reply, "{text}");
        client.heart().await;
    }
    bystander.unharmed().await;
}

/// [U5]
#[tokio::test]
async fn a_malformed_frame_closes_with_the_code_that_says_why() {
    let server = serve(quiet()).await;
    let bystander = Bystander::enter(server.address).await;
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
        let mut client = Client::login(server.address, "mallory").await;
        client.bytes(bytes).await;
        client.bytes(&mask).await;
        client.bytes(&[0; 256 * 1024]).await; // What comes behind it must not take the answer away.
        let (closed, _) = client.closed().await;
        assert_eq!(closed, *code, "{what}");
    }
    bystander.unharmed().await;
}

/// [U5]
#[tokio::test]
async fn a_message_or_a_frame_that_is_too_large_closes_with_1009() {
    let most = 1000;
    let server = start(Options { hub: quiet(), max_message: most, ..Options::default() }).await.expect("a server");
    let bystander = Bystander::enter(server.address).await;

    let mut fits = Client::dial(server.address).await;
    fits.text(&format!("{:<most$}", r#"{"event":"heart"}"#)).await;
    assert_eq!(fits.hear().await["event"], "heart");

    let mut message = Client::dial(server.address).await;
    message.text(&" ".repeat(most + 1)).await;
    assert_eq!(message.closed().await.0, 1009);

    let mut announced = Client::dial(server.address).await;
    announced.bytes(&[0x81, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0]).await; // Nine exabytes, it says.
    announced.bytes(&[0; 4]).await;
    assert_eq!(announced.closed().await.0, 1009);

    let mut pieces = Client::dial(server.address).await;
    for first in [0x01, 0x00, 0x00] {
        pieces.bytes(&[first, 0xfe, 400_u16.to_be_bytes()[0], 400_u16.to_be_bytes()[1], 0, 0, 0, 0]).await;
        pieces.bytes(&[b' '; 400]).await;
    }
    assert_eq!(pieces.closed().await.0, 1009);

    let mut large = Client::dial(server.address).await;
    let frame = Message::Text(" ".repeat(4 << 20).into());
    // Nobody reads most of it; whether the sender gets rid of it does not matter.
    _ = soon("send", futures_util::SinkExt::send(&mut large.socket, frame)).await;
    bystander.unharmed().await;
}

/// [U4] [U10]
#[tokio::test]
async fn a_flood_of_logins_on_one_connection_changes_nothing() {
    let server = serve(quiet()).await;
    let bystander = Bystander::enter(server.address).await;
    let mut ann = Client::login(server.address, "ann").await;
    for number in 0..2000 {
        ann.say(json!({"event": "login", "user": format!("somebody{number}")})).await;
    }
    assert_eq!(ann.hear().await["event"], "refused");
    for _ in 0..100 {
        ann.say(json!({"event": "login", "user": "ann"})).await;
        assert_eq!(ann.hear().await["event"], "open");
    }
    ann.say(json!({"event": "who"})).await;
    assert_eq!(ann.hear().await, json!({"event": "online", "count": 2, "users": ["ann", "bystander"]}));
    bystander.unharmed().await;
}

/// [U4] [U5]
#[tokio::test]
async fn of_a_flood_of_logins_of_one_user_the_last_stays() {
    let server = serve(quiet()).await;
    let bystander = Bystander::enter(server.address).await;
    let mut last = Client::login(server.address, "ann").await;
    for _ in 0..50 {
        let next = Client::login(server.address, "ann").await;
        assert_eq!(std::mem::replace(&mut last, next).closed().await.0, 4409);
        last.heart().await;
    }
    last.say(json!({"event": "who"})).await;
    assert_eq!(last.hear().await["count"], 2);
    bystander.unharmed().await;
}

/// [U9] [U6]
#[tokio::test]
async fn a_client_that_never_reads_is_closed_and_nobody_else() {
    let hub = Settings { budget: 256 * 1024, volatile_above: 64 * 1024, close_timeout: 200 * MILLI, ..quiet() };
    let mut server = serve(hub).await;
    let bystander = Bystander::enter(server.address).await;
    let deaf = Client::login(server.address, "deaf").await;
    let mut ann = Client::login(server.address, "ann").await;
    let text = "x".repeat(32 * 1024);
    let (mut dropped, mut routed) = (0, 0);
    loop {
        assert!(routed < 5000, "so much, and it does not count as slow");
        // What may be lost is not piled up; the rest is, up to the budget.
        for volatile in [true, false] {
            ann.say(json!({"event": "send", "to": "deaf", "text": text, "id": 1, "volatile": volatile})).await;
        }
        match (ann.hear().await["event"].as_str(), ann.hear().await["event"].as_str()) {
            (Some(first), Some("sent")) => {
                routed += 1;
                dropped += u32::from(first == "dropped");
            }
            (Some("dropped" | "offline" | "sent"), Some("offline")) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(routed > 0 && dropped > 0, "{routed} routed, {dropped} dropped");
    bystander.unharmed().await;
    drop(ann);
    server.stop().await;
    let stats = soon("stop", server.finished()).await; // It does not wait for somebody to read.
    assert_eq!((stats.closed_slow, stats.closed_silent), (1, 0));
    drop(deaf);
}

/// [U9]
#[tokio::test]
async fn a_slow_client_that_reads_at_last_finds_1013_behind_its_messages() {
    let server = serve(Settings { budget: 256 * 1024, volatile_above: 64 * 1024, ..quiet() }).await;
    let bystander = Bystander::enter(server.address).await;
    let slow = Client::login(server.address, "slow").await;
    let mut ann = Client::login(server.address, "ann").await;
    let text = "x".repeat(32 * 1024);
    for count in 0.. {
        assert!(count < 5000, "so much, and it does not count as slow");
        ann.say(json!({"event": "send", "to": "slow", "text": text, "id": 1})).await;
        if ann.hear().await["event"] == "offline" {
            break;
        }
    }
    assert_eq!(slow.closed().await.0, 1013);
    bystander.unharmed().await;
}

/// [U3]
#[tokio::test]
async fn a_client_that_never_logs_in_is_closed_with_4408() {
    let server = serve(Settings { login_timeout: 100 * MILLI, ..quiet() }).await;
    let bystander = Bystander::enter(server.address).await;
    let silent = Client::dial(server.address).await;
    let mut talker = Client::dial(server.address).await;
    talker.say(json!({"event": "send", "to": "bystander", "text": "psst"})).await;
    assert_eq!(talker.hear().await["event"], "refused");
    talker.say(json!({"event": "say", "text": "psst"})).await;
    talker.say(json!({"event": "who"})).await;
    talker.say(json!({"event": "open_screen", "to_user": "bystander"})).await;
    assert_eq!(silent.closed().await.0, 4408);
    assert_eq!(talker.closed().await.0, 4408);
    bystander.unharmed().await;
}

/// [U6]
#[tokio::test]
async fn whoever_claims_anothers_name_is_heard_under_its_own() {
    let server = serve(quiet()).await;
    let bystander = Bystander::enter(server.address).await;
    let mut mallory = Client::login(server.address, "mallory").await;
    let mut bob = Client::login(server.address, "bob").await;
    let claims = json!({"from": "ann", "from_user": "ann", "user": "ann", "fromuserId": "ann"});
    for (event, field, to) in
        [("send", "from", "to"), ("open_screen", "from_user", "to_user"), ("stop_screen", "from_user", "to_user")]
    {
        let mut message = claims.clone();
        message["event"] = event.into();
        message["text"] = "it is me".into();
        message[to] = "bob".into();
        mallory.say(message).await;
        assert_eq!(bob.hear().await[field], "mallory", "{event}");
    }
    bystander.unharmed().await;
}

/// [U8]
#[tokio::test]
async fn a_client_that_shows_no_life_is_closed_with_3008() {
    let rhythm = Rhythm::WhenIdle { interval: 100 * MILLI, timeout: 1500 * MILLI };
    let heartbeat = Pulse { rhythm, slow_after: None, late_tolerance: 200 * MILLI };
    let mut server = serve(Settings { heartbeat, close_timeout: 200 * MILLI, ..quiet() }).await;
    let bystander = Bystander::enter(server.address).await;
    let mut dead = Client::login(server.address, "dead").await;
    // It reads, past its codec, and answers nothing.
    let mut heard = Vec::new();
    while soon("byte", dead.socket.get_mut().read_buf(&mut heard)).await.is_ok_and(|count| count > 0) {}
    let place = heard.windows(4).rposition(|four| four == [0x88, 2, 0x0b, 0xc0]);
    assert!(place.is_some(), "no close frame with 3008: {heard:x?}");
    bystander.unharmed().await;
    server.stop().await;
    assert_eq!(soon("stop", server.finished()).await.closed_silent, 1);
}

#[tokio::test]
async fn a_request_that_never_ends_is_dropped() {
    let options = Options { hub: quiet(), request_timeout: 50 * MILLI, ..Options::default() };
    let server = start(options).await.expect("a server");
    let bystander = Bystander::enter(server.address).await;
    assert_eq!(request(server.address, "GET /ws HTTP/1.1\r\nHost: ").await, "");
    bystander.unharmed().await;
}

#[tokio::test]
async fn other_requests_are_told_what_is_wrong_with_them() {
    let server = serve(quiet()).await;
    let bystander = Bystander::enter(server.address).await;
    let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(9000));
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let old = format!("GET /ws HTTP/1.1\r\nHost: x\r\n{upgrade}Sec-WebSocket-Version: 8\r\n\r\n");
    let homeless = format!("GET /ws HTTP/1.1\r\n{upgrade}Sec-WebSocket-Version: 13\r\n\r\n");
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
        let answer = request(server.address, text).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{text}: {answer}");
    }
    bystander.unharmed().await;
}

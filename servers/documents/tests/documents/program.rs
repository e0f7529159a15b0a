//! What the program serves, and what the tests of front ends have it do.

use std::net::SocketAddr;
use std::time::Duration;

use heartline_documents::site::{Options, routes};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::site::{Raw, listen, refused, soon};

struct Program(SocketAddr);

impl Program {
    /// Servers that send nothing by themselves.
    async fn start() -> Self {
        Self::with(Options { every: None, ..Options::default() }).await
    }

    async fn with(options: Options) -> Self {
        Self(listen(routes(&options)).await)
    }

    async fn page(&self, path: &str) -> Raw {
        Raw::dial(&self.url(path), &[]).await
    }

    fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.0)
    }

    /// The status and the body of a response.
    async fn http(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let tcp = TcpStream::connect(self.0).await.expect("it listens");
        let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await.expect("HTTP");
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header("Host", self.0.to_string());
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).expect("a request");
        let response = soon("a response", sender.send_request(request)).await.expect("a response");
        let status = response.status().as_u16();
        let body = soon("a body", response.into_body().collect()).await.expect("a body").to_bytes();
        (status, String::from_utf8(body.into()).expect("text"))
    }

    async fn push(&self, name: &str, message: &Value) {
        assert_eq!(self.http("POST", &format!("/push/{name}"), &message.to_string()).await.0, 200);
    }

    async fn log(&self, name: &str) -> Vec<String> {
        serde_json::from_str(&self.http("GET", &format!("/log/{name}"), "").await.1).expect("lines")
    }
}

#[tokio::test]
async fn a_token_is_good_for_one_connection_and_a_chart_gets_the_points_of_its_project() {
    let program = Program::start().await;
    let (_, token) = program.http("GET", "/token", "").await;
    let path = format!("/websocket?token={token}");
    let mut page = program.page(&path).await;
    for bad in [&*path, "/websocket?token=no", "/websocket"] {
        assert_eq!(refused(Raw::try_dial(&program.url(bad), &[]).await).0, 401, "{bad}");
    }
    page.send("H&M").await;
    assert_eq!(page.text().await, "H&M");
    page.send(json!({ "groupId": 12, "projectId": 7 }).to_string()).await;
    page.send("H&M").await;
    assert_eq!(page.text().await, "H&M");
    program.push("charts", &json!({ "groupId": 12, "projectId": 8, "value": 1 })).await;
    program.push("charts", &json!({ "groupId": 12, "projectId": 7, "value": 2 })).await;
    assert_eq!(page.text().await, r#"{"groupId":12,"projectId":7,"value":2}"#);
}

#[tokio::test]
async fn a_chart_that_is_silent_for_too_long_is_disconnected_whatever_it_is_sent() {
    let idle = Duration::from_millis(300);
    let program = Program::with(Options { idle, every: Some(idle / 10), ..Options::default() }).await;
    let (_, token) = program.http("GET", "/token", "").await;
    let mut page = program.page(&format!("/websocket?token={token}")).await;
    page.send(json!({ "groupId": 1, "projectId": 1 }).to_string()).await;
    while page.frame().await.is_text() {}
    soon("its end in the log", async {
        while !program.log("charts").await.iter().any(|line| line.starts_with("closed 1 with ")) {}
    })
    .await;
}

#[tokio::test]
async fn hearts_are_answered_unless_the_servers_are_mute() {
    let hearts = [
        ("/ajaxchattest", r#"{"heart":1}"#, r#"{"id":"a1b2c3"}"#, r#"{"id":"a1b2c3","text":"ok"}"#),
        (
            "/subscribeWebSocket/",
            r#"{"service":"业务","type":"HEART_BEAT"}"#,
            r#"{"service":"业务1","type":"sub"}"#,
            "",
        ),
    ];
    for mute in [false, true] {
        let program = Program::with(Options { mute, every: None, ..Options::default() }).await;
        for (path, heart, opening, answer) in hearts {
            let mut page = program.page(path).await;
            page.send(heart).await;
            page.send(opening).await;
            if !mute {
                assert_eq!(page.text().await, heart);
            }
            if !answer.is_empty() {
                assert_eq!(page.text().await, answer);
            }
        }
    }
}

#[tokio::test]
async fn a_subscriber_gets_what_its_services_have() {
    let program = Program::start().await;
    let mut page = program.page("/subscribeWebSocket/").await;
    for service in ["业务1", "业务2", "业务"] {
        let kind = if service == "业务" { "HEART_BEAT" } else { "sub" };
        page.send(json!({ "type": kind, "service": service }).to_string()).await;
    }
    assert!(page.text().await.contains("HEART_BEAT"));
    for service in ["业务3", "业务2", "业务1"] {
        program.push("services", &json!({ "service": service, "data": 1 })).await;
    }
    for service in ["业务2", "业务1"] {
        assert_eq!(page.text().await, json!({ "service": service, "data": 1 }).to_string());
    }
    page.send(json!({ "type": "unsub", "service": "业务1" }).to_string()).await;
    page.send(json!({ "type": "HEART_BEAT" }).to_string()).await;
    page.text().await;
    program.push("services", &json!({ "service": "业务1", "data": 2 })).await;
    program.push("services", &json!({ "service": "业务2", "data": 3 })).await;
    assert_eq!(page.text().await, json!({ "service": "业务2", "data": 3 }).to_string());
}

#[tokio::test]
async fn the_monitor_welcomes_who_speaks_and_sends_a_point_at_every_tick() {
    let program = Program::with(Options { every: Some(Duration::from_millis(1)), ..Options::default() }).await;
    let mut page = program.page("/ws/monitor").await;
    page.send("12321").await;
    assert_eq!(page.text().await, "welcome to the monitor");
    let value = |text: String| -> u64 {
        let point: Value = serde_json::from_str(&text).expect("JSON");
        let [year, value] = [0, 1].map(|at| point["monitorCPU"][0][at].as_u64().expect("a number"));
        assert_eq!(year, 2000 + value);
        value
    };
    let first = value(page.text().await);
    for next in 1..100 {
        assert_eq!(value(page.text().await), first + next);
    }
}

#[tokio::test]
async fn an_event_of_socket_io_is_answered_to_one_and_told_to_all_and_the_server_pings() {
    let program = Program::with(Options { ping: Duration::from_millis(500), ..Options::default() }).await;
    let path = "/socket.io/?EIO=4&transport=websocket";
    let (mut ann, mut bob) = (program.page(path).await, program.page(path).await);
    for page in [&mut ann, &mut bob] {
        let about: Value = serde_json::from_str(page.text().await.strip_prefix('0').expect("open")).expect("JSON");
        assert_eq!((&about["pingInterval"], &about["pingTimeout"]), (&json!(500), &json!(500)));
        page.send("40").await;
        assert!(page.text().await.starts_with(r#"40{"sid":"#));
    }
    ann.send(r#"42["自定义事件1",{"x":1}]"#).await;
    assert_eq!(ann.text().await, r#"42["自定义事件1",{"x":1}]"#);
    for page in [&mut ann, &mut bob] {
        assert_eq!(page.text().await, r#"42["自定义事件2",{"x":1}]"#);
        assert_eq!(page.text().await, "2");
        page.send("3").await;
    }
    assert_eq!(refused(Raw::try_dial(&program.url("/socket.io/?EIO=3"), &[]).await).0, 403);
}

#[tokio::test]
async fn events_are_numbered_and_taken_up_after_the_last_that_was_seen() {
    let program = Program::start().await;
    for data in ["one", "two", "three"] {
        assert_eq!(program.http("POST", "/push/events", data).await.0, 200);
    }
    let (whole, _) = events(&program, "/events", None).await;
    let id = whole.lines().find_map(|line| line.strip_prefix("id: ")).expect("an id");
    let of_query = format!("/events?after={id}");
    let before = format!("/events?after={}", id.replace("-1", "-2"));
    for (path, header) in [("/events", Some(id)), (&*of_query, None), (&*before, Some(id))] {
        let (rest, mut body) = events(&program, path, header).await;
        assert!(!rest.contains("one"), "{rest}");
        for line in [&*format!("id: {}\n", id.replace("-1", "-2")), "event: point\n", "retry: 100\n", "data: two\n"] {
            assert!(rest.contains(line), "{rest}");
        }
        assert_eq!(program.http("POST", "/close/events?code=1000", "").await.0, 200);
        assert!(soon("the end", body.frame()).await.is_none());
    }
    let after_a_restart = events(&program, "/events", Some("12-1")).await.0;
    assert!(after_a_restart.contains("one"), "{after_a_restart}");
    let opened = [0, 1, 1, 1, 0].map(|last| format!("opened after {last}"));
    assert_eq!(program.log("events").await, opened);
}

/// What a stream has sent with its third event, and what comes then.
async fn events(program: &Program, path: &str, last: Option<&str>) -> (String, Incoming) {
    let tcp = TcpStream::connect(program.0).await.expect("it listens");
    let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await.expect("HTTP");
    tokio::spawn(connection);
    let mut request = Request::get(path).header("Host", "localhost");
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last);
    }
    let request = request.body(Full::new(Bytes::new())).expect("a request");
    let mut body = sender.send_request(request).await.expect("a response").into_body();
    let mut text = String::new();
    while !text.contains("three\n\n") {
        let frame = soon("an event", body.frame()).await.expect("an event").expect("an event");
        text += std::str::from_utf8(&frame.into_data().expect("data")).expect("text");
    }
    (text, body)
}

#[tokio::test]
async fn a_test_closes_the_connections_of_a_server_with_the_code_that_it_wants() {
    let program = Program::start().await;
    let (chat, mut device) = (program.page("/ajaxchattest").await, program.page("/goLink/device/phone").await);
    device.text().await;
    assert_eq!(program.http("POST", "/close/ajax_chat?code=1012&reason=restart", "").await.0, 200);
    assert_eq!(chat.closed().await, (1012, "restart".into()));
    program.push("devices", &json!({ "event": "stop_screen" })).await;
    assert_eq!(device.text().await, r#"{"event":"stop_screen"}"#);
    assert_eq!(program.http("POST", "/close/devices?code=4000", "").await.0, 200);
    assert_eq!(device.closed().await, (4000, String::new()));
    for path in ["/close/devices", "/close/devices?code=1005", "/close/devices?code=one"] {
        assert_eq!(program.http("POST", path, "").await.0, 400, "{path}");
    }
    assert_eq!(program.http("POST", "/close/nobody?code=1000", "").await.0, 404);
}

//! The program, as it is started and ended.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use heartline_driver_testing::process::Server;

use crate::MILLI;
use crate::client::{PATIENCE, SECRET};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
    command.args(arguments).env_remove("CHAT_SECRET");
    command
}

fn get(address: &str, path: &str) -> String {
    let mut tcp = TcpStream::connect(address).expect("it listens");
    write!(tcp, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("written");
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn it_says_where_it_serves_keeps_its_numbers_to_another_listener_and_ends_on_a_signal() {
    let mut server = Server::start(Box::new(|place| program(&[&format!("127.0.0.1:{}", place.port)])));
    server.listens();
    let public = format!("127.0.0.1:{}", server.place.port);
    assert!(get(&public, "/").starts_with("HTTP/1.1 200 "));
    let log = std::fs::read_to_string(server.place.log()).expect("it prints");
    assert!(log.contains(&format!("serving on http://{public}/\n")), "{log}");
    let metrics = log.split("metrics on http://").nth(1).and_then(|rest| rest.split('/').next()).expect(&log);
    assert_ne!(metrics, public);
    assert!(get(&public, "/metrics").starts_with("HTTP/1.1 404 "));
    let numbers = get(metrics, "/metrics");
    assert!(numbers.starts_with("HTTP/1.1 200 "), "{numbers}");
    assert!(numbers.contains("heartline_server_connections 0"), "{numbers}");
    assert!(server.interrupt());
    server.start_again();
    server.listens();
    server.terminate();
}

/// What a program says that ends by itself, without success.
fn complaint(mut command: Command) -> String {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it was built along");
    let begun = Instant::now();
    while child.try_wait().expect("a child").is_none() {
        if begun.elapsed() > PATIENCE {
            _ = child.kill();
        }
        std::thread::sleep(MILLI);
    }
    let Output { status, stderr, .. } = child.wait_with_output().expect("its end");
    assert_eq!(status.code(), Some(1), "{status}");
    String::from_utf8_lossy(&stderr).into_owned()
}

#[test]
fn it_does_not_start_where_anybody_could_be_anybody() {
    let secret = std::str::from_utf8(SECRET).expect("text");
    for (what, arguments, secret) in [
        ("the demo", &["0.0.0.0:0", "--demo"][..], Some(secret)),
        ("CHAT_SECRET", &["0.0.0.0:0"], None),
        ("32 bytes", &["127.0.0.1:0"], Some("short")),
        ("--nonsense", &["--nonsense"], Some(secret)),
        ("origins", &["127.0.0.1:0", "--origin", "chat.example"], Some(secret)),
    ] {
        let mut command = program(arguments);
        command.envs(secret.map(|secret| ("CHAT_SECRET", secret)));
        let complaint = complaint(command);
        assert!(complaint.contains(what), "{what}: {complaint}");
    }
}

//! The programs in `src/bin`, as a person would use them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use crate::{MOSQUITTO, PATIENCE, program};
use heartline_driver_testing::install::{self, Start};
use heartline_driver_testing::process::Server;

/// Types a line, waits for its acknowledgement, and ends the input.
fn sends_a_line(start: Option<Start>, program: &str, arguments: impl Fn(&Server) -> Vec<String>, line: &str) {
    let Some(start) = start else { return };
    let server = Server::start(start);
    server.listens(); // A person would wait for the second dial, which may be 5 s away.
    let mut command = Command::new(program);
    let command = command.args(arguments(&server)).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().expect("it was built along");
    let output = BufReader::new(process.stdout.take().expect("piped"));
    let (sender, printed) = mpsc::channel();
    std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let until = |what: &str| {
        let next = || printed.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{what}: {error}"));
        while !next().starts_with(what) {}
    };
    let mut input = process.stdin.take().expect("piped");
    writeln!(input, "{line}").expect("it reads");
    until("-- acknowledged");
    drop(input);
    until("-- closed");
    assert!(process.wait().expect("its end").success());
}

#[test]
fn socket_io_sends_events() {
    let start = install::node(program("socket_io.mjs"), "socket.io");
    let arguments = |server: &Server| vec![server.url(""), "/diary".into(), "note".into()];
    sends_a_line(start, env!("CARGO_BIN_EXE_socket_io"), arguments, "hello");
}

#[test]
fn graphql_ws_executes_mutations() {
    let start = install::node(program("graphql_ws.mjs"), "graphql-ws");
    let arguments = |server: &Server| vec![server.url("/graphql"), "subscription { noted }".into()];
    sends_a_line(start, env!("CARGO_BIN_EXE_graphql_ws"), arguments, r#"mutation { note(label: "hello") }"#);
}

#[test]
fn mqtt_publishes() {
    let start = install::debian("/usr/sbin/mosquitto", &["-c"], MOSQUITTO);
    let arguments = |server: &Server| vec![server.url("/mqtt"), "note".into(), "me".into()];
    sends_a_line(start, env!("CARGO_BIN_EXE_mqtt"), arguments, "hello");
}

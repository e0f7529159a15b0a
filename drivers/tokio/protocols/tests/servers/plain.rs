//! Plain WebSocket servers.

use std::time::Duration;

use crate::faults::befall;
use crate::ledger::Ledger;
use crate::traffic::Traffic;
use crate::{HEARTBEAT, lines, program};
use heartline_driver_testing::install::{self, Start};
use heartline_driver_testing::process::Server;

async fn loses_nothing(start: Option<Start>) {
    let Some(start) = start else { return };
    let mut server = Server::start(start);
    let ledger = Ledger::of(&server);
    let client = lines::client(&server.url("/"), HEARTBEAT);
    let traffic = Traffic::begin(&client, lines::line);
    befall(&client, &mut server, &ledger, Duration::from_secs(1)).await;
    traffic.account(&ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn node_ws_killed_stopped_and_restarted_loses_nothing() {
    loses_nothing(install::node(program("ws.mjs"), "ws")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn python_websockets_killed_stopped_and_restarted_loses_nothing() {
    let arguments = |place: &heartline_driver_testing::process::Place| {
        vec![program("websockets_server.py").into(), place.port.to_string().into(), place.ledger().into_os_string()]
    };
    loses_nothing(install::python("websockets", arguments)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn uvicorn_killed_stopped_and_restarted_loses_nothing() {
    let arguments = |place: &heartline_driver_testing::process::Place| {
        let port = place.port.to_string();
        let words = ["-m", "uvicorn", "uvicorn_app:app", "--lifespan", "off", "--timeout-graceful-shutdown", "1"];
        let mut arguments: Vec<std::ffi::OsString> = words.map(Into::into).to_vec();
        arguments.extend(["--port".into(), port.into(), "--app-dir".into(), program("").into()]);
        arguments
    };
    loses_nothing(install::python("uvicorn", arguments)).await;
}

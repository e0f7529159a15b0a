//! mosquitto, with the codec of this crate.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use heartline_protocols::mqtt::{Login, Mqtt, PROTOCOL, Received, Request, greet, publish, publish_once};
use heartline_tokio::{Client, Delivery, Outgoing, State};

use crate::faults::{befall, keep_quiet, until};
use crate::heard::Heard;
use crate::ledger::Ledger;
use crate::traffic::Traffic;
use crate::{MOSQUITTO, PATIENCE, settings};
use heartline_driver_testing::install;
use heartline_driver_testing::process::Server;

fn mosquitto() -> Option<Server> {
    install::debian("/usr/sbin/mosquitto", &["-c"], MOSQUITTO).map(Server::start)
}

/// A client of this name, whose heartbeat finds a dead server within two seconds.
fn client(server: &Server, client_id: &str, filters: &[&str]) -> (Client<Request>, Heard<String>) {
    let login = Login { client_id: client_id.into(), credentials: None, keep_alive: 1 };
    let filters: Vec<String> = filters.iter().map(|filter| String::from(*filter)).collect();
    let builder = Client::builder(server.url("/mqtt")).session(settings(login.heartbeat())).codec(Mqtt::default());
    let builder = builder.request(|dial| async move { Ok(dial.request()?.protocol(PROTOCOL)) });
    let builder = builder.greeting(move |link| greet(link, login.clone(), filters.clone()));
    let (client, incoming) = builder.spawn().expect("valid");
    let payload = |received| match received {
        Received::Published { payload, .. } => Some(String::from_utf8_lossy(&payload).into_owned()),
        Received::Subscribed(granted) => Some(format!("subscribed: {granted:?}")),
        _ => None,
    };
    (client, Heard::from(incoming, payload))
}

fn note(label: &str, delivery: Delivery) -> Outgoing<Request> {
    let topic = format!("note/{label}");
    match delivery {
        Delivery::AtLeastOnce => publish(topic, label.to_owned()),
        _ => publish_once(topic, label.to_owned()),
    }
}

/// `least-3` of a log's line `… Received PUBLISH from me (d0, q1, r0, m4, 'note/least-3', ... (7 bytes))`.
fn label(line: &str) -> Option<&str> {
    line.contains("Received PUBLISH from").then_some(line)?.split_once("'note/")?.1.split('\'').next()
}

/// The same with whether it is a duplicate, and its packet id.
fn publication(line: &str) -> Option<(&str, (bool, &str))> {
    let label = label(line).filter(|label| label.starts_with("least-"))?;
    let mut flags = line.split_once(" (")?.1.split(", ");
    Some((label, (flags.next()? == "d1", flags.nth(2)?)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn killed_stopped_and_restarted_it_loses_nothing_and_what_comes_again_says_so() {
    let Some(mut server) = mosquitto() else { return };
    let ledger = Ledger::log_of(&server, label);
    let (client, _heard) = client(&server, "writer", &[]);
    let traffic = Traffic::begin(&client, note);
    befall(&client, &mut server, &ledger, Duration::from_secs(2)).await;
    traffic.account(&ledger).await;

    let log = std::fs::read_to_string(server.place.log()).expect("a log");
    let mut first: HashMap<&str, &str> = HashMap::new();
    for (label, (duplicate, packet_id)) in log.lines().filter_map(publication) {
        if let Some(before) = first.insert(label, packet_id) {
            assert!(duplicate && before == packet_id, "{label} as {before}, then as {packet_id}, DUP {duplicate}");
        }
    }
    assert!(log.contains("Received PUBLISH from writer (d1, q1"), "something came again");
    assert!(log.contains("Received DISCONNECT from writer"), "the goodbye");
}

/// Killed, mosquitto forgets what it had acknowledged and not yet passed on, so that is not tried here.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn stopped_and_restarted_it_passes_on_everything_to_a_client_that_was_away() {
    let Some(mut server) = mosquitto() else { return };
    let (reader, mut heard) = client(&server, "reader", &["note/#"]);
    assert_eq!(heard.next().await, "subscribed: [true]");
    let (writer, _heard) = client(&server, "writer", &[]);
    for number in 0..400 {
        match number {
            // Of what comes meanwhile there is more than a greeting has room for.
            100 => drop(reader.close(PATIENCE).await),
            200 => server.stop(),
            264 => {
                until(&writer, "the loss of a silent server", |status| status.state != State::Open).await;
                server.go_on();
            }
            300 => {
                server.terminate();
                server.start_again();
            }
            _ => {}
        }
        let label = format!("least-{number}");
        _ = writer.send(note(&label, Delivery::AtLeastOnce)).await.expect("accepted");
        if number == 50 {
            assert!(heard.next().await.starts_with("least-"));
        }
    }
    assert!(writer.close(PATIENCE).await.is_clean());
    let mut missing: HashSet<String> = (101..400).map(|number| format!("least-{number}")).collect();
    let (reader, mut heard) = client(&server, "reader", &["note/#"]);
    while !missing.is_empty() {
        missing.remove(&heard.next().await);
    }
    assert!(reader.close(PATIENCE).await.is_clean());
}

/// A ping a second, as promised, whatever else there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn its_keep_alive_is_kept() {
    let Some(server) = mosquitto() else { return };
    let (client, _heard) = client(&server, "quiet", &[]);
    let stats = keep_quiet(&client).await;
    assert!(stats.pongs >= 3 && stats.lost_to_heartbeat == 0, "{stats:?}");
}

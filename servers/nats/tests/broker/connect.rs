//! Connections that are refused, and those that need credentials or TLS.

use std::error::Error;
use std::fs;
use std::time::Duration;

use async_nats::ConnectOptions;
use heartline_driver_testing::process::Server;
use heartline_driver_testing::{Authority, PATIENCE};
use heartline_nats::{Builder, ConnectError, Nats};

use crate::kit::{broker, builder, node, reads_until_back, start, within};

async fn refused(builder: Builder) -> ConnectError {
    within(builder.connect()).await.expect_err("an error")
}

async fn accepted(builder: Builder) {
    let nats = within(builder.connect()).await.expect("a connection");
    assert!(reads_until_back(&nats, "hello").await.is_empty());
}

/// The error and all of its sources.
fn whole(error: &ConnectError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!("; {error}");
        source = error.source();
    }
    text
}

fn nobody() -> ConnectOptions {
    ConnectOptions::new()
}

#[tokio::test]
async fn a_password_is_needed_where_one_is_set() {
    let Some(broker) = broker("authorization { user: ann, password: secret }") else { return };
    let right = ConnectOptions::with_user_and_password("ann".into(), "secret".into());
    let wrong = ConnectOptions::with_user_and_password("ann".into(), "guess".into());
    accepted(builder("a", &broker).options(right)).await;
    for options in [wrong, nobody()] {
        let error = refused(builder("a", &broker).options(options)).await;
        assert!(matches!(error, ConnectError::Credentials(_)), "{error:?}");
        assert!(!format!("{error:?}").contains("guess"));
    }
}

#[tokio::test]
async fn a_token_is_needed_where_one_is_set() {
    let Some(broker) = broker("authorization { token: secret }") else { return };
    accepted(builder("a", &broker).options(ConnectOptions::with_token("secret".into()))).await;
    let error = refused(builder("a", &broker).options(ConnectOptions::with_token("guess".into()))).await;
    assert!(matches!(error, ConnectError::Credentials(_)), "{error:?}");
}

#[tokio::test]
async fn an_nkey_is_needed_where_one_is_set() {
    let pair = nkeys::KeyPair::new_user();
    let Some(broker) = broker(&format!("authorization {{ users: [ {{ nkey: {} }} ] }}", pair.public_key())) else {
        return;
    };
    accepted(builder("a", &broker).options(ConnectOptions::with_nkey(pair.seed().expect("a seed")))).await;
    for seed in [nkeys::KeyPair::new_user().seed().expect("a seed"), "no seed".into()] {
        let error = refused(builder("a", &broker).options(ConnectOptions::with_nkey(seed))).await;
        assert!(matches!(error, ConnectError::Credentials(_)), "{error:?}");
    }
}

#[tokio::test]
async fn subjects_that_are_not_permitted_are_an_error_and_not_a_silence() {
    for denied in ["publish: { deny: \"heartline.>\" }", "subscribe: { deny: \"heartline.all\" }"] {
        let config =
            format!("authorization {{ users: [ {{ user: ann, password: p, permissions: {{ {denied} }} }} ] }}");
        let Some(broker) = broker(&config) else { return };
        let ann = || ConnectOptions::with_user_and_password("ann".into(), "p".into());
        let patient = builder("a", &broker).connect_timeout(PATIENCE / 5);
        let error = refused(patient.options(ann())).await;
        assert!(error.to_string().contains("Permissions Violation"), "{error}");
        accepted(builder("a", &broker).options(ann()).prefix("other")).await;
    }
}

#[tokio::test]
async fn without_its_echo_a_node_is_refused() {
    let Some(broker) = broker("") else { return };
    let quick = builder("a", &broker).connect_timeout(Duration::from_millis(200));
    let error = refused(quick.options(ConnectOptions::new().no_echo())).await;
    assert!(matches!(error, ConnectError::NoEcho(None) | ConnectError::Unreachable(_)), "{error:?}");
}

/// A broker with TLS, its directory holding `root.pem`, `client.pem` and `client.key`, and `others.pem`.
fn tls(names: &[&str], verify: bool) -> Option<Server> {
    let config = format!(
        "tls {{ cert_file: \"@DIRECTORY@/broker.pem\", key_file: \"@DIRECTORY@/broker.key\", ca_file: \"@DIRECTORY@/root.pem\", \
         verify: {verify}, timeout: 10 }}"
    );
    let mut server = Server::prepare(start(&config)?);
    let ours = Authority::new();
    let write = |name: &str, text: String| fs::write(server.place.directory.join(name), text).expect("a file");
    write("root.pem", ours.pem());
    write("others.pem", Authority::named("another").pem());
    for (name, names) in [("broker", names), ("client", &["a node"][..])] {
        let (certificate, key) = ours.issue(names).pem();
        write(&format!("{name}.pem"), certificate);
        write(&format!("{name}.key"), key);
    }
    server.start_again();
    server.listens();
    Some(server)
}

fn over_tls(broker: &Server, options: ConnectOptions) -> Builder {
    let url = format!("tls://127.0.0.1:{}", broker.place.port);
    Nats::builder(&node("a"), [url]).connect_timeout(PATIENCE).options(options)
}

fn trusting(broker: &Server, root: &str) -> ConnectOptions {
    ConnectOptions::new().add_root_certificates(broker.place.directory.join(root))
}

#[tokio::test]
async fn a_broker_over_tls_has_to_be_trusted_under_its_name() {
    let Some(broker) = tls(&["127.0.0.1"], false) else { return };
    accepted(over_tls(&broker, trusting(&broker, "root.pem"))).await;
    for root in ["others.pem", "missing.pem"] {
        let error = refused(over_tls(&broker, trusting(&broker, root))).await;
        assert!(matches!(error, ConnectError::Tls(_)), "{}", whole(&error));
    }
    let Some(broker) = tls(&["nats.internal"], false) else { return };
    let error = refused(over_tls(&broker, trusting(&broker, "root.pem"))).await;
    assert!(whole(&error).contains("certificate not valid for name"), "{}", whole(&error));
}

#[tokio::test]
async fn a_client_certificate_is_needed_where_the_broker_asks_for_one() {
    let Some(broker) = tls(&["127.0.0.1"], true) else { return };
    let file = |name: &str| broker.place.directory.join(name);
    let with = trusting(&broker, "root.pem").add_client_certificate(file("client.pem"), file("client.key"));
    accepted(over_tls(&broker, with)).await;
    let error = refused(over_tls(&broker, trusting(&broker, "root.pem"))).await;
    assert!(matches!(error, ConnectError::Tls(_)), "{}", whole(&error));
}

#[tokio::test]
async fn a_broker_without_tls_is_refused_over_tls() {
    let Some(broker) = broker("") else { return };
    let error = refused(over_tls(&broker, ConnectOptions::new())).await;
    assert!(matches!(error, ConnectError::Tls(_)), "{}", whole(&error));
}

#[tokio::test]
async fn the_first_broker_that_answers_is_taken_and_none_is_an_error() {
    let Some(mut broker) = broker("") else { return };
    let servers = ["nats://127.0.0.1:1".to_owned(), crate::kit::url(&broker)];
    for _ in 0..4 {
        accepted(Nats::builder(&node("a"), servers.clone()).connect_timeout(PATIENCE / 4)).await;
    }
    broker.kill();
    let error = refused(builder("a", &broker)).await;
    assert!(matches!(error, ConnectError::Unreachable(_)), "{error:?}");
}

#[tokio::test]
async fn a_broker_that_takes_shorter_packets_than_the_directory_sends_is_refused() {
    let Some(broker) = broker("max_payload: 100000") else { return };
    let error = refused(builder("a", &broker)).await;
    assert!(matches!(error, ConnectError::MaxPayload { broker: 100_000, needed: 1_048_576 }), "{error:?}");
    accepted(builder("a", &broker).max_payload(100_000)).await;
}

#[tokio::test]
async fn settings_are_checked_before_anything_is_dialled() {
    let here = || Nats::builder(&node("a"), ["nats://127.0.0.1:1"]);
    let out_of_range = [
        (here().max_payload(1000), "max_payload"),
        (here().outgoing(1 << 20), "outgoing"),
        (here().incoming(1 << 20), "incoming"),
        (here().ping_interval(Duration::ZERO), "ping_interval"),
        (here().connect_timeout(Duration::from_secs(61)), "connect_timeout"),
    ];
    for (builder, field) in out_of_range {
        let error = refused(builder).await;
        assert!(matches!(&error, ConnectError::Config(error) if error.field == field), "{error:?}");
    }
    for prefix in ["", ".", "a.", "a..b", "a b", "a.*", ">", &"a".repeat(129)] {
        assert!(matches!(refused(here().prefix(prefix)).await, ConnectError::Prefix), "{prefix}");
    }
    for url in ["nats://ann:secret@127.0.0.1:1", "http://127.0.0.1:1", "nats://[:1", "ws://127.0.0.1:1"] {
        let error = refused(Nats::builder(&node("a"), ["127.0.0.1:1", url])).await;
        assert!(matches!(error, ConnectError::Server(1)), "{url}: {error:?}");
        assert!(!whole(&error).contains("secret"));
    }
    assert!(matches!(refused(Nats::builder(&node("a"), [""; 0])).await, ConnectError::NoServer));
}

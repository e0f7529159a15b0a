//! Clusters that cannot be.

use std::sync::Arc;
use std::time::Duration;

use heartline::directory::Settings;
use heartline::hub::{self, SecondLogin};
use heartline_axum::cluster::LocalBroker;
use heartline_axum::{BuildError, FrameLimits};

use super::{Wire, node};
use crate::site::{plain, quiet};

fn refusal(hub: hub::Settings, limits: FrameLimits, settings: Settings) -> BuildError {
    let link = Arc::new(LocalBroker::default().connect(&node("a")));
    plain(hub).limits(limits).cluster(node("a"), link, settings).build().expect_err("no such cluster")
}

#[tokio::test]
async fn second_logins_cannot_be_refused_among_several_nodes() {
    let settings = hub::Settings { second_login: SecondLogin::Refuse, ..quiet() };
    let error = refusal(settings, FrameLimits::default(), Settings::default());
    assert_eq!(error, BuildError::RefuseInCluster);
}

#[tokio::test]
async fn a_setting_of_the_cluster_outside_of_its_range_is_named() {
    let settings = Settings { lease: Settings::default().hello, ..Settings::default() };
    let error = refusal(quiet(), FrameLimits::default(), settings);
    assert!(error.to_string().starts_with("cluster: lease is 1s;"), "{error}");
}

#[tokio::test]
async fn messages_have_to_fit_into_the_brokers() {
    let settings = Settings { max_payload: 512 * 1024 + 1023, ..Settings::default() };
    let error = refusal(quiet(), FrameLimits::default(), settings.clone());
    assert!(error.to_string().starts_with("limits.max_outbound_message is 524288;"), "{error}");
    let link = Arc::new(LocalBroker::default().connect(&node("a")));
    let settings = Settings { max_payload: 512 * 1024 + 1024, ..settings };
    assert!(plain(quiet()).cluster(node("a"), link, settings).build().is_ok());
}

#[tokio::test]
async fn packets_have_to_fit_into_the_brokers_limit() {
    let wire = Arc::new(Wire::new(LocalBroker::default().connect(&node("a"))));
    wire.takes(1024 * 1024 - 1);
    let error = plain(quiet()).cluster(node("a"), wire, Settings::default()).build().expect_err("too long");
    assert_eq!(error.to_string(), "cluster: max_payload is 1048576; allowed is what the broker takes, up to 1048575");
}

#[tokio::test]
async fn a_handler_may_not_be_timed_out_for_what_another_node_fails_to_say() {
    let settings = Settings { relay_timeout: Duration::from_secs(60), ..Settings::default() };
    let error = refusal(quiet(), FrameLimits::default(), settings);
    assert_eq!(error.to_string(), "cluster: relay_timeout is 60s; allowed is less than the handler_timeout, 60s");
}

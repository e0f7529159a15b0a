//! The most telling faults, at a small size, with a lease of two seconds.

use std::time::Duration;

use heartline::directory::Settings;
use heartline_driver_testing::PATIENCE;
use heartline_faults::fault::Fault;
use heartline_faults::report::{HEAD, Report};
use heartline_faults::run::run;
use heartline_faults::setup::Setup;
use heartline_faults::wire::Trouble;

/// Nothing that must not be; and people talked.
async fn survives(fault: Fault) -> Option<Report> {
    const MILLI: Duration = Duration::from_millis(1);
    let directory = Settings {
        hello: 500 * MILLI,
        lease: 2000 * MILLI,
        relay_timeout: 1000 * MILLI,
        offline_grace: 1000 * MILLI,
        ..Settings::default()
    };
    let setup = Setup {
        users: 12,
        pace: 10 * MILLI,
        moves: 300 * MILLI,
        directory,
        patience: PATIENCE,
        ..Setup::of(env!("CARGO_BIN_EXE_chat-node"))
    };
    let report = run(fault, &setup).await?;
    println!("{HEAD}\n{}", report.row());
    assert_eq!(report.violations(), [""; 0]);
    assert!(outcome(&report, "routed") > 0, "{:?}", report.audit);
    assert_eq!(report.row().matches(" | ").count(), HEAD.lines().next().unwrap_or_default().matches(" | ").count());
    Some(report)
}

fn outcome(report: &Report, outcome: &str) -> usize {
    report.audit.count(&format!("of these {outcome}")).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_a_node_that_is_killed_are_back_on_the_others_and_it_is_started_again() {
    let Some(report) = survives(Fault::NodeKilled).await else { return };
    assert!(outcome(&report, "the connection broke") > 0, "{}", report.row());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stood_still_for_longer_than_a_lease_learns_what_it_missed() {
    let Some(report) = survives(Fault::NodeStoppedLong).await else { return };
    assert!(report.stats["b"].suspensions > 0, "{:?}", report.stats);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_whose_broker_was_killed_serve_alone_or_on_another_broker_and_are_one_again() {
    let Some(report) = survives(Fault::BrokerKilled).await else { return };
    assert!(outcome(&report, "offline") > 0, "{}", report.row());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_broker_falls_silent_goes_on_by_another_and_what_is_late_is_not_told_to_be_routed() {
    let Some(report) = survives(Fault::FailsOver(Trouble::Stalled)).await else { return };
    assert!(outcome(&report, "unknown") > 0, "{}", report.row());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_halves_of_a_split_settle_the_logins_that_did_not_know_of_each_other() {
    let Some(report) = survives(Fault::Split(Trouble::Cut)).await else { return };
    assert!(outcome(&report, "4509") > 0, "{}", report.row());
    assert!(report.stats.values().map(|stats| stats.concurrent).sum::<u64>() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_and_every_broker_is_restarted_behind_nginx_while_people_talk() {
    let Some(report) = survives(Fault::Restart).await else { return };
    assert!(outcome(&report, "1012") > 0, "{}", report.row());
}

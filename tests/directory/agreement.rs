//! That all nodes come to know the same users: by packets, and by repair where packets were lost.

use heartline::directory::{Event, Settings};

use crate::cluster::{Cluster, SECOND};

/// [D5]
#[test]
fn a_login_is_known_everywhere_after_the_delay_of_a_batch() {
    let mut cluster = Cluster::new(3);
    cluster.login(1, 1, "ann");
    assert_eq!(cluster.opinions("ann"), [None, Some("n1".into()), None]);
    cluster.run(SECOND / 20);
    assert_eq!(cluster.opinion("ann"), Some("n1".into()));
    assert_eq!(cluster.events(2), [Event::Online("ann".into())]);
}

/// [D7] [D16]
#[test]
fn logins_whose_packets_were_lost_are_asked_for() {
    let mut cluster = Cluster::new(2);
    cluster.cut.insert((0, 1));
    for nth in 1..=50 {
        cluster.login(0, nth, &format!("user {nth}"));
    }
    cluster.run(SECOND / 10);
    assert_eq!(cluster.node(1).online().len(), 0);
    cluster.cut.clear();
    cluster.run(2 * SECOND);
    assert_eq!(cluster.node(1).online().len(), 50);
}

/// [D7]
#[test]
fn changes_that_are_not_kept_any_more_are_repaired_by_digests() {
    let mut cluster = Cluster::new(2);
    cluster.cut.insert((0, 1));
    for nth in 1..=5000 {
        cluster.login(0, nth, &format!("user {nth}"));
    }
    cluster.run(SECOND / 10);
    cluster.cut.clear();
    cluster.run(2 * SECOND);
    assert_eq!(cluster.node(1).online().len(), 5000);
    assert!(cluster.node(1).stats().repaired > 0);
}

/// [D6]
#[test]
fn a_new_node_and_the_others_hear_of_each_other_soon() {
    let mut cluster = Cluster::new(2);
    cluster.login(0, 1, "ann");
    cluster.run(SECOND / 10 * 3);
    cluster.crash(1);
    cluster.start(1);
    // One spread until the other says hello, one until it is asked.
    cluster.run(SECOND / 2);
    assert!(cluster.node(1).nodes().all(|node| node.hears_us && node.in_step && node.users == 1));
    assert_eq!(cluster.opinion("ann"), Some("n0".into()));
}

/// [D7] The changes that a busy node goes on publishing do not count as the answer to a question about its buckets.
#[test]
fn missing_buckets_are_asked_for_while_changes_go_on_coming() {
    let settings = Settings { ask_spread: SECOND / 2, ..Settings::default() };
    let mut cluster = Cluster::with(5, settings);
    (1..5).for_each(|nth| cluster.crash(nth));
    for nth in 1..=5000 {
        cluster.login(0, nth, &format!("user {nth}"));
    }
    cluster.run(SECOND);
    (1..5).for_each(|nth| cluster.start(nth));
    for nth in 5001..=5300 {
        cluster.login(0, nth, &format!("user {nth}"));
        cluster.run(SECOND / 50);
    }
    cluster.run(SECOND / 10);
    assert!((1..5).all(|nth| cluster.node(nth).online().len() == 5300));
}

/// [D5]
#[test]
fn further_logins_do_not_delay_the_first() {
    let mut cluster = Cluster::new(2);
    for nth in 1..=4 {
        cluster.login(0, nth, &format!("user {nth}"));
        cluster.run(SECOND / 50);
    }
    assert!(cluster.node(1).online().len() >= 3);
}

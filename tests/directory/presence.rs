//! Who is online on any node.

use std::time::Duration;

use heartline::directory::{Event, Input, Settings};

use crate::cluster::{Cluster, SECOND, conn};

/// [D15]
#[test]
fn a_move_between_nodes_is_no_event() {
    let mut cluster = Cluster::new(3);
    cluster.login(0, 1, "ann");
    cluster.run(SECOND);
    cluster.act(0, Input::Ended { conn: conn(1), user: "ann".into(), logged_out: false });
    cluster.run(2 * SECOND);
    cluster.login(1, 1, "ann");
    cluster.run(10 * SECOND);
    for nth in 0..3 {
        assert_eq!(cluster.events(nth), [Event::Online("ann".into())]);
    }
}

/// [D15]
#[test]
fn whoever_does_not_come_back_is_offline_after_the_grace() {
    let mut cluster = Cluster::new(2);
    cluster.login(0, 1, "ann");
    cluster.run(SECOND);
    cluster.act(0, Input::Ended { conn: conn(1), user: "ann".into(), logged_out: false });
    cluster.run(SECOND / 20 + 3 * SECOND - SECOND / 1000);
    assert_eq!(cluster.events(1), [Event::Online("ann".into())]);
    cluster.run(SECOND / 1000);
    assert_eq!(cluster.events(1), [Event::Online("ann".into()), Event::Offline("ann".into())]);
}

/// [D15]
#[test]
fn whoever_logs_out_is_offline_at_once() {
    let mut cluster = Cluster::new(2);
    cluster.login(0, 1, "ann");
    cluster.run(SECOND);
    cluster.log_out(0, 1, "ann");
    cluster.run(SECOND / 20);
    for nth in 0..2 {
        assert_eq!(cluster.events(nth), [Event::Online("ann".into()), Event::Offline("ann".into())]);
    }
}

/// [D15]
#[test]
fn users_of_a_node_that_is_gone_have_the_grace_too() {
    let mut cluster = Cluster::with(2, Settings { offline_grace: Duration::from_secs(3), ..Settings::default() });
    cluster.login(0, 1, "ann");
    cluster.login(0, 2, "bob");
    cluster.run(SECOND);
    cluster.forget();
    cluster.crash(0);
    cluster.run(6 * SECOND);
    cluster.login(1, 1, "bob");
    cluster.run(2 * SECOND);
    let events = cluster.events(1);
    assert!(events.contains(&Event::Offline("ann".into())));
    assert!(!events.contains(&Event::Offline("bob".into())));
}

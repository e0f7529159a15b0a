//! Who is online on any node.

use std::time::Duration;

use heartline::CloseCode;
use heartline::directory::{Departure, Event, Input, Settings, User};

use crate::cluster::{Cluster, SECOND, conn};

/// [D15]
#[test]
fn a_move_between_nodes_is_no_event() {
    let mut cluster = Cluster::new(3);
    cluster.login(0, 1, "ann");
    cluster.run(SECOND);
    cluster.act(0, Input::Ended { conn: conn(1), user: "ann".into(), departure: Departure::Lost });
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
    for (departure, grace) in [(Departure::Lost, 3 * SECOND), (Departure::SentAway, 30 * SECOND)] {
        let mut cluster = Cluster::new(2);
        cluster.login(0, 1, "ann");
        cluster.run(SECOND);
        cluster.act(0, Input::Ended { conn: conn(1), user: "ann".into(), departure });
        cluster.run(SECOND / 20 + grace - SECOND / 1000);
        assert_eq!(cluster.events(1), [Event::Online("ann".into())], "{departure:?}");
        cluster.run(SECOND / 1000);
        assert_eq!(cluster.events(1), [Event::Online("ann".into()), Event::Offline("ann".into())], "{departure:?}");
    }
}

/// [D14] [D15]
#[test]
fn a_goodbye_leaves_users_the_time_to_come_back() {
    let mut cluster = Cluster::new(2);
    cluster.login(0, 1, "ann");
    cluster.run(SECOND);
    cluster.act(0, Input::Leave);
    cluster.run(29 * SECOND);
    assert!(!cluster.events(1).contains(&Event::Offline("ann".into())));
    cluster.run(2 * SECOND);
    assert!(cluster.events(1).contains(&Event::Offline("ann".into())));
}

/// [D15]
#[test]
fn the_code_of_a_close_says_whether_the_user_is_expected_back() {
    let departures = [CloseCode::NORMAL, CloseCode::SERVICE_RESTART, CloseCode::SUPERSEDED].map(Departure::by_close);
    assert_eq!(departures, [Departure::LoggedOut, Departure::SentAway, Departure::Lost]);
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

/// [D15] However many leave at one moment, each step after their grace is short.
#[test]
fn graces_end_in_steps() {
    let mut cluster = Cluster::new(1);
    for nth in 1..=2000 {
        let user = User::from(format!("user {nth}"));
        cluster.feed(0, Input::Login { conn: conn(nth), user: user.clone() });
        cluster.feed(0, Input::Ended { conn: conn(nth), user, departure: Departure::Lost });
    }
    cluster.forget();
    cluster.now = cluster.now.saturating_add(3 * SECOND);
    for told in [1024, 2000] {
        assert!(cluster.node(0).deadline().is_some_and(|due| due <= cluster.now));
        cluster.feed(0, Input::Timer);
        let offline = cluster.events(0).into_iter().filter(|event| matches!(event, Event::Offline(_)));
        assert_eq!(offline.count(), told);
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

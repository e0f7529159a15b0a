//! Logins: storms, and users who move.

use super::*;

/// [D4]: a user who moves is closed with the final code where it was, and nobody is closed to come back.
#[test]
fn a_login_elsewhere_closes_the_one_before_for_good() {
    seeds(TRIES, |seed| {
        let mut cluster = cluster(seed, 3);
        let [old, new] = ["ann", "ann"].map(|name| cluster.session(name));
        cluster.go(old, 0, false);
        cluster.run_for(SECOND);
        cluster.go(new, 1, false);
        cluster.run_for(SECOND);
        assert_eq!(states(&cluster, [old, new]), [State::Idle, State::Open]);
        assert_eq!((cluster.tally().superseded, cluster.tally().concurrent), (1, 0));
        calm(&mut cluster);
    });
}

/// [D5] [D7] [D16]
#[test]
fn a_storm_of_logins_during_loss_is_known_to_all_after_the_calm() {
    seeds(TRIES, |seed| {
        let mut cluster = cluster(seed, 4);
        cluster.brokers().loss = 300;
        let sessions: Vec<_> = (0..100).map(|user| cluster.session(&format!("u{user}"))).collect();
        for session in sessions {
            let node = cluster.random().below(4) as usize;
            cluster.go(session, node, true);
            cluster.run_for(20 * MILLISECOND);
        }
        cluster.run_for(3 * SECOND);
        calm(&mut cluster);
    });
}

/// [D4] [D16]
#[test]
fn a_user_who_hops_between_nodes_faster_than_packets_travel_ends_up_on_one() {
    seeds(TRIES, |seed| {
        let mut cluster = cluster(seed, 4);
        cluster.brokers().delay = Duration::ZERO..500 * MILLISECOND;
        let session = cluster.session("ann");
        for hop in 0..12 {
            cluster.go(session, hop % 4, true);
            let stay = cluster.random().duration(10 * MILLISECOND..300 * MILLISECOND);
            cluster.run_for(stay);
        }
        calm(&mut cluster);
        assert_eq!(cluster.state(session), State::Open, "nobody else is this user");
    });
}

/// [D7]: what is lost in the middle of a repair is asked for again, also if it has several parts.
#[test]
fn claims_that_are_cut_off_in_the_middle_of_a_snapshot_are_asked_for_again() {
    seeds(TRIES, |seed| {
        // One after the other, so that the snapshot takes a while.
        let directory = directory::Settings { answer_rate: 2 * 1024, ..directory::Settings::default() };
        let directory = directory::Config::new(directory).expect("valid");
        let mut cluster = started(seed, 2, Settings { directory, ..settings() });
        let sessions = populated(&mut cluster, 60);
        cluster.churn(0, 2_100);
        cluster.crash(1);
        cluster.run_for(SECOND);
        cluster.start(1, Wall::default());
        // The digests are sent after their turn, then bucket after bucket.
        cluster.run_for(3 * SECOND);
        for _ in 0..3 {
            cut(&mut cluster, 1);
            cluster.run_for(500 * MILLISECOND);
            heal(&mut cluster, 1);
            cluster.run_for(700 * MILLISECOND);
        }
        calm(&mut cluster);
        assert!(sessions.iter().all(|session| cluster.state(*session) == State::Open));
        let stats = cluster.directory(1, |directory| directory.stats()).expect("it runs");
        // For changes, for the buckets that differ, and for those of them that were lost.
        assert!(stats.repaired > 0 && stats.asked >= 3, "{stats:?}");
    });
}

/// [D15]
#[test]
fn a_user_who_moves_is_never_offline_and_one_who_logs_out_is_at_once() {
    seeds(TRIES, |seed| {
        let mut cluster = cluster(seed, 3);
        let session = cluster.session("ann");
        for node in [0, 1, 2] {
            cluster.go(session, node, false);
            cluster.run_for(4 * SECOND);
        }
        assert_eq!((cluster.state(session), cluster.tally().departures), (State::Open, 0));
        cluster.log_out(session);
        cluster.run_for(SECOND);
        assert_eq!(cluster.tally().departures, 3, "each node was told, without the grace of 3 s");
        calm(&mut cluster);
    });
}

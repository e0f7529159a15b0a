//! Faults of the brokers, of the links between them, and of the links to them.

use super::*;

/// [D8] [D16]
#[test]
fn a_split_between_brokers_cuts_no_node_off_and_leaves_no_trace() {
    seeds(TRIES, |seed| {
        let mut cluster = cluster(seed, 4);
        populated(&mut cluster, 8);
        cluster.cut(Leg::Between(0, 1));
        cluster.cut(Leg::Between(1, 0));
        cluster.run_for(6 * SECOND);
        assert_eq!(cluster.directory(0, |directory| directory.nodes().count()), Some(1), "those beyond are gone");
        assert_eq!(cluster.directory(0, |directory| directory.is_cut_off()), Some(false));
        // Both sides go on, and a user may be on both.
        let twice = cluster.session("u0");
        cluster.go(twice, 1, false);
        cluster.run_for(3 * SECOND);
        assert_eq!(states(&cluster, [0, twice]), [State::Open; 2]);
        calm(&mut cluster);
    });
}

/// [D8] [D10]: a node hears another that does not hear it.
#[test]
fn a_split_in_one_direction_is_told_and_what_is_sent_there_ends_as_unknown() {
    seeds(TRIES, |seed| {
        let mut cluster = cluster(seed, 2);
        populated(&mut cluster, 2);
        cluster.cut(Leg::Between(0, 1));
        cluster.run_for(6 * SECOND);
        let hears =
            cluster.directory(0, |directory| directory.nodes().map(|status| status.hears_us).collect::<Vec<_>>());
        assert_eq!(hears, Some(vec![false]), "it is heard, and does not hear");
        cluster.say(0, &user("u1"), 1, false);
        cluster.run_for(3 * SECOND);
        assert_eq!(cluster.tally().unknown, 1, "{}", cluster.tally());
        calm(&mut cluster);
    });
}

/// [D9]
#[test]
fn a_node_without_its_broker_is_cut_off_and_serves_alone_or_sends_its_clients_away() {
    for send_away_when_cut_off in [false, true] {
        seeds(TRIES, |seed| {
            let directory = directory::Settings { send_away_when_cut_off, ..directory::Settings::default() };
            let directory = directory::Config::new(directory).expect("valid");
            let mut cluster = started(seed, 3, Settings { directory, ..settings() });
            let sessions = populated(&mut cluster, 6);
            cut(&mut cluster, 0);
            cluster.run_for(6 * SECOND);
            assert_eq!(cluster.directory(0, |directory| directory.is_cut_off()), Some(true));
            assert_eq!(cluster.state(sessions[0]) == State::Open, !send_away_when_cut_off);
            calm(&mut cluster);
        });
    }
}

/// [D9] [D7]: what was under way is lost, nothing that was sent before counts, and claims are compared anew.
#[test]
fn a_broker_that_dies_costs_what_was_under_way_and_nothing_else() {
    seeds(TRIES, |seed| {
        let mut cluster = cluster(seed, 4);
        let sessions = populated(&mut cluster, 12);
        for session in sessions {
            cluster.go(session, (session + 1) % 4, true);
            if session == 6 {
                cluster.crash_broker(0);
            }
            cluster.run_for(10 * MILLISECOND);
        }
        cluster.run_for(2 * SECOND);
        cluster.start_broker(0);
        calm(&mut cluster);
    });
}

/// [D7] [D10]: a leg that stalls delivers late what was sent, one that is cut loses it.
#[test]
fn a_stalled_leg_delivers_late_and_a_cut_one_never() {
    for (stalled, arrives) in [(true, 1), (false, 0)] {
        seeds(TRIES, |seed| {
            let mut cluster = cluster(seed, 2);
            populated(&mut cluster, 2);
            let leg = Leg::Between(0, 1);
            if stalled {
                cluster.stall(leg)
            } else {
                cluster.cut(leg)
            }
            cluster.say(0, &user("u1"), 1, false);
            cluster.run_for(3 * SECOND);
            cluster.heal(leg);
            cluster.run_for(3 * SECOND);
            let tally = cluster.tally();
            assert_eq!((tally.unknown, tally.unknown_arrived), (1, arrives), "{tally}");
            calm(&mut cluster);
        });
    }
}

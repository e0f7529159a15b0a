//! Faults of nodes: restarts, crashes, two processes of one name, suspensions.

use super::*;

/// [D14] [D16]
#[test]
fn a_rolling_restart_leaves_everybody_online_and_known() {
    seeds(TRIES, |seed| {
        let mut cluster = cluster(seed, 3);
        let sessions: Vec<_> = (0..12).map(|user| cluster.session(&format!("u{user}"))).collect();
        for session in &sessions {
            cluster.go(*session, session % 3, true);
        }
        cluster.run_for(3 * SECOND);
        for node in 0..3 {
            cluster.shut_down(node, SECOND);
            cluster.run_for(4 * SECOND);
            assert_eq!(cluster.directory(node, |directory| directory.is_stopped()), Some(true));
            let others = (0..3).filter(|other| *other != node);
            for other in others {
                let heard = cluster.directory(other, |directory| directory.nodes().count());
                assert_eq!(heard, Some(1), "node {node} said goodbye to {other}");
            }
            cluster.crash(node);
            cluster.start(node, Wall::default());
            cluster.run_for(8 * SECOND);
        }
        assert_eq!(cluster.tally().departures, 0, "nobody was told to be offline");
        calm(&mut cluster);
        assert!(sessions.iter().all(|session| cluster.state(*session) == State::Open));
    });
}

/// [D8] [D15]
#[test]
fn a_node_that_dies_takes_its_users_with_it_after_a_lease() {
    seeds(TRIES, |seed| {
        let mut cluster = cluster(seed, 3);
        populated(&mut cluster, 6);
        cluster.crash(0);
        cluster.run_for(2 * SECOND);
        assert_eq!(node_of(&cluster, 1, "u0").as_deref(), Some("a"), "nobody has noticed yet");
        cluster.run_for(3 * SECOND);
        assert_eq!(node_of(&cluster, 1, "u0"), None);
        calm(&mut cluster);
    });
}

/// [D2]: the earlier is not young any more. It sends its clients away, and stops.
#[test]
fn of_two_processes_of_one_name_the_later_stays() {
    seeds(TRIES, |seed| {
        let mut cluster = cluster(seed, 3);
        let sessions: Vec<_> = (0..6).map(|user| cluster.session(&format!("u{user}"))).collect();
        for session in &sessions {
            cluster.go(*session, session % 3, true);
        }
        cluster.run_for(5 * SECOND);
        let twin = cluster.twin(0, 1, Wall::default());
        cluster.run_for(5 * SECOND);
        let stopped = [0, twin].map(|node| cluster.directory(node, |directory| directory.is_stopped()));
        assert_eq!(stopped, [Some(true), Some(false)]);
        assert_eq!(cluster.look(0).map(|node| node.hub().online().len()), Some(0), "its clients were sent away");
        calm(&mut cluster);
        assert!(sessions.iter().all(|session| cluster.state(*session) == State::Open), "they found another node");
    });
}

/// [D9]: whether it reads first what has come, or looks at the clock first.
#[test]
fn a_suspended_node_that_wakes_up_is_cut_off_and_forgets_no_node_at_once() {
    for (timer_first, interrupted) in [(true, false), (false, false), (true, true)] {
        seeds(TRIES, |seed| {
            let mut cluster = cluster(seed, 3);
            populated(&mut cluster, 6);
            // So that some of its own hellos are always under way; what they say is old when it wakes up.
            cluster.brokers().delay = 1_100 * MILLISECOND..1_200 * MILLISECOND;
            cluster.run_for(3 * SECOND);
            cluster.suspend(0);
            cluster.run_for(20 * SECOND);
            assert_eq!(node_of(&cluster, 1, "u0"), None, "the others have given it up");
            cluster.wake(0, timer_first, interrupted);
            assert_eq!(cluster.directory(0, |directory| directory.is_cut_off()), Some(true));
            assert_eq!(cluster.directory(0, |directory| directory.nodes().count()), Some(2), "nobody is gone yet");
            calm(&mut cluster);
        });
    }
}

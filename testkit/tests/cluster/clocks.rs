//! Clocks that differ, and that are set back.

use super::*;

/// [D3] [D4]: with a skew of 2 s two logins that did not know of each other are closed so that they come back, and the user ends up
/// with one connection and is not locked out.
#[test]
fn concurrent_logins_under_skew_leave_one_connection_and_lock_nobody_out() {
    seeds(TRIES, |seed| {
        let mut cluster = cluster(seed, 2);
        cluster.set_wall(0, Wall { ahead: 2_000, drift: 0 });
        let [one, other] = ["ann", "ann"].map(|name| cluster.session(name));
        cluster.go(one, 0, false);
        cluster.go(other, 1, false);
        cluster.run_for(20 * SECOND);
        calm(&mut cluster);
        let mut open = states(&cluster, [one, other]);
        open.sort_by_key(|state| *state == State::Open);
        assert_eq!(open, [State::Idle, State::Open], "one of them has the user, the other was told that it has");
        assert!(cluster.tally().concurrent >= 1, "{}", cluster.tally());
    });
}

/// [D3]: a login that knows of one with a stamp from the future is above it all the same.
#[test]
fn a_login_behind_a_clock_that_is_ahead_wins() {
    seeds(TRIES, |seed| {
        let mut cluster = cluster(seed, 3);
        cluster.set_wall(0, Wall { ahead: 60_000, drift: 0 });
        let [old, new] = ["ann", "ann"].map(|name| cluster.session(name));
        cluster.go(old, 0, false);
        cluster.run_for(2 * SECOND);
        cluster.go(new, 1, false);
        cluster.run_for(2 * SECOND);
        assert_eq!(states(&cluster, [old, new]), [State::Idle, State::Open]);
        assert_eq!((cluster.tally().superseded, cluster.tally().concurrent), (1, 0));
        calm(&mut cluster);
        assert_eq!(node_of(&cluster, 2, "ann").as_deref(), Some("b"));
    });
}

/// [D1] [D2]: a node whose clock was set back takes the epoch above the one that is known, and its users are known to all.
#[test]
fn a_clock_that_was_set_back_at_a_restart_locks_nobody_out() {
    seeds(TRIES, |seed| {
        let mut cluster = cluster(seed, 3);
        let sessions = populated(&mut cluster, 6);
        cluster.crash(0);
        cluster.run_for(SECOND);
        let epoch = |cluster: &Cluster| {
            let known = |directory: &directory::Directory| directory.nodes().next().map(|status| status.epoch);
            cluster.directory(1, known).flatten().expect("a is known")
        };
        let before = epoch(&cluster);
        cluster.start(0, Wall { ahead: -3_600_000, drift: 0 });
        cluster.run_for(SECOND + SECOND / 2);
        assert_eq!(epoch(&cluster), before + 1, "it was told, long before what is known of it ends with its lease");
        cluster.run_for(10 * SECOND);
        calm(&mut cluster);
        assert!(sessions.iter().all(|session| cluster.state(*session) == State::Open));
        assert_eq!(node_of(&cluster, 1, "u0").as_deref(), Some("a"));
        assert_eq!(cluster.directory(0, |directory| directory.is_stopped()), Some(false));
    });
}

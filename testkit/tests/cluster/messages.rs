//! Messages between users on different nodes.

use super::*;

/// [D10]: the sender waits for the recipient's acknowledgement, which is a message too, and repeats its own until that comes.
#[test]
fn a_message_that_is_repeated_until_it_is_acknowledged_is_never_lost() {
    seeds(TRIES, |seed| {
        let mut cluster = cluster(seed, 3);
        populated(&mut cluster, 6);
        cluster.brokers().loss = 400;
        let mut letters = Vec::new();
        for nth in 0..30 {
            let [from, to] = [nth % 6, (nth + 1 + nth / 6) % 6].map(|nth| user(&format!("u{nth}")));
            if from != to {
                letters.push(cluster.write(&from, &to));
            }
            match nth {
                5 => cluster.crash(1),
                10 => cut(&mut cluster, 2),
                15 => cluster.start(1, Wall::default()),
                20 => heal(&mut cluster, 2),
                25 => cluster.go(0, 1, true),
                _ => {}
            }
            cluster.run_for(SECOND);
        }
        calm(&mut cluster);
        for letter in letters {
            let (received, acknowledged) = cluster.letter(letter);
            assert!(received >= 1 && acknowledged, "letter {letter}: received {received} times");
        }
        assert!(cluster.tally().repeats > 0, "some came again and were recognised: {}", cluster.tally());
    });
}

/// [D10] [D11]
#[test]
fn messages_to_a_user_who_moves_end_as_routed_or_offline() {
    seeds(TRIES, |seed| {
        let mut cluster = cluster(seed, 3);
        let [ann, bob, again] = ["ann", "bob", "bob"].map(|name| cluster.session(name));
        cluster.go(ann, 0, false);
        cluster.go(bob, 1, false);
        cluster.run_for(SECOND);
        for nth in 0..200 {
            cluster.say(ann, &user("bob"), 10, nth % 3 == 0);
            if nth % 20 == 10 {
                let (session, node) = if nth / 20 % 2 == 0 { (again, 2) } else { (bob, 1) };
                cluster.go(session, node, false);
            }
            cluster.run_for(10 * MILLISECOND);
        }
        cluster.run_for(3 * SECOND);
        calm(&mut cluster);
        let tally = cluster.tally();
        assert!(tally.routed > 100 && tally.offline > 0 && tally.unknown == 0, "{tally}");
    });
}

/// [D12] [D13]
#[test]
fn a_publication_reaches_the_members_of_its_room_on_all_nodes_once() {
    seeds(TRIES, |seed| {
        let mut cluster = cluster(seed, 3);
        let sessions = populated(&mut cluster, 6);
        for session in &sessions {
            cluster.join(*session, "tea".into());
        }
        cluster.run_for(3 * SECOND);
        for session in &sessions {
            cluster.publish(*session, "tea".into());
        }
        cluster.ask_members(0, "tea".into(), 10);
        cluster.run_for(3 * SECOND);
        calm(&mut cluster);
        // Each to the five others.
        assert_eq!(cluster.tally().published, 30 + 5, "one more in the calm");
    });
}

/// [D2] [D10]: both get it, before the sender's node has heard that there are two.
#[test]
fn of_two_processes_of_one_name_only_the_one_it_is_for_delivers_a_message() {
    seeds(TRIES, |seed| {
        let mut cluster = cluster(seed, 2);
        populated(&mut cluster, 2);
        cluster.run_for(4 * SECOND);
        // What the two have to say waits: first the later one is heard, then what the earlier did.
        let twin = cluster.nodes();
        cluster.stall(Leg::Up(1));
        cluster.stall(Leg::Up(twin));
        cluster.twin(1, 0, Wall::default());
        cluster.say(0, &user("u1"), 1, false);
        cluster.run_for(300 * MILLISECOND);
        cluster.heal(Leg::Up(twin));
        cluster.run_for(300 * MILLISECOND);
        cluster.heal(Leg::Up(1));
        cluster.run_for(3 * SECOND);
        let tally = cluster.tally();
        assert_eq!((tally.unknown, tally.unknown_arrived, tally.offline), (1, 1, 0), "{tally}");
        calm(&mut cluster);
    });
}

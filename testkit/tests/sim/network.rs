//! What the network does to connections.

use crate::*;

#[test]
fn a_message_takes_the_delay_there_and_back() {
    let mut sim = Sim::new(1);
    sim.set_delay(20 * MILLISECOND..20 * MILLISECOND);
    sim.serve("chat.example", echo());
    let host = sim.host(config(), dialling("chat.example"));
    sim.connect(host);
    assert_eq!(opens(&mut sim, host), Timestamp::after(40 * MILLISECOND));
    let clock = sim.clock();
    sim.send(host, at_most_once("hello")).expect("there is room");
    sim.run_for(SECOND);
    let delivered: Vec<_> = sim[host].deliveries().collect();
    assert_eq!(delivered, [(Timestamp::after(80 * MILLISECOND), &"hello".to_string())]);
    assert_eq!(clock.now(), Timestamp::after(1040 * MILLISECOND));
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    let run = |seed| {
        let (mut sim, host, _) = open(seed);
        sim.set_delay(MILLISECOND..SECOND);
        for nth in 0..20 {
            sim.send(host, at_most_once(nth.to_string())).expect("there is room");
            sim.run_for(100 * MILLISECOND);
        }
        sim.run_for(5 * SECOND);
        format!("{:?}", sim[host].journal())
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

#[test]
fn one_connection_keeps_its_order_and_two_do_not() {
    let mut overtaken = 0;
    seeds(50, |seed| {
        let mut sim = Sim::new(seed);
        sim.set_delay(MILLISECOND..SECOND);
        let server = sim.serve("chat.example", echo());
        let hosts = [0, 1].map(|_| sim.host(config(), dialling("chat.example")));
        for host in hosts {
            sim.connect(host);
            opens(&mut sim, host);
        }
        for nth in 0..10 {
            sim.send(hosts[nth % 2], at_most_once(format!("{nth:02}"))).expect("there is room");
            sim.run_for(10 * MILLISECOND);
        }
        sim.run_for(20 * SECOND);
        let all = received(&sim, server);
        for (nth, host) in hosts.into_iter().enumerate() {
            let sent: Vec<String> = (0..10).filter(|n| n % 2 == nth).map(|n| format!("{n:02}")).collect();
            let of = |text: &&String| text.parse::<usize>().expect("a number") % 2 == nth;
            assert_eq!(all.iter().filter(of).cloned().collect::<Vec<_>>(), sent);
            assert_eq!(delivered(&sim, host), sent);
        }
        overtaken += usize::from(!all.is_sorted());
    });
    assert!(overtaken > 0, "with these delays some seed must reorder");
}

#[test]
fn a_lost_link_is_silent_until_the_heartbeat_finds_out() {
    let (mut sim, host, server) = open(1);
    sim.lose(host);
    let lost = sim.now();
    sim.send(host, at_most_once("into the void")).expect("there is room");
    let noticed = sim.run_until(|sim| sim[host].state() != State::Open, 60 * SECOND).expect("it is found out");
    assert_eq!(losses(&sim, host), [Loss::HeartbeatTimeout]);
    assert!(noticed.saturating_since(lost) <= 15 * SECOND);
    opens(&mut sim, host);
    assert!(received(&sim, server).is_empty());
    // The server never learned of the end of the first connection.
    assert_eq!(sim.wire(server).links().len(), 2);
}

#[test]
fn a_link_may_be_lost_in_one_direction_only() {
    let (mut sim, host, server) = open(1);
    sim.lose_down(host);
    sim.send(host, at_most_once("one way")).expect("there is room");
    sim.run_for(SECOND);
    assert_eq!((received(&sim, server), delivered(&sim, host)), (vec!["one way".to_string()], vec![]));
    let (mut sim, host, server) = open(1);
    sim.lose_up(host);
    let link = sim.wire(server).links()[0];
    sim.wire(server).send(link, "the other way".into());
    sim.send(host, at_most_once("gone")).expect("there is room");
    sim.run_for(SECOND);
    assert_eq!((received(&sim, server), delivered(&sim, host)), (vec![], vec!["the other way".to_string()]));
}

#[test]
fn in_a_partition_dials_get_no_answer_and_healing_lets_the_next_one_through() {
    let (mut sim, host, server) = open(1);
    sim.partition(host);
    sim.run_for(60 * SECOND);
    assert_eq!(sim.server(server).dials(), 1);
    assert_eq!(losses(&sim, host)[..2], [Loss::HeartbeatTimeout, Loss::ConnectTimeout]);
    sim.heal(host);
    opens(&mut sim, host);
    assert_eq!(sim.server(server).dials(), 2);
}

#[test]
fn what_is_held_back_arrives_late_in_order_and_the_connection_lives() {
    let (mut sim, host, server) = open(1);
    let link = sim.wire(server).links()[0];
    sim.hold(host);
    for nth in 0..3 {
        sim.send(host, at_most_once(format!("up {nth}"))).expect("there is room");
        sim.wire(server).send(link, format!("down {nth}"));
    }
    sim.run_for(5 * SECOND);
    assert!(received(&sim, server).is_empty() && delivered(&sim, host).is_empty());
    sim.release(host);
    sim.run_for(SECOND);
    assert_eq!(received(&sim, server), ["up 0", "up 1", "up 2"]);
    assert_eq!(delivered(&sim, host), ["down 0", "down 1", "down 2", "up 0", "up 1", "up 2"]);
    assert_eq!((sim.server(server).dials(), losses(&sim, host)), (1, vec![]));
}

#[test]
fn a_reset_is_told_to_both_sides_behind_what_is_under_way() {
    let (mut sim, host, server) = open(1);
    sim.send(host, at_most_once("before")).expect("there is room");
    sim.reset(host);
    sim.run_for(100 * MILLISECOND);
    assert_eq!((received(&sim, server), losses(&sim, host)), (vec!["before".to_string()], vec![IO]));
    let closed = sim
        .server(server)
        .journal()
        .iter()
        .filter(|(_, happening)| matches!(happening, Happening::Closed { loss: IO, .. }));
    assert_eq!(closed.count(), 1);
    opens(&mut sim, host);
}

/// Waking up, it reads first; a message that came in time saves the link, however late the timer is.
#[test]
fn a_suspended_host_reads_before_its_timer_and_keeps_a_healthy_link() {
    let (mut sim, host, server) = open(1);
    let link = sim.wire(server).links()[0];
    sim.suspend(host);
    sim.after(3 * SECOND, move |sim| sim.wire(server).send(link, "meanwhile".into()));
    sim.run_for(3600 * SECOND);
    assert!(delivered(&sim, host).is_empty());
    sim.resume(host);
    assert_eq!(delivered(&sim, host), ["meanwhile"]);
    sim.run_for(60 * SECOND);
    assert_eq!((losses(&sim, host), sim.server(server).dials()), (vec![], 1));
}

#[test]
fn a_host_that_slept_finds_a_dead_link_within_one_more_timeout() {
    let (mut sim, host, _) = open(1);
    sim.run_until(|sim| sim[host].stats().pings == 1, 20 * SECOND).expect("it pings");
    sim.lose(host);
    sim.suspend(host);
    sim.run_for(3600 * SECOND);
    sim.resume(host);
    let woken = sim.now();
    let found = sim.run_until(|sim| sim[host].state() == State::Waiting, 60 * SECOND).expect("it is found out");
    assert!(found.saturating_since(woken) <= 5 * SECOND);
    let slept = sim[host].events().any(|(_, event)| matches!(event, Event::Slept { late_ms } if late_ms > 3_500_000));
    assert!(slept, "{:?}", sim[host].journal());
}

#[test]
fn a_dead_link_takes_what_it_has_room_for_and_the_rest_is_kept() {
    let (mut sim, host, server) = open(1);
    sim.set_room(5);
    sim.lose(host);
    for nth in 0..20 {
        sim.send(host, at_most_once(nth.to_string())).expect("there is room");
    }
    assert_eq!(sim[host].queued(), 15);
    sim.run_for(60 * SECOND);
    assert_eq!(received(&sim, server), (5..20).map(|nth| nth.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_server_that_does_not_read_fills_the_connection_and_catches_up() {
    let (mut sim, host, server) = open(1);
    sim.set_room(5);
    sim.suspend_server(server);
    for nth in 0..20 {
        sim.send(host, at_most_once(nth.to_string())).expect("there is room");
    }
    sim.run_for(SECOND);
    assert_eq!((received(&sim, server).len(), sim[host].queued()), (0, 15));
    sim.resume_server(server);
    sim.run_for(SECOND);
    assert_eq!((received(&sim, server).len(), delivered(&sim, host).len(), sim[host].queued()), (20, 20, 0));
}

#[test]
fn a_server_that_is_stopped_refuses_dials_until_it_starts() {
    let (mut sim, host, server) = open(1);
    sim.stop(server);
    sim.run_for(10 * SECOND);
    assert_eq!(losses(&sim, host)[..2], [IO, Loss::Transport(TransportError::Connect)]);
    sim.start(server);
    opens(&mut sim, host);
}

#[test]
fn dials_are_refused_with_a_status_and_a_wish_to_stay_away() {
    let mut sim = Sim::<String>::new(1);
    let server = sim.serve("chat.example", echo());
    let host = sim.host(config(), dialling("chat.example"));
    sim.wire(server).refuse_dials(Some((503, Some(30 * SECOND))));
    sim.connect(host);
    sim.run_for(20 * SECOND);
    assert_eq!((losses(&sim, host), sim.server(server).dials()), (vec![Loss::Status(503)], 1));
    sim.wire(server).refuse_dials(None);
    assert!(opens(&mut sim, host).since_origin() >= 31 * SECOND);
}

#[test]
fn a_name_that_nobody_has_is_not_resolved() {
    let mut sim = Sim::<String>::new(1);
    let host = sim.host(config(), dialling("nobody.example"));
    sim.connect(host);
    assert_eq!(losses(&sim, host), [Loss::Transport(TransportError::Resolve)]);
    let said =
        sim.run_until(|sim| sim[host].state() == State::Open, 5 * SECOND).expect_err("it never opens").to_string();
    let waits = said.contains("host 0: ") && said.contains("the host name was not resolved");
    assert!(said.starts_with("waited in vain for 5s, until 5s") && waits, "{said}");
}

/// The answer is under way when the dial is given up.
#[test]
fn a_dial_that_succeeds_too_late_is_aborted() {
    let mut sim = Sim::<String>::new(1);
    let mut first = None;
    let server = sim.serve("chat.example", move |wire: &mut Wire<'_, String>, happening| match happening {
        Happening::Dial { link, .. } if first.is_none() => {
            first = Some(link);
            wire.ignore(link);
            wire.after(9_998_500 * MICROSECOND, 7);
        }
        Happening::Timer { name: 7 } => assert!(wire.accept(first.expect("the first dial"))),
        _ => {}
    });
    let host = sim.host(config(), dialling("chat.example"));
    sim.connect(host);
    sim.run_until(|sim| sim[host].state() == State::Waiting, 20 * SECOND).expect("it gives up");
    assert_eq!(losses(&sim, host), [Loss::ConnectTimeout]);
    opens(&mut sim, host);
    let aborts = sim[host].journal().iter().filter(|(_, action)| matches!(action, Action::Abort { .. }));
    assert_eq!(aborts.count(), 2, "for the dial that took too long, and for its success");
    assert_eq!(sim.wire(server).links().len(), 1, "the server learned of the abort");
}

#[test]
fn a_silent_server_is_found_dead_and_one_that_speaks_again_is_dialled() {
    let (mut sim, host, server) = open(1);
    sim.wire(server).fall_silent(true);
    sim.run_for(60 * SECOND);
    assert_eq!(losses(&sim, host)[..2], [Loss::HeartbeatTimeout, Loss::ConnectTimeout]);
    sim.wire(server).fall_silent(false);
    opens(&mut sim, host);
    sim.wire(server).answer_pings(false);
    sim.run_until(|sim| sim[host].stats().lost_to_heartbeat == 2, 60 * SECOND).expect("no pong, no life");
}

#[test]
fn closes_are_answered_on_either_side() {
    let (mut sim, host, server) = open(1);
    let link = sim.wire(server).links()[0];
    sim.wire(server).close_for(link, 1012, 100 * SECOND);
    sim.run_for(SECOND);
    assert_eq!(losses(&sim, host), [Loss::Close(1012)]);
    assert!(sim.wire(server).links().is_empty());
    assert!(opens(&mut sim, host).since_origin() > 100 * SECOND);
    sim.close(host, SECOND);
    sim.run_for(SECOND);
    assert_eq!(sim[host].state(), State::Closed);
    let last = sim.server(server).journal().last().map(|(_, happening)| happening.clone());
    assert!(matches!(last, Some(Happening::Closed { loss: Loss::Close(1000), .. })), "{last:?}");
}

#[test]
fn an_end_that_is_reported_twice_is_one_end() {
    let (mut sim, host, server) = open(1);
    sim.report_ends_twice(host);
    sim.reset(host);
    sim.run_for(10 * MILLISECOND);
    opens(&mut sim, host);
    assert_eq!((losses(&sim, host), sim.server(server).dials()), (vec![IO], 2));
    assert_eq!(sim[host].stats().stale, 1);
}

//! One loss, one retry: when it comes, and which one it is.

use std::collections::HashMap;
use std::time::Duration;

use crate::support::*;

/// Loses the dial or connection and waits for the next dial: the number of that attempt.
pub fn lose_and_dial(client: &mut Client) -> u32 {
    client.lose(IO);
    client.run_to_dial()
}

/// Doubling from one second, without jitter.
pub fn doubling() -> Settings {
    Settings { backoff: Backoff::exponential(SECOND, seconds(60), Jitter::None), ..plain() }
}

/// **Bug 1.** The flag that guards the reconnect was set by the first loss and never cleared, so that the client came back
/// once and never again (a tutorial's client).
///
/// [R1] [O1]
#[test]
fn one_loss_schedules_one_retry_again_and_again() {
    let mut client = Client::opened(plain());
    for round in 1..=20 {
        let retry = schedule(round, client.now.saturating_add(SECOND), Cause::Lost(IO));
        assert_eq!(client.lose(IO), [change(State::Open, State::Waiting, Cause::Lost(IO)), retry]);
        let dial =
            [redial(u64::from(round) + 1, round, IO), change(State::Waiting, State::Connecting, Cause::RetryDue)];
        assert_eq!(client.run(SECOND).into_iter().map(|(_, did)| did).collect::<Vec<_>>(), dial);
        client.open();
    }
}

/// **Bug 17.** Only a connection that had once been open was made again; a first dial that failed, at the start of a
/// machine whose network was not up yet, was the last (aspnetcore #24957).
///
/// [R1] [R4]
#[test]
fn a_retry_is_scheduled_after_every_way_to_lose_the_first_dial_or_a_connection() {
    for loss in [Loss::Close(1006), Loss::Status(503), IO, Loss::Transport(TransportError::Resolve)] {
        for open in [false, true] {
            let mut client = Client::new(plain());
            client.connect();
            if open {
                client.open();
            }
            client.lose(loss);
            assert_eq!(client.session.next_dial(), Some((1, at(1_000))), "{loss}");
        }
    }
}

/// [R2]
#[test]
fn by_default_delays_are_uniform_in_five_seconds_then_double_up_to_thirty() {
    let (mut least, mut most) = ([u64::MAX; 6], [0; 6]);
    for seed in 0..400 {
        let settings = Settings { backoff: Backoff::default(), min_dial_gap: millis(1), ..plain() };
        let mut client = Client::seeded(settings, seed);
        client.connect();
        for attempt in 0..most.len() {
            client.sleep(millis(1));
            let lost = client.now;
            lose_and_dial(&mut client);
            let delay = client.now.saturating_since(lost).as_millis() as u64;
            most[attempt] = most[attempt].max(delay);
            least[attempt] = least[attempt].min(delay);
        }
    }
    for (attempt, ceiling) in [5_000, 10_000, 20_000, 30_000, 30_000, 30_000].into_iter().enumerate() {
        assert!(most[attempt] <= ceiling && most[attempt] > ceiling * 97 / 100, "{attempt}: {most:?}");
        assert!(least[attempt] < ceiling * 3 / 100, "{attempt}: {least:?}");
    }
}

/// [R2]
#[test]
fn an_exponential_backoff_without_jitter_doubles_up_to_its_cap_and_a_constant_one_never() {
    let exponential = Backoff::exponential(SECOND, seconds(6), Jitter::None);
    for (backoff, delays) in [(exponential, [1, 2, 4, 6, 6]), (Backoff::constant(seconds(3)), [3; 5])] {
        let mut client = Client::new(Settings { backoff, ..plain() });
        client.connect();
        for delay in delays {
            let lost = client.now;
            lose_and_dial(&mut client);
            assert_eq!(client.now.saturating_since(lost), seconds(delay));
        }
    }
}

/// [R2]
#[test]
fn decorrelated_jitter_grows_with_the_delay_before() {
    let backoff = Backoff::exponential(SECOND, seconds(60), Jitter::Decorrelated);
    let mut most = [0; 4];
    for seed in 0..400 {
        let mut client = Client::seeded(Settings { backoff, ..plain() }, seed);
        client.connect();
        for most in &mut most {
            let lost = client.now;
            lose_and_dial(&mut client);
            *most = client.now.saturating_since(lost).as_secs().max(*most);
        }
    }
    let ceilings = [2..=3, 5..=9, 14..=27, 30..=60];
    assert!(most.iter().zip(&ceilings).all(|(most, ceiling)| ceiling.contains(most)), "{most:?}");
}

/// **Bug 8.** With no delay configured, or none left after an error, the client dialled in a loop as fast as the machine
/// allowed (rumqtt #918 and #703, ezsockets #104).
///
/// [R2]
#[test]
fn no_two_dials_are_closer_than_the_gap_whoever_asks_for_them() {
    let backoff = Backoff { base: millis(1), min: Duration::ZERO, max: millis(1), jitter: Jitter::None };
    let mut client = Client::new(Settings { backoff, min_dial_gap: seconds(2), ..plain() });
    client.connect();
    for _ in 0..5 {
        client.lose(IO);
        for input in [Input::Connect, Input::NetworkChanged, Input::Reconnect] {
            client.input(input);
        }
        client.run(seconds(2));
    }
    client.close(SECOND);
    client.connect();
    client.run(seconds(2));
    assert_eq!(client.dials(), [0, 2_000, 4_000, 6_000, 8_000, 10_000, 12_000]);
}

/// **Bug 8.** The loop can run through the application too: when it hears that the dial was refused, it asks for the next
/// one at once.
///
/// [R2] [R6] [R9]
#[test]
fn a_caller_who_asks_again_and_again_gets_no_loop_of_dials() {
    for ask in [Input::Connect, Input::Reconnect] {
        let mut client = Client::new(Settings { min_dial_gap: millis(250), ..plain() });
        while client.now < at(2_000) {
            client.input(ask.clone());
            if client.state() == State::Connecting {
                client.lose(Loss::Status(403));
            }
            client.run(millis(10));
        }
        assert_eq!(client.dials(), [0, 250, 500, 750, 1_000, 1_250, 1_500, 1_750, 2_000]);
    }
}

/// [R2]
#[test]
fn a_retry_that_would_fall_into_the_gap_comes_its_delay_after_it() {
    let backoff = Backoff::constant(millis(300));
    let mut client = Client::new(Settings { backoff, min_dial_gap: seconds(2), ..plain() });
    client.connect();
    client.lose(IO);
    assert_eq!(client.session.next_dial(), Some((1, at(2_300))), "so that jitter survives the gap");
    client.run(millis(2_300));
    client.sleep(millis(1_500));
    client.lose(IO);
    assert_eq!(client.session.next_dial(), Some((2, at(4_600))), "it would have fallen 200 ms before the end");
    client.run(millis(800));
    client.sleep(millis(1_700));
    client.lose(IO);
    assert_eq!(client.session.next_dial(), Some((3, at(6_600))), "it falls on the end");
}

/// A thousand sessions lose their connections at the same moment and are refused again and again: how long after its
/// latest loss each of them makes its retry number `attempt`, in tenths of a second.
fn crowd(attempt: usize) -> usize {
    let mut tenths: HashMap<u128, usize> = HashMap::new();
    for seed in 0..1_000 {
        let mut client = Client::seeded(Settings { heartbeat: plain().heartbeat, ..Settings::default() }, seed);
        let mut lost = client.now;
        client.open();
        client.run(seconds(60));
        for _ in 0..attempt {
            lost = client.now;
            lose_and_dial(&mut client);
        }
        *tenths.entry(client.now.saturating_since(lost).as_millis() / 100).or_default() += 1;
    }
    tenths.into_values().max().unwrap_or(0)
}

/// **Bug 13.** A server restarts, and all its clients come back in the same instant: it falls over again (phoenix #4045,
/// nats.go #563). Or jitter comes first and the cap after it: at the end of a long outage everybody waits for exactly the
/// longest delay.
///
/// [R2] [P2]
#[test]
fn a_crowd_that_was_cut_off_together_does_not_come_back_together() {
    // Spread over 5 s, a tenth of a second gets 20 of 1,000 on average; over 30 s, 3 or 4.
    for (attempt, most) in [(1, 50), (8, 30)] {
        let peak = crowd(attempt);
        assert!(peak <= most, "{peak} at once in attempt {attempt}");
    }
}

/// **Bug 7.** A server that accepts every connection and closes it at once, overloaded or misconfigured, set the count of
/// attempts back each time: its clients came at full speed for ever (websocket-heartbeat-js #8, phoenix.js).
///
/// [R3]
#[test]
fn a_server_that_accepts_and_closes_meets_a_growing_delay() {
    let mut client = Client::opened(doubling());
    for (attempt, delay) in (1..).zip([1, 2, 4, 8, 16, 32, 60, 60]) {
        client.run(millis(4_999));
        client.lose(Loss::Close(1011));
        assert_eq!(client.session.next_dial(), Some((attempt, client.now.saturating_add(seconds(delay)))));
        client.run_to_dial();
        client.open();
    }
    client.run(seconds(5));
    client.lose(Loss::Close(1011));
    assert_eq!(client.session.next_dial(), Some((1, client.now.saturating_add(SECOND))), "a stable connection");
}

/// A server that accepts and says nothing is no better than one that does not accept.
///
/// [R3]
#[test]
fn silence_is_not_stability() {
    for (mode, silence) in [(when_idle(20, 10), 30), (listen(30), 30), (periodic(20, Some(10)), 10)] {
        let mut client = Client::opened(Settings { max_retries: Some(3), ..beating(mode) });
        for attempt in 1..=3 {
            client.run(seconds(silence));
            assert_eq!(client.run_to_dial(), attempt, "{mode}");
            client.open();
        }
        client.run(seconds(silence));
        assert_eq!(client.session.cause(), Cause::Exhausted(Loss::HeartbeatTimeout), "{mode}");
    }
}

/// [R3]
#[test]
fn stability_is_measured_from_ready_to_the_last_proof_of_life() {
    for (last_life, attempt) in [(4_999, 2), (5_000, 1)] {
        let mut client = Client::opened(beating(when_idle(20, 10)));
        assert_eq!(lose_and_dial(&mut client), 1);
        client.open();
        client.sleep(millis(last_life));
        client.message("life");
        client.sleep(seconds(10));
        assert_eq!(lose_and_dial(&mut client), attempt, "alive until {last_life} ms after ready");
    }
}

/// [R3] [H10]
#[test]
fn where_no_life_is_expected_time_alone_makes_a_connection_stable() {
    let cases = [(HeartbeatMode::Off, None), (periodic(20, None), None), (listen(60), Some(HeartbeatMode::Off))];
    for (mode, dictated) in cases {
        for (age, attempt) in [(4_999, 2), (5_000, 1)] {
            let mut client = Client::opened(beating(mode));
            assert_eq!(lose_and_dial(&mut client), 1);
            client.open();
            if let Some(mode) = dictated {
                client.input(Input::Heartbeat { conn: conn(2), mode });
            }
            client.sleep(millis(age));
            assert_eq!(lose_and_dial(&mut client), attempt, "{mode}, {age} ms old");
        }
    }
}

/// [R3]
#[test]
fn greeting_is_not_being_ready() {
    let mut client = Client::opened(greeting(seconds(60)));
    assert_eq!(lose_and_dial(&mut client), 1);
    client.open();
    client.run(seconds(30));
    client.message("welcome");
    assert_eq!(lose_and_dial(&mut client), 2);
}

/// [R3] [X2]
#[test]
fn connect_and_reconnect_start_the_count_anew_from_idle_closed_and_closing_alone() {
    for (end, ask) in [State::Idle, State::Closed, State::Closing]
        .into_iter()
        .flat_map(|end| [(end, Input::Connect), (end, Input::Reconnect)])
    {
        let mut client = Client::opened(plain());
        lose_and_dial(&mut client);
        assert_eq!(lose_and_dial(&mut client), 2);
        client.open();
        if end == State::Idle {
            client.lose(Loss::Close(1008));
        } else {
            client.close(SECOND);
        }
        if end == State::Closed {
            client.lose(Loss::Close(1000));
        }
        assert_eq!(client.state(), end);
        client.sleep(SECOND);
        client.input(ask);
        assert_eq!(client.state(), State::Connecting);
        assert_eq!(lose_and_dial(&mut client), 1, "{end}");
    }
    for ask in [Input::Connect, Input::Reconnect] {
        let mut client = Client::opened(plain());
        lose_and_dial(&mut client);
        client.lose(IO);
        client.sleep(millis(500));
        client.input(ask);
        assert_eq!(lose_and_dial(&mut client), 2, "the retry that it preempts comes again");
    }
}

//! Whether the other side is still there: proofs of life, pings, verdicts.

use crate::support::*;

/// Pings at 5 s, dies at 10 s.
pub fn idle() -> HeartbeatMode {
    when_idle(5, 5)
}

/// What death by silence on connection 1 does, retried after a second.
pub fn death(millis: u64) -> Vec<(Timestamp, Did)> {
    let (now, cause) = (at(millis), Cause::Lost(Loss::HeartbeatTimeout));
    let did = [Did::Abort(1), change(State::Open, State::Waiting, cause), schedule(1, at(millis + 1_000), cause)];
    did.map(|did| (now, did)).to_vec()
}

/// [H1]
#[test]
fn a_message_or_a_pong_is_proof_of_life_without_a_ping_before_it() {
    let mut client = Client::opened(beating(idle()));
    client.run(seconds(4));
    client.message("tick");
    assert_eq!(client.run(millis(4_999)), []);
    client.pong();
    assert_eq!(pings(&client.run(seconds(5))), [13_999]);
}

/// [H1]
#[test]
fn a_message_answers_a_ping() {
    let mut client = Client::opened(beating(idle()));
    assert_eq!(pings(&client.run(seconds(8))), [5_000]);
    client.message("not a pong");
    assert_eq!(pings(&client.run(seconds(9))), [13_000], "alive at 8 s");
}

/// **Bug 2.** What the client itself writes into the dead link counts as a proof of life: the busiest client notices last.
///
/// [H1] [H4]
#[test]
fn sending_is_no_proof_of_life() {
    let mut client = Client::opened(beating(idle()));
    for _ in 0..9 {
        client.run(SECOND);
        client.at_most_once("tick");
        client.write_all();
        client.rest();
    }
    assert_eq!(client.pings(), [5_000]);
    assert_eq!(client.run(SECOND), death(10_000));
}

/// A message that takes longer to arrive than the heartbeat waits, a ping of the server, a pong to nobody's ping.
///
/// [H1] [C7]
#[test]
fn a_sign_of_life_that_is_no_message_saves_the_link_and_is_not_delivered() {
    let mut client = Client::opened(beating(idle()));
    for _ in 0..60 {
        client.run(seconds(4));
        assert_eq!(client.input(Input::Alive { conn: conn(1) }), []);
    }
    assert_eq!((client.pings(), client.state()), (vec![], State::Open));
    assert_eq!(pings(&client.run(seconds(9))), [245_000]);
    client.input(Input::Alive { conn: conn(1) });
    assert_eq!(pings(&client.run(seconds(5))), [254_000]);
    assert_eq!(client.session.rtt(), None, "no ping was answered by it");
}

/// **Bug 28.** A busy server queues its pongs behind megabytes of data, and the client that received all that data
/// closed the link for want of a pong (okhttp #6690, socket.io #5450).
///
/// [H1] [H4]
#[test]
fn a_stream_of_messages_is_life_even_if_no_pong_ever_comes() {
    for mode in [when_idle(20, 10), periodic(20, Some(10))] {
        let mut client = Client::opened(beating(mode));
        for _ in 0..120 {
            client.run(SECOND);
            assert_eq!(client.state(), State::Open, "{mode}");
            client.message("a block of the download");
        }
    }
}

/// [H2]
#[test]
fn an_idle_link_is_pinged_exactly_interval_after_the_last_life() {
    let mut client = Client::opened(beating(idle()));
    client.now = at(3_217);
    client.message("tick");
    client.now = Timestamp::from_nanos(at(8_217).as_nanos() - 1);
    assert_eq!(client.timer(), []);
    assert_eq!(client.timer_at(8_217), [Did::Ping(1, 1)]);
}

/// **Bug 35.** The server counted only what the client sent; its own steady broadcast kept the client's heartbeat, which
/// waits for silence, from ever sending, and it closed the client as idle.
///
/// [H2]
#[test]
fn a_periodic_heartbeat_pings_at_ready_and_every_interval_whatever_arrives() {
    for (mode, expected) in [
        (periodic(5, Some(5)), &[0, 5_000, 10_000, 15_000][..]),
        (periodic(5, None), &[0, 5_000, 10_000, 15_000]),
        // This is what `Periodic` is for.
        (idle(), &[]),
    ] {
        let mut client = Client::opened(beating(mode));
        for _ in 0..30 {
            client.message("broadcast");
            client.run(millis(500));
        }
        assert_eq!(client.pings(), expected, "{mode}");
    }
}

/// [H2]
#[test]
fn a_periodic_heartbeat_without_timeout_expects_no_answer() {
    let mut client = Client::opened(beating(periodic(5, None)));
    assert_eq!(client.run(seconds(3600)).len(), 720, "pings, and nothing else");
}

/// [H2] [P7]
#[test]
fn a_ping_answered_early_is_followed_by_the_next_on_time_even_if_the_timeout_is_longer() {
    let answers: [Step; 2] = [|client| drop(client.pong()), |client| drop(client.message("life"))];
    for answer in answers {
        let mut client = Client::opened(beating(when_idle(2, 20)));
        client.run(millis(2_001));
        answer(&mut client);
        assert_eq!(pings(&client.run(seconds(2))), [4_001]);
    }
}

/// [H3] [H4] [R7]
#[test]
fn no_ping_is_sent_while_an_answer_is_outstanding() {
    let mut client = Client::opened(beating(when_idle(2, 20)));
    assert_eq!(pings(&client.run(seconds(21))), [2_000]);
    assert_eq!(client.input(Input::NetworkChanged), []);
    assert_eq!(client.run(SECOND), death(22_000));
}

/// **Bug 10.** A ping was still unanswered when its connection ended; the new connection inherited the wait, never
/// answered a ping it had not been sent, and was closed as dead (phoenix #3083).
///
/// [H3] [H4]
#[test]
fn a_ping_left_over_from_the_old_connection_does_not_condemn_the_new_one() {
    let mut client = Client::opened(beating(when_idle(20, 10)));
    client.run(seconds(25));
    client.reconnect();
    client.run_answered(seconds(120));
    assert_eq!((client.state(), client.session.conn()), (State::Open, Some(conn(2))));
}

/// **Bug 1.** The heartbeat's own verdict left the flag set that guards the reconnect, so the client stayed offline until
/// somebody reloaded the page (reconnecting-websocket #125, #134 and #165, partykit #252). **Bug 3.** The verdict began a
/// close handshake with the dead peer and waited for the answer (websockets #1527, react-use-websocket #238, ezsockets
/// #104). **Bug 9.** The client took its own code 1000 for its user's wish to leave (vueuse #2506 and #4310, phoenix
/// #4944).
///
/// [H4] [R1] [R4]
#[test]
fn silence_after_a_ping_is_death_and_schedules_the_retry_in_the_same_step() {
    let mut client = Client::opened(beating(idle()));
    client.run(millis(9_999));
    assert_eq!(client.pings(), [5_000]);
    assert_eq!(client.run(millis(1)), death(10_000), "dropped, and not asked to close");
    assert_eq!(client.session.stats().lost_to_heartbeat, 1);
    assert_eq!(client.run(SECOND)[0], (at(11_000), redial(2, 1, Loss::HeartbeatTimeout)));
}

/// [H4]
#[test]
fn a_periodic_heartbeat_with_timeout_gives_up_on_silence() {
    let mut client = Client::opened(beating(periodic(5, Some(2))));
    client.run(SECOND);
    client.message("alive");
    assert_eq!(client.run(seconds(6))[1..], death(7_000)[..]);
    let mut client = Client::opened(beating(periodic(5, Some(5))));
    assert_eq!(client.run(seconds(5)), death(5_000), "at the very moment of the next ping there is none");
}

/// What a browser needs, which has no ping: nothing is sent that nobody would answer.
///
/// [H5]
#[test]
fn listening_never_pings_and_silence_for_the_timeout_is_death() {
    let mut client = Client::opened(beating(listen(7)));
    for _ in 0..10 {
        client.run(seconds(6));
        client.message("tick");
    }
    assert_eq!(client.input(Input::NetworkChanged), []);
    assert_eq!(client.run(millis(6_999)), []);
    assert_eq!(client.run(millis(1)), death(67_000));
    assert_eq!(client.session.stats().pings, 0);
}

/// **Bug 2.** A cable is pulled, a router forgets a mapping: no event comes, and the client believed for hours in a link
/// on which nothing arrived (reconnecting-websocket #98, graphql-ws #117, okhttp #3197).
///
/// [H9] [H4] [H5]
#[test]
fn death_comes_within_the_detection_time_of_the_last_life() {
    for mode in [idle(), when_idle(2, 9), periodic(5, Some(3)), periodic(5, Some(5)), listen(4)] {
        let bound = mode.detection_time().expect("a bound");
        let silences = (0..40).map(|moment| {
            let mut client = Client::opened(beating(mode));
            for _ in 0..moment {
                client.run(millis(250));
                client.message("alive");
            }
            let last_life = client.now;
            let did = client.run(bound);
            let abort = did.iter().find(|(_, did)| *did == Did::Abort(1));
            let (died, _) = abort.unwrap_or_else(|| panic!("{mode}: alive {last_life:?} and never since"));
            died.saturating_since(last_life)
        });
        assert_eq!(silences.max(), Some(bound), "{mode}: and the bound is reached");
    }
}

/// [H9]
#[test]
fn where_there_is_no_verdict_there_is_no_detection_time() {
    for mode in [HeartbeatMode::Off, periodic(5, None)] {
        let client = Client::opened(beating(mode));
        assert_eq!((client.session.detection_time(), client.session.config().detection_time()), (None, None));
    }
}

/// [H5] [H1]
#[test]
fn the_heartbeat_ends_with_the_close_frame() {
    for mode in [idle(), periodic(5, Some(5)), listen(5)] {
        let mut client = Client::opened(Settings { close_timeout: seconds(60), ..beating(mode) });
        client.close(SECOND);
        assert_eq!((client.run(seconds(59)), client.state()), (vec![], State::Closing), "{mode}");
    }
}

/// [H4] [X1]
#[test]
fn the_heartbeat_goes_on_during_a_drain() {
    let mut client = Client::opened(beating(idle()));
    client.at_least_once("kept");
    client.close(seconds(60));
    assert_eq!(pings(&client.run(seconds(9))), [5_000]);
    assert_eq!(client.run(SECOND), death(10_000));
}

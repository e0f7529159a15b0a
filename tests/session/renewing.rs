//! Credentials that the server refuses.

use crate::support::*;

const REFUSED: Loss = Loss::Status(401);

/// A dial after a loss that says whether to renew the credentials.
fn dial_renewing(conn: u64, attempt: u32, last_loss: Loss, renew: bool) -> Did {
    Did::Connect { conn, attempt, last_loss: Some(last_loss), renew }
}

/// Loses the dial or connection; the next dial.
fn next(client: &mut Client, loss: Loss) -> Did {
    client.lose(loss);
    client.run_to_dial();
    let (_, last) = client.did.iter().rfind(|(_, did)| matches!(did, Did::Connect { .. })).expect("a dial");
    last.clone()
}

/// A session whose first dial was refused for its credentials, in the dial that is to renew them.
fn renewing() -> Client {
    let mut client = Client::new(plain());
    client.connect();
    assert_eq!(next(&mut client, REFUSED), dial_renewing(2, 1, REFUSED, true));
    client
}

/// [R8] [R4]
#[test]
fn refused_credentials_are_renewed_whatever_fails_in_between_and_refused_again_they_stop() {
    for loss in [REFUSED, Loss::Close(4401), Loss::Close(3000), Loss::Application(4401)] {
        let mut client = renewing();
        assert_eq!(next(&mut client, IO), dial_renewing(3, 2, IO, true), "the server was down");
        client.open();
        client.run(seconds(4));
        assert_eq!(next(&mut client, IO), dial_renewing(4, 3, IO, true), "not stable");
        client.lose(loss);
        assert_eq!((client.state(), client.session.cause()), (State::Idle, Cause::Stopped(loss)));
    }
}

/// [R8] [R3]
#[test]
fn after_a_stable_connection_credentials_can_be_renewed_again() {
    let mut client = renewing();
    client.open();
    client.run(seconds(3600));
    assert_eq!(next(&mut client, IO), redial(3, 1, IO), "they were good");
    client.open();
    client.run(seconds(3600));
    assert_eq!(next(&mut client, Loss::Close(4401)), dial_renewing(4, 1, Loss::Close(4401), true), "they ran out");
}

/// [R8]
#[test]
fn a_renewal_counts_as_a_retry() {
    let mut client = Client::new(Settings { max_retries: Some(0), ..plain() });
    client.connect();
    client.lose(REFUSED);
    assert_eq!(client.session.cause(), Cause::Exhausted(REFUSED));
}

/// [R8] [R6]
#[test]
fn connect_from_waiting_still_says_renew() {
    let mut client = renewing();
    client.lose(IO);
    client.sleep(millis(500));
    assert_eq!(client.connect()[0], dial_renewing(3, 0, IO, true));
}

/// [R8]
#[test]
fn connect_from_idle_closed_or_closing_and_reconnect_from_anywhere_forget_the_refusal() {
    let ends: [Step; 6] = [
        |client| drop((client.lose(REFUSED), client.sleep(SECOND).connect())),
        |client| drop((client.close(SECOND), client.sleep(SECOND).connect())),
        |client| drop((client.open(), client.close(SECOND), client.sleep(SECOND).connect())),
        |client| drop(client.sleep(SECOND).input(Input::Reconnect)),
        |client| drop((client.open(), client.sleep(SECOND).input(Input::Reconnect))),
        |client| drop((client.lose(IO), client.sleep(millis(500)).input(Input::Reconnect))),
    ];
    for (place, end) in ends.into_iter().enumerate() {
        let mut client = renewing();
        end(&mut client);
        let (_, last) = client.did.iter().rfind(|(_, did)| matches!(did, Did::Connect { .. })).expect("a dial");
        assert!(matches!(last, Did::Connect { conn: 3, attempt: 0, renew: false, .. }), "end {place}: {last:?}");
        client.lose(REFUSED);
        assert_eq!(client.state(), State::Waiting, "end {place}: refused for the first time");
    }
}

/// [R8] [R9] [P1]
#[test]
fn a_reconnect_that_only_forgets_the_refusal_is_not_ignored() {
    let mut client = Client::new(plain());
    client.connect();
    client.lose(REFUSED);
    client.connect();
    assert_eq!(client.session.next_dial(), Some((0, at(100))));
    client.input(Input::Reconnect);
    assert_eq!(client.session.stats().ignored, 0, "it withdrew the renewal");
    client.input(Input::Reconnect);
    assert_eq!(client.session.stats().ignored, 1, "nothing is left to change");
    assert_eq!(client.run(millis(100))[0].1, redial(2, 0, REFUSED));
}

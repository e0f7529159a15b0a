//! Which losses are worth another dial.

use heartline::{Cause, Input, Loss, RetryPolicy, Settings, State, Verdict, When};

use crate::dials;
use crate::support::{World, plain, seconds};

/// What becomes of a session whose first dial ends so, and the number of dials an hour later.
fn an_hour_after(settings: Settings, loss: Loss) -> (State, Cause, usize) {
    let mut world = World::new(settings);
    world.input(Input::Connect);
    if matches!(loss, Loss::Close(_)) {
        world.open();
    }
    world.lose(loss);
    let (state, cause) = (world.state(), world.session.cause());
    world.run(seconds(3600));
    (state, cause, dials(&world).len())
}

/// **14.** A client that the server had turned away for good, for a wrong token or a broken request, came back
/// every few seconds for ever (reconnecting-websocket #78, #126).
///
/// [R4] [R5]
#[test]
fn a_loss_that_no_dial_can_mend_stops_the_session_and_says_why() {
    let closes = [1002, 1003, 1007, 1008, 3000, 3003, 4400, 4401, 4403, 4409].map(Loss::Close);
    let statuses = [400, 401, 403, 404].map(Loss::Status);
    for loss in closes.into_iter().chain(statuses) {
        assert_eq!(an_hour_after(plain(), loss), (State::Idle, Cause::Stopped(loss), 1), "{loss}");
    }
}

/// **14.** And the other way round: a server that was restarted, or a proxy that lost it, was taken for a final
/// refusal (graphql-ws #446).
///
/// [R4]
#[test]
fn a_server_that_restarts_is_dialled_again() {
    let closes = [1001, 1005, 1006, 1011, 1012, 1013, 1014].map(Loss::Close);
    let statuses = [408, 425, 429, 500, 502, 503, 504].map(Loss::Status);
    for loss in closes.into_iter().chain(statuses) {
        let (state, cause, dials) = an_hour_after(plain(), loss);
        assert_eq!((state, cause), (State::Waiting, Cause::Lost(loss)), "{loss}");
        assert!(dials > 1, "{loss}");
    }
}

/// **14.** The list of final codes was fixed: a server that says 4401 for "fetch a new token and come back", or
/// 1000 before it restarts, could not be told apart (graphql-ws #558, #446).
///
/// [R4]
#[test]
fn what_the_application_knows_of_its_server_comes_before_the_table() {
    let retry = RetryPolicy::default()
        .with(When::Close(4401, 4401), Verdict::Retry)
        .with(When::Close(1000, 1000), Verdict::Retry);
    for code in [4401, 1000] {
        assert_eq!(an_hour_after(plain(), Loss::Close(code)).0, State::Idle, "{code}");
        let (state, ..) = an_hour_after(Settings { retry: retry.clone(), ..plain() }, Loss::Close(code));
        assert_eq!(state, State::Waiting, "{code}");
    }
}

//! Logins by message, and what the hub says of them.

use std::sync::{Arc, Mutex};

use futures_util::SinkExt as _;
use heartline::hub::{SecondLogin, Settings};
use heartline_axum::{Builder, User};
use tokio::sync::oneshot;

use crate::site::{MILLI, Site, plain, quiet, refused, until};
use crate::words::Words;

/// Like [`plain`], but the hook for the first login says when it has begun, and ends when it is told to.
fn slow_first_login() -> (Builder<Words>, oneshot::Receiver<()>, oneshot::Sender<()>) {
    let ((begun, has_begun), (go, may_go)) = (oneshot::channel(), oneshot::channel());
    let first = Arc::new(Mutex::new(Some((begun, may_go))));
    let builder = plain(quiet()).on_login(move |_, name: String| {
        let first = first.lock().expect("no panic").take();
        async move {
            if let Some((begun, may_go)) = first {
                begun.send(()).expect("somebody waits");
                may_go.await.expect("it is told");
            }
            Ok(User::new(name))
        }
    });
    (builder, has_begun, go)
}

#[tokio::test]
async fn a_login_is_denied_by_the_application_or_refused_by_the_hub_and_may_be_tried_again() {
    let site = Site::start(plain(Settings { second_login: SecondLogin::Refuse, ..quiet() })).await;
    let mut ann = site.enter("ann").await;
    let mut other = site.dial().await;
    assert_eq!(other.ask("login mallory|").await, "denied: no valid name");
    assert_eq!(other.ask("login ann|").await, "refused: the user is connected already");
    assert_eq!(other.ask("login bob|").await, "hello bob");
    ann.ping().await;
}

#[tokio::test]
async fn a_newer_login_replaces_the_older_connection_which_is_closed_with_4409() {
    let site = Site::start(plain(quiet())).await;
    let old = site.enter("ann").await;
    let mut new = site.enter("ann").await;
    assert_eq!(old.closed().await, (4409, "replaced by a newer login".into()));
    new.say("to ann|to myself").await;
    assert_eq!(new.receive().await, "ann: to myself");
}

/// What the client wrote behind its login besides, if anything: frames of a heartbeat.
async fn hangs_up_while_its_login_is_verified(behind: &[&str], goodbye: bool) {
    let (builder, has_begun, go) = slow_first_login();
    let site = Site::start(builder).await;
    let mut gone = site.dial().await;
    gone.socket.get_ref().set_nodelay(true).expect("an option"); // What it writes last has arrived when the hook ends.
    gone.say("login ann|").await;
    has_begun.await.expect("the hook begins");
    for text in behind {
        gone.say(text).await;
    }
    if goodbye {
        gone.socket.close(None).await.expect("a close frame");
    } else {
        drop(gone);
    }
    let mut ann = site.dial().await;
    assert_eq!(ann.ask("login ann|").await, "hello ann");
    go.send(()).expect("the hook waits");
    until("its end", || site.server.stats().connections == 1).await;
    ann.ping().await;
}

#[tokio::test]
async fn the_login_of_a_client_that_hung_up_while_the_hook_ran_does_not_replace_the_newer_connection() {
    hangs_up_while_its_login_is_verified(&[], false).await;
    hangs_up_while_its_login_is_verified(&[], true).await;
    hangs_up_while_its_login_is_verified(&["ping", "ping"], true).await;
}

#[tokio::test]
async fn what_a_client_sends_behind_its_login_counts_even_if_it_has_hung_up_when_the_hook_ends() {
    let (builder, has_begun, go) = slow_first_login();
    let site = Site::start(builder.on_user(|cx| async move { Ok(cx.join("hall").map(|_| ())?) })).await;
    let mut bob = site.enter("bob").await;
    let mut ann = site.dial().await;
    ann.socket.get_ref().set_nodelay(true).expect("an option");
    ann.say("login ann|").await;
    has_begun.await.expect("the hook begins");
    for text in ["ping", "to bob|one", "room hall|two", "to bob|three"] {
        ann.say(text).await;
    }
    ann.socket.close(None).await.expect("a close frame");
    go.send(()).expect("the hook waits");
    for expected in ["ann: one", "ann in hall: two", "ann: three"] {
        assert_eq!(bob.receive().await, expected);
    }
}

#[tokio::test]
async fn who_does_not_log_in_is_closed_with_4408() {
    let site = Site::start(plain(Settings { login_timeout: 50 * MILLI, ..quiet() })).await;
    assert_eq!(site.dial().await.closed().await, (4408, "no login in time".into()));
}

#[tokio::test]
async fn unknown_events_are_answered_once_in_a_while() {
    let site = Site::start(plain(quiet())).await;
    let mut ann = site.enter("ann").await;
    assert_eq!(ann.ask("nonsense").await, "what?");
    ann.say("nonsense").await;
    ann.ping().await;
}

#[tokio::test]
async fn the_hook_for_a_user_is_called_once_after_the_first_login_by_request_or_by_message() {
    let builder =
        plain(quiet()).on_open(|cx| async move { Ok(cx.reply(&"open".to_owned())?) }).on_user(|cx| async move {
            let members = cx.join("hall")?;
            Ok(cx.reply(&format!("{} is {members} in hall", cx.user().expect("logged in")))?)
        });
    let site = Site::start(builder).await;
    let mut ann = site.enter("ann").await;
    assert_eq!((ann.receive().await, ann.receive().await), ("open".into(), "ann is 1 in hall".into()));
    let mut bob = site.dial().await;
    assert_eq!(bob.receive().await, "open");
    bob.ping().await;
    bob.socket.feed("login bob|".into()).await.expect("fed");
    bob.say("echo and then?").await;
    assert_eq!((bob.receive().await, bob.receive().await), ("hello bob".into(), "bob is 2 in hall".into()));
    assert_eq!(bob.receive().await, "and then?", "the hook comes before the next message");
    assert_eq!(bob.ask("login bob|").await, "hello bob");
    bob.ping().await;
}

#[tokio::test]
async fn who_is_not_logged_in_is_not_told_who_is_online() {
    let site = Site::start(plain(quiet()).presence(10 * MILLI, 200)).await;
    let mut anonymous = site.dial().await;
    anonymous.say("watch").await;
    anonymous.ping().await;
    let mut ann = site.enter("ann").await;
    assert_eq!(ann.ask("watch").await, "online 0 1 of 1");
    anonymous.ping().await;
    assert_eq!(anonymous.ask("login bob|").await, "hello bob");
}

#[tokio::test]
async fn a_request_of_a_user_who_is_connected_is_answered_with_409_where_second_logins_are_refused() {
    let site = Site::start(plain(Settings { second_login: SecondLogin::Refuse, ..quiet() })).await;
    let mut ann = site.enter("ann").await;
    let (status, _, text) = refused(site.try_dial(&[("Authorization", "Bearer ann")]).await);
    assert_eq!((status, text.as_str()), (409, "the user is connected already"));
    ann.ping().await;
    drop(ann);
    until("its end", || site.server.stats().connections == 0).await;
    site.enter("ann").await.ping().await;
}

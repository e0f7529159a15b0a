//! Rooms, and feeds into them.

use heartline::hub::Settings;
use heartline_axum::SendError;

use crate::site::{Site, plain, quiet, until};

#[tokio::test]
async fn who_is_in_a_room_hears_what_is_said_in_it_and_a_feed_until_it_leaves_or_ends() {
    let site = Site::start(plain(quiet())).await;
    let (mut ann, mut bob, mut carl) = (site.enter("ann").await, site.enter("bob").await, site.enter("carl").await);
    assert_eq!(ann.ask("join btc").await, "1 in btc");
    assert_eq!(bob.ask("join btc").await, "2 in btc");
    carl.say("room btc|from outside").await;
    assert_eq!(ann.receive().await, "carl in btc: from outside");
    assert_eq!(bob.receive().await, "carl in btc: from outside");
    let reached = site.server.broadcast("btc", &"candle".to_owned()).expect("sent");
    assert_eq!((reached.reached, reached.missed), (2, 0));
    assert_eq!((ann.receive().await, bob.receive().await), ("candle".into(), "candle".into()));
    let (first, count) = site.server.members("btc", None, 1);
    assert_eq!((first.len(), first[0].1.as_str(), count), (1, "ann", 2));
    site.server.leave(first[0].0, "btc");
    drop(bob);
    until("its end", || site.server.members("btc", None, 9) == (Vec::new(), 0)).await;
    assert_eq!(site.server.broadcast("btc", &"candle".to_owned()).map(|reached| reached.reached), Ok(0));
    ann.ping().await;
    carl.ping().await;
}

#[tokio::test]
async fn a_join_is_refused_for_a_reason_and_without_one_when_it_is_repeated() {
    let site = Site::start(plain(Settings { max_rooms_per_connection: 1, ..quiet() })).await;
    let mut ann = site.enter("ann").await;
    assert_eq!(ann.ask("join btc").await, "1 in btc");
    let conn = site.server.conn_of(&"ann".to_owned()).expect("online");
    let refused = site.server.join(conn, "eth").expect_err("too many");
    assert_eq!(refused.to_string(), "the connection is in too many rooms");
    assert_eq!(site.server.join(conn, "eth").expect_err("too many").to_string(), "refused again");
    let mut anonymous = site.dial().await;
    anonymous.say("room btc|psst").await;
    anonymous.ping().await;
    assert_eq!(site.server.stats().errors, 1, "{}", SendError::NotLoggedIn);
}

//! Clients that read too slowly.

use std::time::Duration;

use heartline::hub::{RateLimit, Settings};
use heartline_axum::{Audience, FrameLimits};

use crate::site::{HOUR, Site, plain, quiet};

const TEXT: usize = 32 * 1024;

/// For a budget of 256 KiB.
fn small() -> FrameLimits {
    FrameLimits { max_outbound_message: 2 * TEXT, ..FrameLimits::default() }
}

/// Fills the socket of a user that reads nothing, and its budget.
async fn fill(site: &Site, sender: &mut crate::site::Client, to: &str) -> usize {
    let text = "x".repeat(TEXT);
    for count in 0..5000 {
        sender.say(&format!("to {to}|{text}")).await;
        sender.say("ping").await;
        match sender.receive().await.as_str() {
            "pong" => {}
            refused => {
                assert_eq!(refused, format!("{to}: too much waits to be written"));
                assert_eq!(sender.receive().await, "pong");
                assert!(site.server.stats().unwritten <= 256 * 1024);
                return count;
            }
        }
    }
    panic!("so much, and it is not full");
}

#[tokio::test]
async fn who_reads_nothing_costs_its_senders_their_messages_and_learns_how_many_it_has_missed() {
    let settings = Settings { budget: 256 * 1024, volatile_above: 64 * 1024, slow_timeout: HOUR, ..quiet() };
    let site = Site::start(plain(settings).limits(small())).await;
    let (mut deaf, mut ann) = (site.enter("deaf").await, site.enter("ann").await);
    let count = fill(&site, &mut ann, "deaf").await;
    for _ in 0..3 {
        let reached = site.server.broadcast(Audience::All, &"x".repeat(TEXT)).expect("sent");
        assert_eq!((reached.reached, reached.missed), (1, 1));
        assert_eq!(ann.receive().await.len(), TEXT);
    }
    for _ in 0..count {
        assert_eq!(deaf.receive().await.len(), TEXT + 5);
    }
    assert_eq!(deaf.receive().await, "missed 3");
    deaf.ping().await;
    assert_eq!(site.server.stats().hub.closed_slow, 0);
}

#[tokio::test]
async fn who_stays_slow_is_closed_with_1013_behind_what_was_queued() {
    let settings =
        Settings { budget: 256 * 1024, volatile_above: 64 * 1024, slow_timeout: Duration::from_millis(100), ..quiet() };
    let site = Site::start(plain(settings).limits(small())).await;
    let (deaf, mut ann) = (site.enter("deaf").await, site.enter("ann").await);
    let text = "x".repeat(TEXT);
    while site.server.conn_of(&"deaf".to_owned()).is_some() {
        ann.say(&format!("to deaf|{text}")).await;
        ann.say("ping").await;
        while ann.receive().await != "pong" {}
    }
    assert_eq!(deaf.closed().await, (1013, "reading too slowly".into()));
    assert_eq!(site.server.stats().hub.closed_slow, 1);
}

#[tokio::test]
async fn settings_under_which_the_largest_message_is_never_delivered_are_no_server() {
    let kib = 1024;
    let burst = |burst| Some(RateLimit { burst, ..RateLimit::per_second(kib, kib) });
    let outbound = Some("limits.max_outbound_message is 524288; allowed is at most 524287, settings.budget less 64");
    let inbound =
        Some("limits.max_inbound_message is 65536; allowed is at most 65535, three times settings.bytes.burst");
    for (settings, refused) in [
        (Settings { budget: 512 * kib + 64, ..quiet() }, None),
        (Settings { budget: 512 * kib + 63, ..quiet() }, outbound),
        (Settings { bytes: burst(21_846), ..quiet() }, None),
        (Settings { bytes: burst(21_845), ..quiet() }, inbound),
        (Settings::default(), None),
    ] {
        let built = plain(settings).build().err().map(|error| error.to_string());
        assert_eq!(built.as_deref(), refused);
    }
}
